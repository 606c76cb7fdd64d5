//! Heads of requests on the wire: what is read, what is answered 400, and what is a stream error (RFC 9113 section 8).

use maitred_wire::Limits;

use crate::gateway::{self, Control, ask, connect, describe, get};
use crate::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GET, GOAWAY, HEADERS, POST, PROTOCOL_ERROR,
    RST_STREAM, RawClient, block,
};

fn begin(limits: Limits) -> (tokio::io::DuplexStream, Control) {
    gateway::serve_raw(limits, describe)
}

/// What becomes of one request: the status, or the code of the reset.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Status(u16),
    Reset(u32),
    GoAway(u32),
}

/// Sends one request by hand.
async fn outcome(frames: &[Frame]) -> Outcome {
    let (peer, _) = begin(Limits::default());
    let mut client = RawClient::begin(peer, &[]).await;
    client.send(frames).await;
    loop {
        let frame = client.next().await.expect("the connection ended without a word");
        match frame.kind {
            HEADERS => return Outcome::Status(status(&frame.payload)),
            RST_STREAM => return Outcome::Reset(frame.number(0)),
            GOAWAY => return Outcome::GoAway(frame.number(4)),
            _ => {}
        }
    }
}

/// The status that a header block begins with: from the static table, or a literal with the name from there, whose digits the
/// library writes in the Huffman code: 5 bits for 0 to 2, 6 for the others (RFC 7541 appendices A and B).
fn status(block: &[u8]) -> u16 {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    if let at @ 8..=14 = block[0] & 0x7f
        && block[0] & 0x80 != 0
    {
        return INDEXED[usize::from(at - 8)];
    }
    let coded = &block[2..2 + usize::from(block[1] & 0x7f)];
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut status = 0;
    for _ in 0..3 {
        let five = (0..5).fold(0, |code, _| code << 1 | bits.next().unwrap());
        let digit = if five < 3 { five } else { (five << 1 | bits.next().unwrap()) - 0x19 + 3 };
        status = status * 10 + digit;
    }
    status
}

fn with(lines: &[(&str, &str)], more: &[(&str, &str)]) -> Frame {
    Frame::request(1, END_STREAM, &[lines, more].concat())
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    GET.into_iter().filter(|line| line.0 != name).collect()
}

#[test]
fn an_honest_request_is_read() {
    gateway::run(async {
        let (mut send, _) = connect(Limits::default(), describe).await;
        let request =
            http::Request::post("https://A.example/%7Ea?b=c").header("cookie", "a=1").header("cookie", "b=2");
        let answer = ask(&mut send, request.body(()).unwrap(), Some(b"hello")).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.text(),
            "POST /~a?b=c for a.example, Unknown\nHost: A.example\r\nCookie: a=1; b=2\r\n"
        );
        let answer = ask(&mut send, get("http://a.example/"), None).await.unwrap();
        assert_eq!(answer.text(), "GET / for a.example, None\nHost: a.example\r\n");
    });
}

#[test]
fn what_http1_refuses_is_refused_with_the_same_status() {
    gateway::run(async {
        let long = format!("/{}", "a".repeat(8 << 10));
        let path = |path: &'static str| with(&without(":path"), &[(":path", path)]);
        let plain = |method: &'static str, scheme: &'static str| {
            let lines = [(":method", method), (":scheme", scheme), (":authority", "a"), (":path", "/")];
            Frame::request(1, END_STREAM, &lines)
        };
        let udp = [
            (":method", "CONNECT"),
            (":protocol", "connect-udp"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
        ];
        for (frame, status, what) in [
            (with(&GET, &[]), 200, "an honest one"),
            (with(&GET, &[("host", "a.example")]), 200, "Host and :authority that agree"),
            (with(&GET, &[("host", "b.example")]), 400, "Host and :authority that differ (8.3.1)"),
            (with(&GET, &[("host", "a.example"), ("host", "a.example")]), 400, "two of Host"),
            (with(&without(":authority"), &[("host", "b.example")]), 200, "Host alone"),
            (with(&without(":authority"), &[]), 400, "neither"),
            (path("/a/../b"), 400, "a dot segment"),
            (path("/a%2fb"), 400, "an encoded slash"),
            (path("*"), 400, "* for GET"),
            (plain("GET", "ftp"), 400, "another scheme"),
            (with(&without(":path"), &[(":path", &long)]), 414, "a long target"),
            (plain("TRACE", "http"), 405, "TRACE"),
            (Frame::request(1, 0, &[(":method", "CONNECT"), (":authority", "a:443")]), 405, "CONNECT"),
            (Frame::request(1, 0, &udp), 405, "another protocol"),
            (with(&GET, &[("expect", "tea")]), 417, "an expectation"),
            (with(&GET, &[("content_length", "3")]), 400, "what looks like Content-Length"),
            (with(&GET, &[("a\"b", "3")]), 400, "a name that is no token"),
            (with(&GET, &[("x", " 1")]), 400, "a value that begins with a blank (8.2.1)"),
            (with(&GET, &[("content-length", "0"), ("content-length", "0")]), 400, "two lengths"),
            (with(&GET, &vec![("x", "1"); 101]), 431, "too many fields"),
        ] {
            assert_eq!(outcome(&[frame]).await, Outcome::Status(status), "{what}");
        }
    });
}

#[test]
fn what_is_malformed_is_a_stream_error() {
    gateway::run(async {
        for (frame, what) in [
            (with(&GET, &[("connection", "close")]), "Connection (8.2.2)"),
            (with(&GET, &[("keep-alive", "1")]), "Keep-Alive"),
            (with(&GET, &[("proxy-connection", "close")]), "Proxy-Connection"),
            (with(&GET, &[("transfer-encoding", "chunked")]), "Transfer-Encoding"),
            (with(&GET, &[("upgrade", "websocket")]), "Upgrade"),
            (with(&GET, &[("te", "gzip")]), "TE"),
            (with(&GET, &[("te", "trailers, gzip")]), "TE with more"),
            (with(&GET, &[(":path", "/b")]), "a pseudo field twice (8.3)"),
            (with(&GET, &[("x", "1"), (":path", "/")]), "a pseudo field behind a field"),
            (with(&without(":method"), &[]), "no :method (8.3.1)"),
            (with(&without(":path"), &[]), "no :path"),
            (with(&without(":scheme"), &[]), "no :scheme"),
            (with(&GET, &[(":status", "200")]), ":status in a request"),
            (with(&GET, &[(":protocol", "websocket")]), ":protocol without CONNECT (RFC 8441)"),
            (with(&POST, &[("content-length", "5")]), "a length without a body (8.1.1)"),
            (with(&POST, &[("content-length", "x")]), "a length that is no number"),
        ] {
            assert_eq!(outcome(&[frame]).await, Outcome::Reset(PROTOCOL_ERROR), "{what}");
        }
        // The trailers alone are allowed.
        assert_eq!(outcome(&[with(&GET, &[("te", "trailers")])]).await, Outcome::Status(200));
    });
}

/// RFC 9113 section 5.4.2 lets a stream error be one of the connection: what no field can have the library takes for broken
/// compression.
#[test]
fn what_no_field_can_have_is_an_error_of_the_connection() {
    gateway::run(async {
        for (line, what) in [
            (("X", "1"), "upper case (8.2.1)"),
            (("x y", "1"), "a blank in a name"),
            (("x", "1\r\ny: 2"), "a line end in a value"),
            (("x", "1\0"), "NUL in a value"),
            ((":x", "1"), "an unknown pseudo field (8.3)"),
        ] {
            assert_eq!(outcome(&[with(&GET, &[line])]).await, Outcome::GoAway(PROTOCOL_ERROR), "{what}");
        }
    });
}

#[test]
fn a_head_has_a_largest_size() {
    gateway::run(async {
        // Counted as RFC 9113 section 10.5.1 says: 32 bytes for each field besides its text. A frame holds 16 KiB.
        let (a, b) = ("a".repeat(15 << 10), "b".repeat(15 << 10));
        let in_frames = |fields: &[(&str, &str)]| {
            let bytes = block(&[&GET[..], fields].concat());
            let mut parts = bytes.chunks(16 << 10).peekable();
            let mut frames = vec![Frame::new(HEADERS, END_STREAM, 1, parts.next().unwrap())];
            frames.extend(parts.map(|part| Frame::new(CONTINUATION, 0, 1, part)));
            frames.last_mut().unwrap().flags |= END_HEADERS;
            frames
        };
        assert_eq!(outcome(&in_frames(&[("a", &a), ("b", &b)])).await, Outcome::Status(200));
        assert_eq!(outcome(&in_frames(&[("a", &a), ("b", &b), ("c", &a)])).await, Outcome::Status(431));
    });
}

#[test]
fn what_is_announced_must_come() {
    gateway::run(async {
        for (len, what) in [(3, "too short"), (6, "too long")] {
            let (peer, _) = gateway::serve_raw(Limits::default(), gateway::echo);
            let mut client = RawClient::begin(peer, &[]).await;
            let head = Frame::request(1, 0, &[&POST[..], &[("content-length", "5")]].concat());
            client.send(&[head, Frame::new(DATA, END_STREAM, 1, &vec![b'x'; len])]).await;
            let reset = client.next_of(RST_STREAM).await.unwrap();
            assert_eq!(reset.number(0), PROTOCOL_ERROR, "{what}");
        }
    });
}

#[test]
fn what_was_read_before_is_part_of_the_connection() {
    gateway::run(async {
        use maitred_wire::h1::Server;
        use maitred_wire::h2::ServerConnection;
        use std::future::poll_fn;

        let (peer, mut stream) = tokio::io::duplex(4096);
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[with(&GET, &[])]).await;
        // The end of HTTP/1.1 reads first, and sees that it is not for it.
        let mut server = Server::default();
        assert!(poll_fn(|cx| server.poll_preface(cx, &mut stream)).await.unwrap());
        let mut connection = ServerConnection::new(stream, server.take_unread(), &Limits::default());
        let accepted = poll_fn(|cx| connection.poll_accept(cx)).await.unwrap();
        assert_eq!(gateway::head_of(&mut accepted.unwrap()).unwrap().0.target.as_str(), "/");
    });
}

#[test]
fn http1_is_told_from_http2() {
    gateway::run(async {
        use maitred_wire::h1::Server;
        use std::future::poll_fn;
        use tokio::io::AsyncWriteExt;

        for (text, is_h2) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], true),
            (b"POST / HTTP/1.1\r\n", false),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", false),
            (b"", false),
        ] {
            let (mut peer, mut stream) = tokio::io::duplex(64);
            let mut server = Server::default();
            let write = async {
                for byte in text {
                    peer.write_all(&[*byte]).await.unwrap();
                    tokio::task::yield_now().await;
                }
                drop(peer);
            };
            let (found, ()) = tokio::join!(poll_fn(|cx| server.poll_preface(cx, &mut stream)), write);
            assert_eq!(found.unwrap(), is_h2, "{text:?}");
        }
    });
}
