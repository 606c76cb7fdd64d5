//! What keeps a client's connection open, what ends it, and what happens on it beside requests.

use maitred_http::{BodyLength, Fields, Known, PathRules, RequestHead, ResponseHead};
use maitred_wire::h1::{HeadRead, Server};
use maitred_wire::{BodySink, BodySource, Broken, Limits, Piece};

use crate::script::{Script, Splits, run};
use crate::table::{Case, check, serve_script};

#[test]
fn persistence() {
    check(PERSISTENCE);
}

#[test]
fn expectations_and_upgrades() {
    check(ASKED_FOR);
}

const PERSISTENCE: &[Case] = &[
    Case {
        rule: "RFC 9112 section 9.3.2: pipelined requests are read one after the other, whatever they carry",
        bytes: b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nabPUT /3 HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\nX: y\r\n\r\n\r\nGET /4 HTTP/1.1\r\nHost: d\r\n\r\n",
        outcome: &[
            "GET /1 HTTP/1.1 a keep",
            "PUT /2 HTTP/1.1 b keep length=2",
            "body ab",
            "PUT /3 HTTP/1.1 c keep chunked",
            "body cd",
            "trailer X: y",
            "GET /4 HTTP/1.1 d keep",
            "closed",
        ],
    },
    Case {
        rule: "RFC 9112 section 9.3: close ends it, in any case and among others",
        bytes: b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["GET /1 HTTP/1.1 a close", "ends"],
    },
    Case {
        rule: "RFC 9112 section 9.3: also on a second line, and against keep-alive",
        bytes: b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["GET /1 HTTP/1.1 a close", "ends"],
    },
    Case {
        rule: "RFC 9110 section 5.6.1: a word that contains close is not close",
        bytes: b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: closed, x-close\r\n\r\n",
        outcome: &["GET /1 HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 9.3: HTTP/1.0 ends after one message",
        bytes: b"GET /1 HTTP/1.0\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["GET /1 HTTP/1.0 a close", "ends"],
    },
    Case {
        rule: "RFC 9112 section 9.3: unless it asks for keep-alive",
        bytes: b"GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nPOST /2 HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
        outcome: &["GET /1 HTTP/1.0 - keep", "POST /2 HTTP/1.0 - close length=2", "body ab", "ends"],
    },
    Case {
        rule: "RFC 9112 section 9.3: and not close as well",
        bytes: b"GET /1 HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        outcome: &["GET /1 HTTP/1.0 - close", "ends"],
    },
    Case {
        rule: "RFC 9112 appendix C.2.2: Proxy-Connection is not Connection",
        bytes: b"GET /1 HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n",
        outcome: &["GET /1 HTTP/1.0 - close | Proxy-Connection: keep-alive", "ends"],
    },
    Case {
        rule: "RFC 9112 section 9.3: what is refused on a connection ends it, also behind good requests",
        bytes: b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["GET /1 HTTP/1.1 a keep", "refused 400"],
    },
];

const ASKED_FOR: &[Case] = &[
    Case {
        rule: "RFC 9110 section 10.1.1: 100-continue, in any case",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\nab",
        outcome: &["POST / HTTP/1.1 a keep length=2 expect", "body ab", "closed"],
    },
    Case {
        rule: "RFC 9110 section 10.1.1: 417 for another expectation",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 200-ok\r\n\r\nab",
        outcome: &["refused 417"],
    },
    Case {
        rule: "RFC 9110 section 10.1.1: beside it",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue, x\r\n\r\nab",
        outcome: &["refused 417"],
    },
    Case {
        rule: "RFC 9110 section 5.3: two lines are one list",
        bytes:
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nExpect: x\r\n\r\nab",
        outcome: &["refused 417"],
    },
    Case {
        rule: "RFC 9110 section 10.1.1: HTTP/1.0 cannot expect",
        bytes: b"POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab",
        outcome: &["POST / HTTP/1.0 - close length=2", "body ab", "ends"],
    },
    Case {
        rule: "RFC 9110 section 7.8: Upgrade, named by Connection",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep upgrade | Upgrade: websocket", "closed"],
    },
    Case {
        rule: "RFC 9110 section 7.8: not named, it is for nobody",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep | Upgrade: websocket", "closed"],
    },
    Case {
        rule: "RFC 9110 section 7.8: named, and not there",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9110 section 7.8: ignored in HTTP/1.0",
        bytes: b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        outcome: &["GET / HTTP/1.0 - close | Upgrade: websocket", "ends"],
    },
];

fn read_head(
    server: &mut Server,
    io: &mut Script,
    head: &mut RequestHead,
) -> Option<Result<HeadRead, Broken>> {
    head.clear();
    run(|cx| server.poll_head(cx, io, &Limits::default(), PathRules::Strict, head))
}

fn finish(server: &mut Server, io: &mut Script) {
    run(|cx| server.body(io).poll_finish(cx, None)).unwrap().unwrap();
}

fn text(io: &Script) -> String {
    String::from_utf8(io.output.clone()).unwrap()
}

/// RFC 9112 section 2.2: a server may say so at once; a client that waits for an answer would wait for ever.
#[test]
fn what_can_never_become_a_request_is_refused_while_the_connection_is_open() {
    for (sent, status) in [
        (&b"\x16\x03\x01"[..], 400),
        (b"\0", 400),
        (b"\x80\x2e\x01", 400),
        (b" GET", 400),
        (b"{\"a\":1}", 400),
        (b"GET /\r\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"PRI * HTTP/2.0\r\n", 505),
        (b"\r\n\r\nGET / HTTP/9.9\r\n", 505),
    ] {
        for splits in [Splits::whole(), Splits::bytes()] {
            let mut io = Script::new(sent, splits).open();
            let seen = serve_script(&mut io, &Limits::default());
            assert_eq!(seen, [format!("refused {status}")], "{}", sent.escape_ascii());
        }
    }
    for sent in
        [&b""[..], b"G", b"GET / HTT", b"\r", b"\r\n", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r"]
    {
        let mut io = Script::new(sent, Splits::bytes()).open();
        assert_eq!(serve_script(&mut io, &Limits::default()), ["waits"], "{}", sent.escape_ascii());
    }
}

/// RFC 9112 section 9.6: the refusal says that the connection ends, and is written whole, also behind a HEAD request,
/// whose own response had no body.
#[test]
fn a_refusal_is_written_whole_and_closes() {
    for first in ["GET", "HEAD"] {
        for bad in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "\x01", "A / HTTP/2.0\r\n"] {
            let sent = format!("{first} / HTTP/1.1\r\nHost: a\r\n\r\n{bad}");
            let mut io = Script::new(sent.as_bytes(), Splits::bytes());
            let (mut server, mut head) = (Server::default(), RequestHead::default());
            assert!(matches!(read_head(&mut server, &mut io, &mut head), Some(Ok(HeadRead::Request(_)))));
            server.respond(&ResponseHead::default(), BodyLength::None, true);
            finish(&mut server, &mut io);
            assert!(server.end_exchange());
            io.output.clear();

            let Some(Err(Broken::Refused(refusal))) = read_head(&mut server, &mut io, &mut head) else {
                panic!("{sent} is not refused");
            };
            let answer = ResponseHead { status: refusal.status(), ..ResponseHead::default() };
            assert!(!server.respond(&answer, BodyLength::Known(2), true), "{sent}");
            assert_eq!(run(|cx| server.body(&mut io).poll_send(cx, b"no")).unwrap().unwrap(), 2);
            finish(&mut server, &mut io);
            assert!(text(&io).ends_with("Content-Length: 2\r\nConnection: close\r\n\r\nno"), "{}", text(&io));
            assert!(!server.end_exchange());
        }
    }
}

/// RFC 9112 section 9.3: the connection is reused only behind a request that was read to its end.
#[test]
fn a_body_that_was_not_read_ends_the_connection() {
    for body in ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"] {
        let sent = format!("POST / HTTP/1.1\r\nHost: a\r\n{body}GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        for read in [false, true] {
            let mut io = Script::new(sent.as_bytes(), Splits::whole());
            let (mut server, mut head) = (Server::default(), RequestHead::default());
            read_head(&mut server, &mut io, &mut head);
            while read && run(|cx| server.body(&mut io).poll_piece(cx)).unwrap().unwrap() == Piece::Bytes {
                server.body(&mut io).consume(1);
            }
            server.respond(&ResponseHead::default(), BodyLength::None, true);
            finish(&mut server, &mut io);
            assert_eq!(server.end_exchange(), read, "{body}");
        }
    }
}

/// Asking whether a body was read changes nothing of it, wherever its bytes are split.
#[test]
fn asking_whether_the_body_is_read_does_not_disturb_it() {
    let sent = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n";
    for size in 1..sent.len() {
        let mut io = Script::new(sent, Splits::of(&[size]));
        let (mut server, mut head) = (Server::default(), RequestHead::default());
        read_head(&mut server, &mut io, &mut head);
        let mut text = Vec::new();
        loop {
            server.is_body_read();
            let mut body = server.body(&mut io);
            if run(|cx| body.poll_piece(cx)).unwrap().unwrap() == Piece::End {
                break;
            }
            text.push(body.bytes()[0]);
            body.consume(1);
        }
        assert!(server.is_body_read());
        assert_eq!(text, b"abcde", "pieces of {size}");
        assert_eq!(server.body(&mut io).trailers().map(Fields::len), Some(1));
    }
}

/// RFC 9110 section 15.2 and 10.1.1: interim responses come before the final one, and not to HTTP/1.0.
#[test]
fn interim_responses_precede_the_final_one() {
    for (version, interim) in [("1.1", "HTTP/1.1 100 Continue\r\n\r\n"), ("1.0", "")] {
        let sent =
            format!("POST / HTTP/{version}\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx");
        let mut io = Script::new(sent.as_bytes(), Splits::whole()).writing(Splits::bytes());
        let (mut server, mut head) = (Server::default(), RequestHead::default());
        read_head(&mut server, &mut io, &mut head);
        server.inform(&ResponseHead { status: 100, ..ResponseHead::default() });
        run(|cx| server.poll_flush(cx, &mut io)).unwrap().unwrap();
        assert_eq!(text(&io), interim);
        server.respond(&ResponseHead { status: 204, ..ResponseHead::default() }, BodyLength::None, true);
        finish(&mut server, &mut io);
        assert!(text(&io).starts_with(&format!("{interim}HTTP/1.1 204 No Content\r\n")));
    }
}

/// RFC 9110 section 7.8: behind the 101, and behind the request, the bytes belong to the other protocol.
#[test]
fn a_switched_connection_gives_up_what_it_read() {
    let sent = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nframes";
    let mut io = Script::new(sent, Splits::whole()).writing(Splits::bytes());
    let (mut server, mut head) = (Server::default(), RequestHead::default());
    read_head(&mut server, &mut io, &mut head);
    let mut fields = Fields::default();
    fields.append_known(Known::Upgrade, b"y");
    fields.append_bytes(b"X-A", b"1");
    server.switch(&fields, b"x");
    run(|cx| server.poll_flush(cx, &mut io)).unwrap().unwrap();
    assert_eq!(
        text(&io),
        "HTTP/1.1 101 Switching Protocols\r\nX-A: 1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    );
    assert_eq!(server.take_unread(), b"frames");
    assert!(!server.end_exchange());
}
