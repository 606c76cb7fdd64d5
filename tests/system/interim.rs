//! Interim answers: 100-continue and early hints, from the service through to the client.

use maitred_tests::{Echo, Fake, Origin, curl_with, pattern};

use crate::to;

#[test]
fn continue_comes_from_the_service() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let sent = pattern(2000);
    let arguments =
        ["-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@-", &gateway.url("/")];
    let answer = curl_with(&arguments, &sent);
    assert_eq!(answer.interim.len(), 1);
    assert_eq!(answer.interim[0].status(), 100);
    let echo = Echo::of(&answer);
    assert_eq!((echo.len(), echo.field("Expect")), (2000, Some("100-continue")));
}

#[test]
fn nothing_of_the_body_is_sent_before_the_service_says_so() {
    let service = Fake::start(|mut wire, _| {
        let head = wire.head();
        assert_eq!(head.field("Expect"), Some("100-continue"));
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = wire.exactly(3);
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
        wire.send(body);
        wire.rest_to_any_end();
    });
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(wire.head().status(), 100);
    wire.send("abc");
    assert_eq!(wire.answer().text(), "abc");
}

#[test]
fn a_service_may_refuse_what_is_expected() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
        wire.rest_to_any_end();
    });
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.interim.len()), (417, 0));
    // The client may send the body or not; nobody can know which, so the connection ends.
    assert_eq!(answer.head.field("Connection"), Some("close"));
    wire.is_closed();
}

#[test]
fn another_expectation_is_refused() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let answer = gateway.curl("/", &["-H", "Expect: a-miracle"]);
    assert_eq!(answer.status(), 417);
}

#[test]
fn early_hints_pass() {
    let service = Fake::start(|mut wire, _| {
        while wire.request().is_some() {
            wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
            wire.send("HTTP/1.1 103 Early Hints\r\nLink: </b.js>; rel=preload\r\n\r\n");
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        }
    });
    let gateway = to(&service.url());
    let answer = gateway.curl("/", &[]);
    let links: Vec<_> =
        answer.interim.iter().map(|head| (head.status(), head.field("Link").unwrap())).collect();
    assert_eq!(links, [(103, "</a.css>; rel=preload"), (103, "</b.js>; rel=preload")]);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "OK"));
    // HTTP/1.0 does not know interim answers.
    let answer = gateway.connect().ask("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
    assert_eq!((answer.status(), answer.interim.len()), (200, 0));
}
