//! HTTP/2 in the clear: by prior knowledge on the same port as HTTP/1, from curl and nghttp, and to services.

use std::process::Command;

use maitred_tests::frames::{END_STREAM, Frame, HEADERS, REFUSED_STREAM, RST_STREAM, RawHttp2, SETTINGS};
use maitred_tests::{Echo, Fake, Gateway, Origin, eventually, pattern};

use crate::to;

const PRIOR: &str = "--http2-prior-knowledge";

#[test]
fn one_port_speaks_both_versions() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let answer = gateway.curl("/a?b", &[PRIOR, "-H", "X-Own: 1"]);
    assert_eq!((answer.head.version(), answer.status()), ("HTTP/2", 200));
    let echo = Echo::of(&answer);
    assert_eq!((echo.target(), echo.field("X-Own")), ("/a?b", Some("1")));
    assert_eq!(echo.field("Via"), Some("2 maitred"));
    assert_eq!(gateway.curl("/plain", &[]).head.version(), "HTTP/1.1");
    assert_eq!(gateway.access_to("/plain").text("protocol"), "HTTP/1.1");
}

#[test]
fn bodies_go_both_ways_whole() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for len in [0, 1, 16_384, 65_536, 3_000_000] {
        let body = pattern(len);
        let file = gateway.folder().join("body");
        std::fs::write(&file, &body).unwrap();
        let data = format!("@{}", file.display());
        let answer = gateway.curl("/x", &[PRIOR, "--data-binary", &data]);
        assert_eq!(Echo::of(&answer).len(), len as u64, "{len}");
        let answer = gateway.curl("/x", &[PRIOR, "-H", &format!("X-Ask: bytes {len}")]);
        assert!(answer.body == body, "{len}");
    }
}

#[test]
fn answers_without_bodies_and_of_the_gateway_are_whole() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "routes: {{ app: {{ match: /app/*, upstream: \"{}\" }}, own: {{ match: /own, respond: hello }} }}",
        origin.url()
    ));
    let own = gateway.curl("/own", &[PRIOR]);
    assert_eq!((own.status(), own.text().as_str()), (200, "hello"));
    let none = gateway.curl("/elsewhere", &[PRIOR]);
    assert_eq!((none.status(), none.json()["detail"].as_str()), (404, Some("Route not found")));
    assert_eq!(gateway.curl("/app/x", &[PRIOR, "--head"]).status(), 200);
    assert_eq!(gateway.curl("/app/x", &[PRIOR, "-H", "X-Ask: status 204"]).status(), 204);
    assert_eq!(gateway.curl("/app/x", &[PRIOR, "-X", "TRACE"]).status(), 405);
}

#[test]
fn many_streams_share_a_connection() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let urls: Vec<String> = (0..200).map(|number| gateway.url(&format!("/{number}"))).collect();
    let output = Command::new("nghttp").args(["--stat", "--null-out"]).args(&urls).output();
    let output = output.expect("nghttp is installed: `cargo xtask test` sees to it");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches(" 200 ").count(), 200, "{text}");
    let metrics = gateway.metrics();
    assert!(metrics.sum("maitred_requests_total", &[("route", "app"), ("status", "2xx")]) >= 200);
    let connections = || gateway.metrics().sum("maitred_connections", &[("listener", "web")]);
    eventually("the connection is gone", || (connections() == 0).then_some(()));
}

#[test]
fn a_service_that_breaks_off_resets_the_stream() {
    let service = Fake::start(|mut wire, _| {
        wire.request();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all");
    });
    let gateway = to(&service.url());
    let answer = gateway.curl("/", &[PRIOR]);
    assert_eq!(answer.exit, 92, "curl: stream was not closed cleanly");
    assert_eq!(gateway.access_to("/").text("outcome"), "upstream_reset");
}

#[test]
fn services_are_spoken_to_over_few_connections() {
    // A gateway is a service that speaks HTTP/2 in the clear.
    let origin = Origin::start();
    let inner = to(origin.url());
    let gateway = Gateway::start(&format!(
        "upstreams: {{ inner: \"h2c://127.0.0.1:{}\" }}\nroutes: {{ app: {{ upstream: inner }} }}",
        inner.port("web")
    ));
    for _ in 0..3 {
        let urls: Vec<String> = (0..100).map(|number| gateway.url(&format!("/{number}"))).collect();
        let output = Command::new("nghttp").args(["--stat", "--null-out"]).args(&urls).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.matches(" 200 ").count(), 100, "{text}");
    }
    let opened = gateway.metrics().sum("maitred_upstream_connections_opened_total", &[]);
    assert!((1..=2).contains(&opened), "{opened} connections for two workers");
    let body = pattern(1_000_000);
    let file = gateway.folder().join("body");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    assert_eq!(Echo::of(&gateway.curl("/x", &["--data-binary", &data])).len(), 1_000_000);
    assert!(gateway.curl("/x", &["-H", "X-Ask: bytes 1000000"]).body == body);
}

#[test]
fn a_connection_has_so_many_streams() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            released.lock().unwrap().recv_timeout(maitred_tests::PATIENCE).unwrap();
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        }
    });
    let gateway = Gateway::start(&format!(
        "limits: {{ streams: 3 }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        service.url()
    ));
    let mut client = RawHttp2::begin(gateway.connect(), &[]);
    let settings = client.find("the settings", |frame| frame.kind == SETTINGS);
    let told = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 3]).unwrap();
    assert_eq!(told[2..], [0, 0, 0, 3]);
    client.send(&[1, 3, 5, 7].map(|stream| Frame::get(stream, "/held")));
    let refused = client.find("a reset", |frame| frame.kind == RST_STREAM);
    assert_eq!((refused.stream, refused.number(0)), (7, REFUSED_STREAM));
    // The others are answered, and then there is room again, on this connection; there always was on others.
    for _ in 0..3 {
        release.send(()).unwrap();
    }
    let mut answered = Vec::new();
    while answered.len() < 3 {
        let end = client.find("an answer", |frame| frame.flags & END_STREAM != 0 && frame.kind != SETTINGS);
        answered.push(end.stream);
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3, 5]);
    release.send(()).unwrap();
    client.send(&[Frame::get(9, "/again")]);
    client.find("the answer", |frame| frame.kind == HEADERS && frame.stream == 9);
    // A client that obeys is served all that it asks for.
    for _ in 0..50 {
        release.send(()).unwrap();
    }
    let output = Command::new("h2load").args(["-n", "50", "-c", "1", "-m", "3", &gateway.url("/x")]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.contains("50 done, 50 succeeded"), "{text}");
}

#[test]
fn a_listener_speaks_only_what_it_is_told_to() {
    let gateway = Gateway::start(
        "listeners:\n  web: { address: \"127.0.0.1:PORT_web\", protocols: h2 }\n  old: { address: \"127.0.0.1:PORT_old\", protocols: h1 }\n\
         routes: { app: { respond: OK } }\n",
    );
    let old = format!("http://127.0.0.1:{}/", gateway.port("old"));
    assert_eq!(gateway.curl("/", &[PRIOR]).text(), "OK");
    assert_ne!(gateway.curl("/", &["--http1.1"]).exit, 0);
    assert_eq!(maitred_tests::curl(&["--http1.1", &old]).text(), "OK");
    assert_ne!(maitred_tests::curl(&[PRIOR, &old]).exit, 0);
}
