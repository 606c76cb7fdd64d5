//! The end: what is under way ends, nothing new begins, and nothing is left.

use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use maitred_tests::frames::{ACK, Frame, NO_ERROR, PING, RawHttp2, SETTINGS};
use maitred_tests::{Authority, Fake, Gateway, PATIENCE, Wire, eventually, within};

/// A service that says when a request has come, and answers when it is told to.
fn held() -> (Fake, std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    let ((told, arrived), (release, released)) = (channel(), channel::<()>());
    let released = std::sync::Mutex::new(released);
    let service = Fake::start(move |mut wire, _| {
        wire.request();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        told.send(()).unwrap();
        if released.lock().unwrap().recv_timeout(PATIENCE).is_ok() {
            wire.send("half");
        }
        wire.rest_to_any_end();
    });
    (service, arrived, release)
}

fn to(service: &Fake, limits: &str) -> Gateway {
    Gateway::start(&format!("limits: {limits}\nroutes: {{ a: {{ upstream: \"{}\" }} }}\n", service.url()))
}

#[test]
fn what_is_under_way_ends_and_nothing_new_begins() {
    let (service, arrived, release) = held();
    let mut gateway = to(&service, "{ drain_timeout: 30s }");
    let port = gateway.port("web");
    let mut busy = gateway.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: test\r\n\r\n");
    arrived.recv_timeout(PATIENCE).unwrap();
    let mut idle = gateway.connect();
    gateway.signal("TERM");
    // Connections without a request are closed at once, new ones are refused, and it says that it is not ready.
    idle.is_closed();
    eventually("connections are refused", || TcpStream::connect(("127.0.0.1", port)).err().map(|_| ()));
    assert!(!gateway.is_ready());
    release.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "halfhalf"));
    busy.is_closed();
    let status = gateway.wait();
    assert_eq!(status.code(), Some(0));
    // The last line of the access log is not lost.
    assert_eq!(gateway.access_to("/busy").number("status"), 200);
}

#[test]
fn clients_of_http2_that_have_asked_for_nothing_hold_nothing_up() {
    let mut gateway = Gateway::start(
        "listeners: { web: { address: \"127.0.0.1:PORT_web\", protocols: h2 } }\nroutes: { a: { respond: OK } }\n",
    );
    // Browsers open connections ahead of what they may ask for.
    let mut silent = gateway.connect();
    let mut begun = gateway.connect();
    begun.send("PRI * HTTP/2.0\r\n");
    let mut idle = RawHttp2::begin(gateway.connect(), &[]);
    idle.find("the settings", |frame| frame.kind == SETTINGS && frame.flags & ACK != 0);
    let connections = || gateway.metrics().sum("maitred_connections", &[("listener", "web")]);
    eventually("all are there", || (connections() == 3).then_some(()));
    within(Duration::ZERO, Duration::from_secs(5), || {
        gateway.signal("TERM");
        silent.rest_to_any_end();
        begun.rest_to_any_end();
        let ping = idle.find("a PING behind the GOAWAY", |frame| frame.kind == PING);
        idle.send(&[Frame::new(PING, ACK, 0, &ping.payload)]);
        assert_eq!(idle.goaway(), Some(NO_ERROR));
        drop(idle);
        assert_eq!(gateway.wait().code(), Some(0));
    });
}

#[test]
fn greetings_that_have_not_ended_hold_nothing_up() {
    let shop = Authority::default().server(&["shop.test"]);
    let mut gateway = Gateway::start_with(
        &[("shop.pem", &shop.certificate), ("shop.key", &shop.key)],
        "listeners:\n  web: { address: \"127.0.0.1:PORT_web\", tls: { certificates: { cert: shop.pem, key: shop.key } } }\n  \
         proxied: { address: \"127.0.0.1:PORT_proxied\", proxy_protocol: 127.0.0.1 }\nroutes: { a: { respond: OK } }\n",
    );
    let mut waiting: Vec<Wire> =
        ["web", "web", "proxied", "proxied"].map(|listener| Wire::connect(gateway.port(listener))).into();
    // The beginning of a ClientHello, and of a header.
    waiting[1].send([0x16, 3, 1, 2, 0, 1]);
    waiting[3].send("PROXY TCP4 203.0.113.7");
    let connections = || gateway.metrics().sum("maitred_connections", &[]);
    eventually("all are there", || (connections() >= 4).then_some(()));
    within(Duration::ZERO, Duration::from_secs(5), || {
        gateway.signal("TERM");
        for wire in &mut waiting {
            wire.rest_to_any_end();
        }
        assert_eq!(gateway.wait().code(), Some(0));
    });
}

#[test]
fn what_takes_too_long_is_cut_off() {
    let (service, arrived, _release) = held();
    let mut gateway = to(&service, "{ drain_timeout: 300ms }");
    gateway.may_end_anyhow();
    let mut busy = gateway.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: test\r\n\r\n");
    arrived.recv_timeout(PATIENCE).unwrap();
    gateway.signal("TERM");
    gateway.wait();
    let (seen, _) = busy.rest_to_any_end();
    assert!(seen.ends_with(b"half") && !seen.ends_with(b"halfhalf"));
    gateway.log().wait_for("why", |line| line.contains("drain_timeout"));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (service, arrived, _release) = held();
    let mut gateway = to(&service, "{ drain_timeout: 30s }");
    gateway.may_end_anyhow();
    let mut busy = gateway.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: test\r\n\r\n");
    arrived.recv_timeout(PATIENCE).unwrap();
    gateway.signal("INT");
    gateway.log().wait_for("that it stops", |line| line.contains("stopping"));
    gateway.signal("INT");
    gateway.wait();
}

#[test]
fn an_answer_during_the_end_says_so() {
    let (service, arrived, release) = held();
    let gateway = to(&service, "{ drain_timeout: 30s }");
    // A request whose head has begun counts as one under way.
    let mut begun = gateway.connect();
    begun.send("GET /begun HTTP/1.1\r\nHost: te");
    let mut busy = gateway.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: test\r\n\r\n");
    arrived.recv_timeout(PATIENCE).unwrap();
    let connections = || gateway.metrics().sum("maitred_connections", &[("listener", "web")]);
    eventually("both are there", || (connections() == 2).then_some(()));
    gateway.signal("TERM");
    // Every worker knows once nobody listens any more.
    let port = gateway.port("web");
    eventually("connections are refused", || TcpStream::connect(("127.0.0.1", port)).err().map(|_| ()));
    begun.send("st\r\n\r\n");
    arrived.recv_timeout(PATIENCE).unwrap();
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    let answer = begun.answer();
    assert_eq!((answer.status(), answer.head.field("Connection")), (200, Some("close")));
    begun.is_closed();
    assert_eq!(busy.answer().status(), 200);
}

#[test]
fn a_document_with_errors_does_not_start() {
    let folder = maitred_tests::Folder::default();
    folder.write("maitred.yaml", "maitred: 1\nroutes: { a: { respnd: OK } }\nlimits: { head: 32 }\n");
    let output = std::process::Command::new(maitred_tests::program())
        .arg("run")
        .arg(folder.join("maitred.yaml"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("respnd") && told.contains("respond") && told.contains("head"),
        "every problem: {told}"
    );
    assert!(told.contains("maitred.yaml:2:"), "with its place: {told}");
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = maitred_tests::Folder::default();
    folder.write(
        "maitred.yaml",
        &format!("maitred: 1\nadmin: false\nlisteners: {{ web: \"http://{address}\" }}\nroutes: {{ a: {{ respond: OK }} }}\n"),
    );
    let output = std::process::Command::new(maitred_tests::program())
        .arg("run")
        .arg(folder.join("maitred.yaml"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("web") && told.contains(&address.to_string()), "{told}");
}

#[test]
fn a_unix_socket_leaves_no_file() {
    let mut gateway =
        Gateway::start("listeners: { web: \"unix:maitred.sock\" }\nroutes: { a: { respond: OK } }\n");
    let socket = gateway.folder().join("maitred.sock");
    Wire::connect_unix(&socket).is_open();
    assert!(gateway.stop().success());
    assert!(!socket.exists());
}
