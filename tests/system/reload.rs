//! A new configuration while requests are served: nothing fails, nothing is cut, nothing is forgotten.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use maitred_tests::{
    Echo, Fake, Gateway, Origin, PATIENCE, Wire, checksum, eventually, open_websocket, pattern,
    websocket_echo,
};
use tungstenite::Message;

/// A document that differs with its number.
fn document(number: usize, upstreams: [&str; 3]) -> String {
    let [app, chat, download] = upstreams;
    format!(
        "upstreams: {{ app: \"{app}\", chat: \"{chat}\", download: \"{download}\" }}\n\
         routes:\n  app: {{ match: /app, upstream: app }}\n  chat: {{ match: /chat, upstream: chat }}\n\
         \x20 download: {{ match: /download, upstream: download }}\n  number: {{ match: /number, respond: \"{number}\" }}\n"
    )
}

/// Asks again and again on one connection, and on a new one each time, until `is_over`; answers how often.
fn load(gateway: &Gateway, is_over: &AtomicBool) -> usize {
    let mut kept = gateway.connect();
    let mut asked = 0;
    while !is_over.load(Ordering::Relaxed) {
        for wire in [&mut kept, &mut gateway.connect()] {
            let answer = wire.ask("POST /app HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
            assert_eq!(Echo::of(&answer).len(), 3);
            assert!(!answer.head.has("Connection"), "the connection is to stay");
            asked += 1;
        }
    }
    asked
}

#[test]
fn twenty_reloads_under_load_lose_nothing() {
    let (origin, chat) = (Origin::start(), websocket_echo());
    // A download that goes on for as long as the test does: a piece for each reload.
    let (give, given) = channel::<usize>();
    let given = std::sync::Mutex::new(given);
    let download = Fake::start(move |mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
        let body = pattern(2_000_000);
        while let Ok(number) = given.lock().unwrap().recv_timeout(PATIENCE) {
            wire.send(&body[number * 100_000..(number + 1) * 100_000]);
        }
    });
    let (app_url, chat_url, download_url) = (origin.url(), chat.url(), download.url());
    let document = |number| document(number, [app_url, &chat_url, &download_url]);
    let gateway = Gateway::start(&document(0));
    let mut socket = open_websocket(&gateway);
    let mut long = gateway.connect();
    long.send("GET /download HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(long.head().status(), 200);
    let mut body = Vec::new();
    let is_over = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| load(&gateway, &is_over))).collect();
        for number in 1..=20 {
            gateway.reload(&document(number));
            assert_eq!(gateway.curl("/number", &[]).text(), number.to_string());
            socket.send(Message::text(number.to_string())).unwrap();
            assert_eq!(socket.read().unwrap(), Message::text(number.to_string()));
            give.send(number - 1).unwrap();
            body.extend(long.exactly(100_000));
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
    });
    assert_eq!(checksum(&body), checksum(&pattern(2_000_000)));
    long.send("GET /app HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(long.answer().status(), 200, "its connection serves on");
    // What was counted before is still counted.
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_reloads_total", &[("result", "success")]), 20);
    let counted = metrics.sum("maitred_requests_total", &[("route", "app"), ("status", "2xx")]);
    assert_eq!(usize::try_from(counted).unwrap(), asked + 1);
    // And so are connections to the services kept: as many as were busy at once, not some for each reload.
    let opened = metrics.sum("maitred_upstream_connections_opened_total", &[("upstream", "app")]);
    assert!(opened <= 8, "{opened} connections were opened");
}

#[test]
fn sighup_reloads_at_once() {
    let gateway = Gateway::start("routes: { a: { match: /a, respond: one } }\n");
    assert_eq!(gateway.curl("/a", &[]).text(), "one");
    gateway.write("routes: { a: { match: /a, respond: two } }\n");
    gateway.signal("HUP");
    eventually("it serves", || (gateway.curl("/a", &[]).text() == "two").then_some(()));
    gateway.signal("HUP");
    gateway.log().wait_for("that nothing changed", |line| line.contains("unchanged"));
    assert_eq!(gateway.metrics().sum("maitred_reloads_total", &[("result", "success")]), 1);
}

#[test]
fn a_bad_document_changes_nothing() {
    let gateway = Gateway::start("routes: { a: { match: /a, respond: one } }\n");
    for (bad, told) in [
        ("routes: { a: { match: /a, respnd: two } }\n", "respnd"),
        ("routes: { a: [\n", "maitred.yaml"),
        ("routes: { a: { match: /a, upstream: nowhere } }\n", "nowhere"),
    ] {
        let failures = || gateway.metrics().sum("maitred_reloads_total", &[("result", "failure")]);
        let before = failures();
        gateway.write(bad);
        eventually("it is refused", || (failures() > before).then_some(()));
        let line = gateway.log().wait_for(told, |line| line.contains("level=error") && line.contains(told));
        assert!(line.contains("maitred.yaml:"), "which place: {line}");
        assert_eq!(gateway.curl("/a", &[]).text(), "one");
    }
    // An address that is taken is found out before anything changes.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    gateway.write(&format!(
        "listeners: {{ web: \"http://127.0.0.1:PORT_web\", new: \"http://{}\" }}\nroutes: {{ a: {{ respond: two }} }}\n",
        taken.local_addr().unwrap()
    ));
    gateway.log().wait_for("who is in the way", |line| line.contains("cannot listen at"));
    assert_eq!(gateway.curl("/a", &[]).text(), "one");
    // A good one is taken again.
    gateway.reload("routes: { a: { match: /a, respond: three } }\n");
    assert_eq!(gateway.curl("/a", &[]).text(), "three");
}

#[test]
fn listeners_come_and_go() {
    let gateway = Gateway::start("routes: { a: { respond: \"{request.path}\" } }\n");
    let with = |listeners: &str| {
        gateway.reload(&format!(
            "listeners: {{ web: \"http://127.0.0.1:PORT_web\"{listeners} }}\nroutes: {{ a: {{ respond: \"{{request.path}}\" }} }}\n"
        ));
    };
    let mut kept = gateway.connect();
    kept.is_open();
    with(", second: \"http://127.0.0.1:PORT_second\"");
    let mut second = Wire::connect(gateway.port("second"));
    second.is_open();
    // Gone: nobody listens there any more, and connections that wait for a request end.
    with("");
    second.is_closed();
    eventually("the socket is closed", || {
        std::net::TcpStream::connect(("127.0.0.1", gateway.port("second"))).err().map(|_| ())
    });
    // The other one has not noticed.
    kept.is_open();
    // A listener that moves answers at its new address, and no longer at the old one.
    gateway.reload(
        "listeners: { web: \"http://127.0.0.1:PORT_moved\" }\nroutes: { a: { respond: \"{request.path}\" } }\n",
    );
    Wire::connect(gateway.port("moved")).is_open();
    eventually("the socket is closed", || {
        std::net::TcpStream::connect(("127.0.0.1", gateway.port("web"))).err().map(|_| ())
    });
}

#[test]
fn a_request_on_a_listener_that_goes_is_served_to_its_end() {
    let (give, given) = channel::<()>();
    let given = std::sync::Mutex::new(given);
    let arrived = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&arrived);
    let service = Fake::start(move |mut wire, _| {
        wire.request();
        count.fetch_add(1, Ordering::SeqCst);
        given.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    });
    let routes = format!("routes: {{ a: {{ upstream: \"{}\" }} }}\n", service.url());
    let both =
        "listeners: { web: \"http://127.0.0.1:PORT_web\", second: \"http://127.0.0.1:PORT_second\" }\n";
    let gateway = Gateway::start(&format!("{both}{routes}"));
    let mut second = Wire::connect(gateway.port("second"));
    second.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually("the service has it", || (arrived.load(Ordering::SeqCst) == 1).then_some(()));
    gateway.reload(&routes);
    give.send(()).unwrap();
    assert_eq!(second.answer().text(), "OK");
    second.is_closed();
}

#[test]
fn upstreams_change_under_their_name() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let to = |url: &str| format!("upstreams: {{ app: \"{url}\" }}\nroutes: {{ app: {{ upstream: app }} }}\n");
    let gateway = Gateway::start(&to(a.url()));
    let before = gateway.traces();
    let mut wire = gateway.connect();
    assert_eq!(Echo::of(&wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n")).name(), "a");
    gateway.reload(&to(b.url()));
    assert_eq!(Echo::of(&wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n")).name(), "b");
    // The idle connection to the endpoint that is gone is closed.
    eventually("it is closed", || {
        (gateway.metrics().sum("maitred_upstream_connections", &[]) == 1).then_some(())
    });
    gateway.reload("routes: { a: { respond: OK } }\n");
    drop(wire);
    gateway.is_back_to(&before);
}

#[test]
fn the_log_of_requests_may_move() {
    let document = |to: &str| {
        format!("telemetry: {{ access_log: {{ to: {to} }} }}\nroutes: {{ a: {{ respond: OK }} }}\n")
    };
    let gateway = Gateway::start(&document("./first.log"));
    let has = |file: &str, path: &str| {
        let path = path.to_owned();
        let file = gateway.folder().join(file);
        eventually("the line is written", || {
            std::fs::read_to_string(&file).unwrap_or_default().contains(&path).then_some(())
        });
    };
    gateway.curl("/one", &[]);
    has("first.log", "/one");
    gateway.reload(&document("./second.log"));
    gateway.curl("/two", &[]);
    has("second.log", "/two");
    // Moved away, and opened again on SIGHUP or SIGUSR1.
    std::fs::rename(gateway.folder().join("second.log"), gateway.folder().join("moved.log")).unwrap();
    gateway.signal("USR1");
    eventually("it is opened again", || {
        gateway.curl("/three", &[]);
        std::fs::read_to_string(gateway.folder().join("second.log"))
            .is_ok_and(|text| text.contains("/three"))
            .then_some(())
    });
}
