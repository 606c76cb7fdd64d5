//! `WebSockets` between clients and services of others, over HTTP/1.1 and HTTP/2, in the clear and over TLS.

use maitred_tests::frames::RawHttp2;
use maitred_tests::{
    Authority, Folder, Gateway, Tunnel, WebSocketClient, WebSocketService, eventually, skipped,
    websocket_echo,
};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// Libraries of clients: the first speaks HTTP/1.1, the second HTTP/2.
const CLIENTS: [&str; 2] = ["websockets", "h2"];

/// In front of one service, on the listeners `web` and `tls`; the folder holds the authority of the latter.
fn in_front_of(service: &str, name: &str) -> (Gateway, Folder) {
    let authority = Authority::default();
    let shop = authority.server(&["shop.test"]);
    let folder = Folder::default();
    folder.write("ca.pem", &authority.certificate());
    let files = [("shop.pem", shop.certificate.as_str()), ("shop.key", shop.key.as_str())];
    (Gateway::start_with(&files, &document(service, name)), folder)
}

fn document(service: &str, name: &str) -> String {
    format!(
        "listeners:\n  web: \"http://127.0.0.1:PORT_web\"\n  \
         tls: {{ address: \"127.0.0.1:PORT_tls\", tls: {{ certificates: {{ cert: shop.pem, key: shop.key }} }} }}\n\
         routes:\n  chat: {{ match: /chat, upstream: \"{service}\" }}\n  name: {{ match: /name, respond: {name} }}\n"
    )
}

#[test]
fn clients_and_services_of_others_understand_each_other() {
    for library in ["websockets", "hypercorn"] {
        let Some(service) = WebSocketService::start(library) else {
            let test = "websocket_peers::clients_and_services_of_others_understand_each_other";
            return skipped(test, "the Python libraries websockets and hypercorn are not installed");
        };
        let (gateway, folder) = in_front_of(&service.url(), "one");
        let ca = folder.join("ca.pem");
        for client in CLIENTS {
            for (port, authority) in [("web", None), ("tls", Some(ca.as_path()))] {
                let Some(mut client) = WebSocketClient::open(client, gateway.port(port), authority) else {
                    panic!("{client} is installed with the others")
                };
                for len in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
                    let text = "é".repeat(len);
                    assert!(client.exchange(&text) == text, "{library}, {port}: {len}");
                }
                assert_eq!(client.close(), 1000, "{library}, {port}");
            }
        }
        let lines = gateway.access(4, |access| access.text("path") == "/chat");
        let versions: Vec<String> = lines.iter().map(|line| line.text("protocol")).collect();
        assert_eq!(versions.iter().filter(|version| *version == "HTTP/2").count(), 2, "{versions:?}");
    }
}

#[test]
fn they_survive_reloads_and_may_end_by_themselves_at_the_stop() {
    let service = websocket_echo();
    let (mut gateway, folder) = in_front_of(&service.url(), "one");
    let ca = folder.join("ca.pem");
    let places = [("web", None), ("tls", Some(ca.as_path()))];
    let open = CLIENTS.into_iter().flat_map(|client| places.map(|place| (client, place)));
    let clients: Option<Vec<_>> = open
        .map(|(client, (port, authority))| WebSocketClient::open(client, gateway.port(port), authority))
        .collect();
    let Some(mut clients) = clients else {
        let test = "websocket_peers::they_survive_reloads_and_may_end_by_themselves_at_the_stop";
        return skipped(test, "the Python libraries websockets and h2 are not installed");
    };
    let mut tunnel = Tunnel::open(RawHttp2::begin(gateway.connect(), &[]), "/chat");
    let mut socket = WebSocket::from_raw_socket(&mut tunnel, Role::Client, None);
    let mut all_talk = |clients: &mut [WebSocketClient], text: &str| {
        for client in clients {
            assert_eq!(client.exchange(text), text);
        }
        socket.send(Message::text(text)).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(text));
    };
    all_talk(&mut clients, "before");
    for name in ["two", "three"] {
        gateway.reload(&document(&service.url(), name));
        assert_eq!(gateway.curl("/name", &[]).text(), name);
        all_talk(&mut clients, name);
    }
    // A document in which nothing leads to the service any more.
    gateway.reload(&document("http://127.0.0.1:PORT_none", "four"));
    all_talk(&mut clients, "four");
    // The library h2 takes any GOAWAY for the end, also one that lets streams go on.
    for client in clients.drain(2..) {
        assert_eq!(client.close(), 1000);
    }
    gateway.signal("TERM");
    gateway.log().wait_for("that it stops", |line| line.contains("stopping"));
    all_talk(&mut clients, "while it stops");
    for client in clients {
        assert_eq!(client.close(), 1000);
    }
    socket.close(None).unwrap();
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    drop(tunnel);
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn they_are_cut_at_the_stop_once_their_time_is_over() {
    let service = websocket_echo();
    let mut gateway = Gateway::start(&format!(
        "limits: {{ drain_timeout: 300ms }}\nroutes: {{ chat: {{ upstream: \"{}\" }} }}\n",
        service.url()
    ));
    gateway.may_end_anyhow();
    let clients: Option<Vec<_>> =
        CLIENTS.map(|client| WebSocketClient::open(client, gateway.port("web"), None)).into_iter().collect();
    let Some(clients) = clients else {
        let test = "websocket_peers::they_are_cut_at_the_stop_once_their_time_is_over";
        return skipped(test, "the Python libraries websockets and h2 are not installed");
    };
    gateway.signal("TERM");
    gateway.wait();
    gateway.log().wait_for("why", |line| line.contains("drain_timeout"));
    drop(clients);
}

#[test]
fn a_client_that_vanishes_leaves_nothing() {
    let service = websocket_echo();
    let gateway = crate::to(&service.url());
    let before = gateway.traces();
    for client in CLIENTS {
        let Some(mut client) = WebSocketClient::open(client, gateway.port("web"), None) else {
            let test = "websocket_peers::a_client_that_vanishes_leaves_nothing";
            return skipped(test, "the Python libraries websockets and h2 are not installed");
        };
        assert_eq!(client.exchange("a"), "a");
        eventually("it is counted", || {
            (gateway.metrics().sum("maitred_upstream_connections", &[]) == 1).then_some(())
        });
        // Killed.
        drop(client);
        gateway.is_back_to(&before);
    }
}
