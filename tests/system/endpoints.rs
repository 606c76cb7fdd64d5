//! Upstreams with several endpoints, their pools and limits.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use maitred_tests::{Echo, Fake, Gateway, Origin, PATIENCE, Port, eventually};

fn with_upstream(upstream: &str) -> Gateway {
    Gateway::start(&format!("upstreams: {{ app: {upstream} }}\nroutes: {{ app: {{ upstream: app }} }}\n"))
}

/// How many of so many requests on one connection each service got.
fn shares(gateway: &Gateway, requests: usize) -> BTreeMap<String, usize> {
    let mut wire = gateway.connect();
    let mut shares = BTreeMap::new();
    for _ in 0..requests {
        let name = Echo::of(&wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n")).name().to_owned();
        *shares.entry(name).or_default() += 1;
    }
    shares
}

#[test]
fn endpoints_take_turns_by_their_weights() {
    let (a, b, c) = (Origin::named("a"), Origin::named("b"), Origin::named("c"));
    let gateway = with_upstream(&format!(
        "{{ endpoints: [\"{}\", {{ url: \"{}\", weight: 3 }}, {{ url: \"{}\", weight: 0 }}] }}",
        a.url(),
        b.url(),
        c.url()
    ));
    let shares = shares(&gateway, 40);
    assert_eq!(shares, [("a".to_owned(), 10), ("b".to_owned(), 30)].into());
}

#[test]
fn endpoints_that_are_down_are_passed_over() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let down = Port::reserve();
    let gateway = with_upstream(&format!(
        "{{ endpoints: [\"{}\", \"http://127.0.0.1:{}\", \"{}\"], outlier_detection: false }}",
        a.url(),
        down.number(),
        b.url()
    ));
    let shares = shares(&gateway, 30);
    assert_eq!(shares.values().sum::<usize>(), 30, "every request was answered");
    assert!(shares["a"] >= 10 && shares["b"] >= 10, "{shares:?}");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_upstream_failures_total", &[("kind", "connect_failure")]), 10);
    assert_eq!(metrics.sum("maitred_upstream_retries_total", &[]), 10);
    // A request that was never sent goes on whatever its method, and with its body.
    let mut wire = gateway.connect();
    for _ in 0..6 {
        let answer = wire.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(Echo::of(&answer).len(), 3);
    }
}

#[test]
fn all_endpoints_down_is_a_502_after_each_was_tried() {
    let (a, b) = (Port::reserve(), Port::reserve());
    let gateway =
        with_upstream(&format!("[\"http://127.0.0.1:{}\", \"http://127.0.0.1:{}\"]", a.number(), b.number()));
    let answer = gateway.curl("/x", &[]);
    assert_eq!((answer.status(), answer.json()["detail"].as_str()), (502, Some("Bad gateway")));
    assert_eq!(gateway.access_to("/x").number("attempts"), 2);
}

#[test]
fn an_endpoint_that_comes_back_serves_again() {
    let port = Port::reserve();
    let gateway = with_upstream(&format!("\"http://127.0.0.1:{}\"", port.number()));
    assert_eq!(gateway.curl("/", &[]).status(), 502);
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.set_reuse_address(true).unwrap();
    listener.set_reuse_port(true).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port.number())).into()).unwrap();
    listener.listen(16).unwrap();
    let listener: std::net::TcpListener = listener.into();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback").unwrap();
    });
    assert_eq!(gateway.curl("/", &[]).text(), "back");
}

/// Serves on each connection until it is told to let one request go on.
fn held() -> (Fake, std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    let ((told, arrived), (release, released)) = (channel(), channel::<()>());
    let released = std::sync::Mutex::new(released);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            told.send(()).unwrap();
            if released.lock().unwrap().recv_timeout(PATIENCE).is_err() {
                return;
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        }
    });
    (service, arrived, release)
}

#[test]
fn an_upstream_has_so_many_connections_and_no_more() {
    let (service, arrived, release) = held();
    let gateway = with_upstream(&format!("{{ endpoints: \"{}\", max_connections: 2 }}", service.url()));
    let mut busy: Vec<_> = (0..2)
        .map(|_| {
            let mut wire = gateway.connect();
            wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            arrived.recv_timeout(PATIENCE).unwrap();
            wire
        })
        .collect();
    let answer = gateway.curl("/full", &[]);
    assert_eq!((answer.status(), answer.json()["detail"].as_str()), (503, Some("Service unavailable")));
    assert!(answer.head.has("Retry-After"));
    assert_eq!(gateway.access_to("/full").text("outcome"), "upstream_connections");
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    assert!(busy.iter_mut().all(|wire| wire.answer().text() == "OK"));
}

#[test]
fn idle_connections_are_in_nobodys_way() {
    // Each worker keeps connections of its own; those of another one must not count when a request comes.
    let origin = Origin::start();
    let gateway = with_upstream(&format!("{{ endpoints: \"{}\", max_connections: 1 }}", origin.url()));
    for _ in 0..20 {
        // On the same connection, and so on the same worker. The client has an answer before the worker has noted its end,
        // so that a few may come too early.
        let mut wire = gateway.connect();
        eventually("there is room", || {
            (wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n").status() == 200).then_some(())
        });
    }
}

#[test]
fn connections_are_used_again_or_not_as_configured() {
    let origin = Origin::start();
    let opened = |keepalive: &str| {
        let gateway =
            with_upstream(&format!("{{ endpoints: \"{}\", keepalive: {keepalive} }}", origin.url()));
        assert_eq!(shares(&gateway, 12).values().sum::<usize>(), 12);
        gateway.metrics().sum("maitred_upstream_connections_opened_total", &[])
    };
    assert_eq!(opened("true"), 1);
    assert_eq!(opened("false"), 12);
    assert_eq!(opened("{ max_requests: 4 }"), 3);
}

#[test]
fn idle_connections_are_closed_after_their_time() {
    let origin = Origin::start();
    let gateway = with_upstream(&format!(
        "{{ endpoints: \"{}\", keepalive: {{ idle_timeout: 100ms }} }}",
        origin.url()
    ));
    assert_eq!(gateway.curl("/", &[]).status(), 200);
    eventually("it is closed", || {
        (gateway.metrics().sum("maitred_upstream_connections", &[]) == 0).then_some(())
    });
}

#[test]
fn a_service_on_a_unix_socket() {
    let folder = maitred_tests::Folder::default();
    let origin = Origin::at(&folder.join("app.sock"));
    let gateway = with_upstream(&format!("\"{}\"", origin.url()));
    let echo = Echo::of(&gateway.curl("/a", &["-H", "Host: shop.example"]));
    assert_eq!((echo.name(), echo.target(), echo.field("Host")), ("unix", "/a", Some("shop.example")));
    // Nobody there.
    let gateway = with_upstream("unix:FOLDER/nobody.sock");
    assert_eq!(gateway.curl("/", &[]).status(), 502);
    gateway.log().wait_for("which socket", |line| line.contains("nobody.sock"));
}

#[test]
fn a_name_of_this_machine_is_resolved() {
    let origin = Origin::start();
    let port = origin.authority().split(':').nth(1).unwrap();
    let gateway = with_upstream(&format!("http://localhost:{port}"));
    assert_eq!(Echo::of(&gateway.curl("/", &[])).name(), "origin");
}
