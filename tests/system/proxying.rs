//! Plain requests to a service that behaves: methods, answers without a body, how long connections stay.

use maitred_tests::{Echo, Fake, Gateway, Origin};

use crate::to;

#[test]
fn every_method_reaches_the_service() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY", "PROPFIND", "get"] {
        let answer = gateway.curl("/a/b?c=d&e", &["-X", method]);
        let echo = Echo::of(&answer);
        assert_eq!((echo.method(), echo.target(), echo.len()), (method, "/a/b?c=d&e", 0));
    }
}

#[test]
fn connect_and_trace_are_refused() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for request in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut wire = gateway.connect();
        let answer = wire.ask(request);
        assert_eq!(answer.status(), 405, "{request}");
        assert!(answer.head.has("Allow"));
        wire.is_closed();
    }
}

#[test]
fn the_path_and_the_query_arrive_as_they_were_sent() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for (sent, arrives) in [
        ("/", "/"),
        ("/a//b/", "/a//b/"),
        ("/a?b=c?d/e", "/a?b=c?d/e"),
        ("/a?", "/a?"),
        ("/%C3%A4%20", "/%C3%A4%20"),
        // An unreserved octet is the same as its letter, and what was matched is what is forwarded.
        ("/%61%7e", "/a~"),
        ("/a?%61", "/a?%61"),
        ("http://test/abs?x", "/abs?x"),
    ] {
        let answer = gateway.connect().ask(&format!("GET {sent} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(Echo::of(&answer).target(), arrives, "{sent}");
    }
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let answer = gateway.curl("/", &["--head", "-H", "X-Ask: bytes 1000"]);
    assert_eq!((answer.exit, answer.status(), answer.head.field("Content-Length")), (0, 200, Some("1000")));
    let mut wire = gateway.connect();
    let answer = wire.ask("HEAD / HTTP/1.1\r\nHost: test\r\nX-Ask: chunks 1000\r\n\r\n");
    assert_eq!((answer.status(), answer.body.len()), (200, 0));
    wire.is_open();
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let mut wire = gateway.connect();
    for status in [204, 304, 205] {
        let answer = wire.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\nX-Ask: status {status}\r\n\r\n"));
        assert_eq!((answer.status(), answer.body.len()), (status, 0));
        assert_eq!(answer.head.field("X-Status"), Some(status.to_string().as_str()));
        assert!(!answer.head.has("Transfer-Encoding"));
        assert_eq!(answer.head.has("Content-Length"), status == 205);
    }
    wire.is_open();
    // The length that a GET would have is told with a 304, and nothing waits for it.
    let service = Fake::answering("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n");
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    for _ in 0..2 {
        let answer = wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!((answer.status(), answer.head.field("ETag")), (304, Some("\"a\"")));
    }
    assert_eq!(service.connections(), 1);
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let mut wire = gateway.connect();
    for number in 0..50 {
        let answer = wire.ask(&format!("GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(Echo::of(&answer).target(), format!("/{number}"));
        assert!(!answer.head.has("Connection"), "HTTP/1.1 stays open without a word");
    }
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_connections_accepted_total", &[("listener", "web")]), 1);
    assert_eq!(metrics.sum("maitred_upstream_connections_opened_total", &[]), 1);
    assert_eq!(metrics.sum("maitred_upstream_connections_reused_total", &[]), 49);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let mut wire = gateway.connect();
    let request = |number: usize| {
        format!(
            "POST /{number} HTTP/1.1\r\nHost: test\r\nContent-Length: {number}\r\n\r\n{}",
            "x".repeat(number)
        )
    };
    wire.send((0..20).map(request).collect::<String>());
    for number in 0..20 {
        let echo = Echo::of(&wire.answer());
        assert_eq!((echo.target(), echo.len()), (format!("/{number}").as_str(), number));
    }
}

#[test]
fn a_client_that_asks_for_it_gets_its_connection_closed() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for closing in ["Connection: close", "Connection: Keep-Alive, Close"] {
        let mut wire = gateway.connect();
        let answer = wire.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\n{closing}\r\n\r\n"));
        assert_eq!((answer.status(), answer.head.field("Connection")), (200, Some("close")));
        wire.is_closed();
    }
}

#[test]
fn a_client_of_http_1_0_is_understood() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    // Without Host, and closed after the answer.
    let mut wire = gateway.connect();
    let answer = wire.ask("GET /old HTTP/1.0\r\n\r\n");
    let echo = Echo::of(&answer);
    assert_eq!((echo.target(), echo.field("Via")), ("/old", Some("1.0 maitred")));
    assert_eq!(answer.head.field("Connection"), Some("close"));
    wire.is_closed();
    // It does not know chunks: the end of the connection ends the body.
    let mut wire = gateway.connect();
    let answer = wire.ask("GET / HTTP/1.0\r\nX-Ask: chunks 100000\r\n\r\n");
    assert!(!answer.head.has("Transfer-Encoding"));
    assert_eq!(answer.body, maitred_tests::pattern(100_000));
    // It may ask for the connection to stay.
    let mut wire = gateway.connect();
    for _ in 0..3 {
        let answer = wire.ask("GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((answer.status(), answer.head.field("Connection")), (200, Some("keep-alive")));
    }
    let answer = gateway.curl("/", &["--http1.0"]);
    assert_eq!((answer.exit, answer.status()), (0, 200));
}

#[test]
fn a_service_of_http_1_0_is_understood() {
    let service = Fake::start(|mut wire, _| {
        wire.request();
        wire.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    });
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    for _ in 0..2 {
        let answer = wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "until the end"));
    }
    assert_eq!(service.connections(), 2, "a connection that ended a body is not used again");
}

#[test]
fn an_answer_has_a_date_and_keeps_that_of_the_service() {
    let dated = "Sun, 06 Nov 1994 08:49:37 GMT";
    let service = Fake::answering(format!("HTTP/1.1 200 OK\r\nDate: {dated}\r\nContent-Length: 0\r\n\r\n"));
    let undated = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(&format!(
        "routes: {{ a: {{ match: /a, upstream: {} }}, b: {{ match: /b, upstream: {} }}, c: {{ match: /c, respond: OK }} }}\n",
        service.url(),
        undated.url()
    ));
    assert_eq!(gateway.curl("/a", &[]).head.field("Date"), Some(dated));
    for path in ["/b", "/c", "/none"] {
        assert!(
            gateway.curl(path, &[]).head.field("Date").is_some_and(|date| date.ends_with(" GMT")),
            "{path}"
        );
    }
}
