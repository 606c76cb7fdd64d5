//! Bodies: lengths, chunks, trailers, large ones, those that go both ways at once, those that break off.

use std::sync::mpsc::channel;

use maitred_tests::{Echo, Fake, Origin, PATIENCE, checksum, curl_with, pattern};

use crate::to;

const LARGE: usize = 10 << 20;

#[test]
fn a_body_with_its_length_told() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for len in [0, 1, 8191, 8192, 8193, 100_000] {
        let sent = pattern(len);
        let answer = curl_with(&["--data-binary", "@-", &gateway.url("/")], &sent);
        let echo = Echo::of(&answer);
        assert_eq!((echo.len(), echo.checksum()), (len as u64, checksum(&sent).as_str()));
        assert_eq!(echo.field("Content-Length"), Some(len.to_string().as_str()));
        assert!(!echo.has("Transfer-Encoding"));

        let answer = gateway.curl("/", &["-H", &format!("X-Ask: bytes {len}")]);
        assert_eq!(answer.head.field("Content-Length"), Some(len.to_string().as_str()));
        assert!(answer.exit == 0 && answer.body == sent);
    }
}

#[test]
fn a_body_in_chunks() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for len in [0, 1, 8192, 100_000] {
        let sent = pattern(len);
        let arguments = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-", &gateway.url("/")];
        let answer = curl_with(&arguments, &sent);
        let echo = Echo::of(&answer);
        assert_eq!((echo.len(), echo.checksum()), (len as u64, checksum(&sent).as_str()));
        assert_eq!(echo.field("Transfer-Encoding"), Some("chunked"));
        assert!(!echo.has("Content-Length"));

        let answer = gateway.curl("/", &["-H", &format!("X-Ask: chunks {len}")]);
        assert_eq!(answer.head.field("Transfer-Encoding"), Some("chunked"));
        assert!(answer.exit == 0 && answer.body == sent);
    }
}

#[test]
fn ten_megabytes_each_way_at_once() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let sent = pattern(LARGE);
    for framing in ["X-Nothing: here", "Transfer-Encoding: chunked"] {
        let arguments =
            ["-H", framing, "-H", "Expect:", "-H", "X-Ask: mirror", "--data-binary", "@-", &gateway.url("/")];
        let answer = curl_with(&arguments, &sent);
        assert_eq!((answer.exit, answer.status(), answer.body.len()), (0, 200, LARGE));
        assert!(answer.body == sent);
    }
    let access = gateway.access(2, |_| true);
    assert!(access.iter().all(|access| {
        (access.number("bytes_in"), access.number("bytes_out")) == (LARGE as u64, LARGE as u64)
    }));
}

#[test]
fn ten_megabytes_from_the_service() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for ask in ["bytes", "chunks"] {
        let answer = gateway.curl("/", &["-H", &format!("X-Ask: {ask} {LARGE}")]);
        assert!(answer.exit == 0 && answer.body == pattern(LARGE), "{ask}");
    }
}

#[test]
fn trailers_pass_both_ways() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let mut wire = gateway.connect();
    let answer = wire.ask(
        "POST / HTTP/1.1\r\nHost: test\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Sum\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 900150983cd24fb0\r\n\r\n",
    );
    let echo = Echo::of(&answer);
    assert_eq!((echo.len(), echo.trailer("X-Sum")), (3, Some("900150983cd24fb0")));

    // A service sends trailers to whom says that it takes them (RFC 9110 section 6.5.1), and the gateway takes them.
    let answer = wire.ask(
        "GET / HTTP/1.1\r\nHost: test\r\nTE: trailers\r\nConnection: TE\r\nX-Ask: trailers abcdef\r\n\r\n",
    );
    assert_eq!(answer.text(), "with trailers");
    assert_eq!(answer.trailers, [("x-checksum".to_owned(), "abcdef".to_owned())]);
    assert_eq!(answer.head.field("Trailer"), Some("x-checksum"));
    wire.is_open();
}

#[test]
fn trailers_do_not_smuggle_what_belongs_into_a_head() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for trailer in ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil", "Authorization: x"] {
        let mut wire = gateway.connect();
        wire.send(format!(
            "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n{trailer}\r\n\r\n"
        ));
        let answer = wire.answer();
        let name = trailer.split(':').next().unwrap();
        assert!(answer.status() == 400 || Echo::of(&answer).trailer(name).is_none(), "{trailer}");
    }
}

#[test]
fn the_service_sees_a_body_as_it_comes() {
    // What the client sends is passed on at once, and so is what the service answers: neither waits for the end.
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        loop {
            let chunk = wire.chunk();
            wire.send(format!("{:x}\r\n", chunk.len()));
            wire.send([chunk.as_slice(), b"\r\n"].concat());
            if chunk.is_empty() {
                return;
            }
        }
    });
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(wire.head().status(), 200);
    for word in ["one", "three", "nine"] {
        wire.send(format!("{:x}\r\n{word}\r\n", word.len()));
        assert_eq!(wire.chunk(), word.as_bytes());
    }
    wire.send("0\r\n\r\n");
    assert!(wire.chunk().is_empty());
}

#[test]
fn an_early_answer_reaches_a_client_that_still_sends() {
    // The service refuses after the head, and reads no more: the client gets the answer, not a reset.
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much");
        wire.rest_to_any_end();
    });
    let gateway = to(&service.url());
    let before = gateway.traces();
    let mut wire = gateway.connect();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
    wire.send(pattern(1000));
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (413, "too much"));
    assert_eq!(answer.head.field("Connection"), Some("close"), "the rest of the body is in the way");
    drop(wire);
    gateway.is_back_to(&before);
    // A whole client, which goes on sending for a while.
    let answer = curl_with(&["-H", "Expect:", "--data-binary", "@-", &gateway.url("/")], &pattern(3 << 20));
    assert_eq!((answer.status(), answer.text().as_str()), (413, "too much"));
    assert_eq!(service.connections(), 2, "a connection on which a request broke off is not used again");
}

#[test]
fn a_client_that_has_ended_its_half_is_answered() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    for (request, len) in [
        ("GET / HTTP/1.1\r\nHost: test\r\n\r\n", 0),
        ("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc", 3),
    ] {
        let mut wire = gateway.connect();
        wire.send(request);
        wire.finish();
        assert_eq!(Echo::of(&wire.answer()).len(), len);
        wire.is_closed();
    }
}

#[test]
fn a_request_that_breaks_off_does_not_look_whole_to_the_service() {
    let (told, heard) = channel();
    let service = Fake::start(move |mut wire, _| {
        wire.head();
        let mut seen = Vec::new();
        while !seen.windows(3).any(|window| window == b"abc") {
            seen.extend(wire.something());
        }
        told.send(String::new()).unwrap();
        seen.extend(wire.rest_to_any_end().0);
        told.send(String::from_utf8(seen).unwrap()).unwrap();
    });
    let gateway = to(&service.url());
    let before = gateway.traces();
    for (head, body, seen) in
        [("Content-Length: 10", "abc", "abc"), ("Transfer-Encoding: chunked", "3\r\nabc\r\n", "3\r\nabc\r\n")]
    {
        let mut wire = gateway.connect();
        wire.send(format!("POST / HTTP/1.1\r\nHost: test\r\n{head}\r\n\r\n{body}"));
        heard.recv_timeout(PATIENCE).unwrap();
        drop(wire);
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), seen);
    }
    gateway.is_back_to(&before);
    let access = gateway.access(2, |_| true);
    assert!(access.iter().all(|access| access.text("outcome") == "client_closed"), "{access:?}");
}

#[test]
fn a_malformed_chunk_is_refused_and_never_forwarded() {
    let (told, heard) = channel();
    let service = Fake::start(move |mut wire, _| {
        told.send(String::from_utf8(wire.rest_to_any_end().0).unwrap()).unwrap();
    });
    let gateway = to(&service.url());
    for bad in
        ["5\r\nabc\r\n", "-1\r\n", "0x3\r\nabc\r\n", "3 \r\nabc\r\n", "3\nabc\n", "fffffffffffffffff\r\n"]
    {
        let mut wire = gateway.connect();
        wire.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
        wire.send(format!("{bad}0\r\n\r\n"));
        let answer = wire.answer();
        assert_eq!(answer.status(), 400, "{bad:?}");
        wire.is_closed();
        let seen = heard.recv_timeout(PATIENCE).unwrap();
        let body = seen.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!(["", "2\r\nok\r\n"].contains(&body), "{bad:?} became {seen:?}");
    }
}
