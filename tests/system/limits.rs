//! Limits of clients: sizes of heads, time for heads and bodies, numbers of connections.

use std::net::SocketAddr;
use std::time::Duration;

use maitred_tests::{Fake, Gateway, Origin, Wire, curl_with, eventually, pattern, within};

use crate::to;

fn with_limits(limits: &str, upstream: &str) -> Gateway {
    Gateway::start(&format!("limits: {limits}\nroutes: {{ app: {{ upstream: \"{upstream}\" }} }}\n"))
}

/// The wire's own refusals: the status, and then the end.
fn is_refused(wire: &mut Wire, status: u16) {
    let answer = wire.answer();
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.head.field("Connection"), Some("close"));
    assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"].as_u64(), Some(u64::from(status)));
    wire.is_closed();
}

#[test]
fn heads_targets_and_fields_have_a_size() {
    let origin = Origin::start();
    let gateway = with_limits("{ head: 4KiB, fields: 10, uri: 1KiB }", origin.url());
    let fits = |request: &str| assert_eq!(gateway.connect().ask(request).status(), 200);
    let refused = |request: &str, status: u16| {
        let mut wire = gateway.connect();
        wire.send(request);
        is_refused(&mut wire, status);
    };
    let uri = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "u".repeat(len - 1));
    fits(&uri(1024));
    refused(&uri(1025), 414);
    refused(&uri(100_000), 414);
    let head = |len: usize| {
        let start = "GET / HTTP/1.1\r\nHost: test\r\nX-Fill: ";
        format!("{start}{}\r\n\r\n", "f".repeat(len - start.len() - 4))
    };
    fits(&head(4096));
    refused(&head(4097), 431);
    refused(&head(100_000), 431);
    let fields =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: test\r\n{}\r\n", "X-A: x\r\n".repeat(count - 1));
    fits(&fields(10));
    refused(&fields(11), 431);
    // Counted, and told under the built-in route.
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_requests_total", &[("route", "unmatched"), ("status", "4xx")]), 5);
    assert_eq!(gateway.access(5, |access| access.text("status") != "200").len(), 5);
}

#[test]
fn a_head_must_come_in_its_time() {
    let origin = Origin::start();
    let gateway = with_limits("{ head_timeout: 300ms }", origin.url());
    let before = gateway.traces();
    for part in ["G", "GET / HTTP/1.1\r\nHost: te", "GET / HTTP/1.1\r\nHost: test\r\n"] {
        within(Duration::from_millis(250), Duration::from_secs(5), || {
            let mut wire = gateway.connect();
            wire.send(part);
            is_refused(&mut wire, 408);
        });
    }
    gateway.is_back_to(&before);
    // Also behind a request on the same connection.
    let mut wire = gateway.connect();
    wire.is_open();
    wire.send("GET / HTT");
    is_refused(&mut wire, 408);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let origin = Origin::start();
    let gateway = with_limits("{ idle_timeout: 300ms }", origin.url());
    within(Duration::from_millis(250), Duration::from_secs(5), || gateway.connect().is_closed());
    within(Duration::from_millis(250), Duration::from_secs(5), || {
        let mut wire = gateway.connect();
        wire.is_open();
        wire.is_closed();
    });
}

#[test]
fn a_body_must_come_at_a_rate() {
    let origin = Origin::start();
    let gateway = with_limits("{ body_rate: 100KiB/s, body_grace: 300ms }", origin.url());
    let before = gateway.traces();
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        within(Duration::from_millis(250), Duration::from_secs(5), || {
            let mut wire = gateway.connect();
            wire.send(format!("POST /slow HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n"));
            let answer = wire.answer();
            assert_eq!((answer.status(), answer.json()["status"].as_u64()), (408, Some(408)));
            wire.is_closed();
        });
    }
    gateway.is_back_to(&before);
    // A fast one of the same length is not kept from it, however long it takes in all.
    let answer = curl_with(&["--data-binary", "@-", &gateway.url("/")], &pattern(3 << 20));
    assert_eq!(answer.status(), 200);
}

#[test]
fn an_answer_must_be_taken_at_a_rate() {
    let origin = Origin::start();
    let gateway = with_limits("{ body_rate: 10MiB/s, body_grace: 300ms }", origin.url());
    let before = gateway.traces();
    let mut wire = gateway.connect();
    wire.narrow();
    wire.send("GET /taken HTTP/1.1\r\nHost: test\r\nX-Ask: bytes 50000000\r\n\r\n");
    // It reads the head, and then nothing more for as long as the gateway has patience.
    assert_eq!(wire.head().status(), 200);
    eventually("it is cut off", || {
        (gateway.metrics().sum("maitred_connections", &[]) == before.connections).then_some(())
    });
    assert_eq!(gateway.access_to("/taken").text("outcome"), "client_closed");
    drop(wire);
    gateway.is_back_to(&before);
}

#[test]
fn without_a_rate_a_body_may_take_its_time() {
    let service = Fake::start(|mut wire, _| {
        let request = wire.request().unwrap();
        assert_eq!(request.text(), "abcdef");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    });
    let gateway = with_limits("{ body_rate: false, body_grace: 100ms }", &service.url());
    let mut wire = gateway.connect();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabc");
    // Longer than the grace: seen by another request that waits as long for its own head, four times over.
    let clock = with_limits("{ head_timeout: 400ms }", &service.url());
    let mut late = clock.connect();
    late.send("G");
    assert_eq!(late.answer().status(), 408);
    wire.send("def");
    assert_eq!(wire.answer().text(), "OK");
}

#[test]
fn a_listener_has_so_many_connections() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", max_connections: 3 }} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let mut held: Vec<_> = (0..3).map(|_| gateway.connect()).collect();
    held.iter_mut().for_each(Wire::is_open);
    gateway.connect().is_closed();
    assert_eq!(gateway.metrics().sum("maitred_connections_refused_total", &[("listener", "web")]), 1);
    held.pop();
    eventually("there is room again", || {
        let mut wire = gateway.connect();
        wire.answers("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").then_some(())
    });
}

#[test]
fn a_client_has_so_many_connections() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", max_connections_per_client: 2 }} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let address = SocketAddr::from(([127, 0, 0, 1], gateway.port("web")));
    let from = |last: u8| Wire::connect_from([127, 0, 0, last].into(), address);
    let mut held: Vec<_> = [2, 2, 3, 3].into_iter().map(from).collect();
    held.iter_mut().for_each(Wire::is_open);
    for last in [2, 3] {
        from(last).is_closed();
    }
    from(4).is_open();
    assert_eq!(gateway.metrics().sum("maitred_connections_refused_total", &[("reason", "client_limit")]), 2);
}

#[test]
fn there_is_a_size_that_a_request_may_have() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "routes: {{ app: {{ upstream: \"{}\", policies: {{ request_size: 10KiB }} }} }}\n",
        origin.url()
    ));
    let send = |framing: &str, len: usize| {
        curl_with(&["-H", framing, "--data-binary", "@-", &gateway.url("/")], &pattern(len))
    };
    for framing in ["X-Nothing: here", "Transfer-Encoding: chunked"] {
        assert_eq!(send(framing, 10_240).status(), 200, "{framing}");
        let answer = send(framing, 10_241);
        assert_eq!((answer.status(), answer.json()["status"].as_u64()), (413, Some(413)), "{framing}");
    }
}

#[test]
fn what_is_not_http_is_refused_at_once() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0", b"GET /\r\n", b"HELLO\r\n\r\n"]
    {
        let mut wire = gateway.connect();
        wire.send(bytes);
        is_refused(&mut wire, 400);
    }
}
