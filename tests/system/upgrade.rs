//! WebSocket: a tunnel after the service's 101, and nothing but an answer otherwise.

use maitred_tests::frames::{Frame, HEADERS, RawHttp2, request};
use maitred_tests::{Echo, Fake, Gateway, Origin, PATIENCE, eventually, open_websocket, websocket_echo};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::to;

#[test]
fn messages_of_every_size_come_back() {
    let service = websocket_echo();
    let gateway = to(&service.url());
    let before = gateway.traces();
    let mut socket = open_websocket(&gateway);
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let message = Message::binary(maitred_tests::pattern(len));
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.send(Message::Ping("ping".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("ping".into()));
    socket.close(None).unwrap();
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    drop(socket);
    gateway.is_back_to(&before);
    assert_eq!(gateway.access_to("/chat").number("status"), 101);
}

#[test]
fn the_service_may_close_first() {
    let service = websocket_echo();
    let gateway = to(&service.url());
    let before = gateway.traces();
    let mut socket = open_websocket(&gateway);
    socket.send(Message::text("close, please")).unwrap();
    let Message::Close(Some(reason)) = socket.read().unwrap() else { panic!("no close") };
    assert_eq!((reason.code, reason.reason.as_str()), (CloseCode::Away, "as you wish"));
    assert!(matches!(socket.read(), Err(tungstenite::Error::ConnectionClosed)));
    drop(socket);
    gateway.is_back_to(&before);
}

#[test]
fn a_tunnel_ends_with_either_side() {
    let service = websocket_echo();
    let gateway = to(&service.url());
    let before = gateway.traces();
    // The client vanishes without a word.
    drop(open_websocket(&gateway));
    gateway.is_back_to(&before);
    // The service does.
    let (told, heard) = std::sync::mpsc::channel();
    let service = Fake::start(move |wire, _| {
        told.send(tungstenite::accept(wire.into_tcp()).unwrap()).unwrap();
    });
    let gateway = to(&service.url());
    let before = gateway.traces();
    let mut socket = open_websocket(&gateway);
    drop(heard.recv_timeout(PATIENCE).unwrap());
    assert!(socket.read().is_err());
    drop(socket);
    gateway.is_back_to(&before);
}

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn what_is_sent_behind_the_heads_is_not_lost() {
    let service = Fake::start(|mut wire, _| {
        assert_eq!(wire.head().field("Upgrade"), Some("websocket"));
        wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst words");
        assert_eq!(wire.exactly(5), b"early");
    });
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    wire.send(format!("{UPGRADE}early"));
    let head = wire.head();
    assert_eq!(
        (head.status(), head.field("Upgrade"), head.field("Connection")),
        (101, Some("websocket"), Some("Upgrade"))
    );
    assert_eq!(wire.exactly(11), b"first words");
}

#[test]
fn a_refused_upgrade_is_an_answer_like_any_other() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let mut wire = gateway.connect();
    let answer = wire.ask(&UPGRADE.replace("\r\n\r\n", "\r\nX-Ask: status 403\r\n\r\n"));
    assert_eq!((answer.status(), answer.head.has("Upgrade")), (403, false));
    wire.is_open();
}

#[test]
fn a_101_that_nobody_asked_for_is_a_502() {
    let service = Fake::answering(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let gateway = to(&service.url());
    let before = gateway.traces();
    let answer = gateway.curl("/", &[]);
    assert_eq!((answer.status(), answer.json()["detail"].as_str()), (502, Some("Bad gateway")));
    gateway.log().wait_for("the protocol was changed", |line| {
        line.contains("changed to a protocol") && line.contains(&service.port().to_string())
    });
    gateway.is_back_to(&before);
}

#[test]
fn only_websocket_may_be_upgraded_to() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for (connection, upgrade) in
        [("Upgrade, HTTP2-Settings", "h2c"), ("Upgrade", "TLS/1.0"), ("Upgrade", "example/2")]
    {
        let answer = gateway.connect().ask(&format!(
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        ));
        let echo = Echo::of(&answer);
        assert!(!echo.has("Upgrade") && !echo.has("Connection"), "{upgrade}");
        assert_eq!(echo.has("HTTP2-Settings"), upgrade != "h2c", "named by Connection or not");
    }
    // Without Connection saying so, Upgrade means nothing; with a body, or another method, no tunnel is opened.
    for request in [
        "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        assert!(!Echo::of(&gateway.connect().ask(request)).has("Upgrade"), "{request}");
    }
}

#[test]
fn other_protocols_may_be_upgraded_to_where_a_route_lists_them() {
    let service = Fake::start(|mut wire, number| {
        let head = wire.head();
        assert_eq!(head.field("Upgrade"), Some("SPDY/3.1"));
        let to = if number == 0 { "spdy/3.1" } else { "websocket" };
        wire.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {to}\r\n\r\n"
        ));
        wire.send("streams");
        wire.rest_to_any_end();
    });
    let gateway = Gateway::start(&format!(
        "routes: {{ exec: {{ match: /*, upstream: \"{}\", upgrades: [websocket, spdy/3.1] }} }}",
        service.url()
    ));
    let request = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: other, SPDY/3.1\r\n\r\n";
    let mut wire = gateway.connect();
    wire.send(request);
    let head = wire.head();
    assert_eq!((head.status(), head.field("Upgrade")), (101, Some("spdy/3.1")));
    assert_eq!(wire.exactly(7), b"streams");
    // A service that changes to something else than it was asked for is not to be trusted.
    assert_eq!(gateway.connect().ask(request).status(), 502);
}

#[test]
fn nothing_may_be_upgraded_to_where_a_route_says_so() {
    let origin = Origin::start();
    let gateway =
        Gateway::start(&format!("routes: {{ app: {{ upstream: \"{}\", upgrades: false }} }}", origin.url()));
    let mut wire = gateway.connect();
    let echo = Echo::of(&wire.ask(UPGRADE));
    assert!(!echo.has("Upgrade") && !echo.has("Connection"));
    wire.is_open();
    // Over HTTP/2 any 2xx would open the tunnel, so that the service's answer must not look like one (RFC 8441 section 5).
    let mut client = RawHttp2::begin(gateway.connect(), &[]);
    let protocol = [(":protocol", "websocket"), ("sec-websocket-version", "13")];
    client.send(&[Frame::head(1, 0, &[&request("CONNECT", "/chat")[..], &protocol].concat())]);
    assert_eq!(client.find("the answer", |frame| frame.kind == HEADERS).status(), 502);
}

#[test]
fn a_version_of_websocket_that_is_not_spoken_is_told() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let answer = gateway.connect().ask(&UPGRADE.replace("Version: 13", "Version: 8"));
    assert_eq!((answer.status(), answer.head.field("Sec-WebSocket-Version")), (426, Some("13")));
}

#[test]
fn many_tunnels_are_counted_and_leave_nothing() {
    let service = websocket_echo();
    let gateway = to(&service.url());
    let before = gateway.traces();
    let mut sockets: Vec<_> = (0..50).map(|_| open_websocket(&gateway)).collect();
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send(Message::text(number.to_string())).unwrap();
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.read().unwrap(), Message::text(number.to_string()));
    }
    eventually("all are counted", || {
        (gateway.metrics().sum("maitred_upstream_connections", &[]) >= 50).then_some(())
    });
    drop(sockets);
    gateway.is_back_to(&before);
}
