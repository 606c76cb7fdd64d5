//! Status lines and heads of responses, interim ones and upgrades, as a service sends them.

use maitred_http::{BodyLength, Known, Method, PathRules, RequestHead, ResponseHead};
use maitred_wire::h1::Client;
use maitred_wire::{BodySink, BodySource, Broken, Limits, Piece};

use crate::script::{Script, Splits, run};
use crate::table::{Answer, check_answers};

#[test]
fn status_lines() {
    check_answers(STATUS_LINES);
}

#[test]
fn heads() {
    check_answers(HEADS);
}

const STATUS_LINES: &[Answer] = &[
    Answer {
        rule: "RFC 9112 section 4: the reason means nothing: several words",
        method: Method::Get,
        bytes: b"HTTP/1.1 404 Not Here, \xe9h?\r\nContent-Length: 0\r\n\r\n",
        outcome: &["HTTP/1.1 404 length=0 | Content-Length: 0", "body ", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 4: none, behind its space",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        outcome: &["HTTP/1.1 200 length=0 | Content-Length: 0", "body ", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 4: none, and no space, as some services send it",
        method: Method::Get,
        bytes: b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        outcome: &["HTTP/1.1 200 length=0 | Content-Length: 0", "body ", "reusable"],
    },
    Answer {
        rule: "RFC 9110 section 15: a code that is not registered is one of its class",
        method: Method::Get,
        bytes: b"HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n",
        outcome: &["HTTP/1.1 599 length=0 | Content-Length: 0", "body ", "reusable"],
    },
    Answer {
        rule: "RFC 9110 section 15: above 599 is invalid",
        method: Method::Get,
        bytes: b"HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9110 section 15: below 100 is invalid",
        method: Method::Get,
        bytes: b"HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: four digits",
        method: Method::Get,
        bytes: b"HTTP/1.1 2000 x\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: two digits",
        method: Method::Get,
        bytes: b"HTTP/1.1 20 x\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: two spaces",
        method: Method::Get,
        bytes: b"HTTP/1.1  200 x\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: a control byte in the reason",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 a\0b\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 2.2: a bare CR in the reason",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 a\rb\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 2.3: another version",
        method: Method::Get,
        bytes: b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: HTTP/0.9, or something else",
        method: Method::Get,
        bytes: b"<html><body>no head</body></html>",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: TLS",
        method: Method::Get,
        bytes: b"\x15\x03\x01\x00\x02\x02\x0a",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 4: an empty line first; only servers ignore it",
        method: Method::Get,
        bytes: b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer { rule: "RFC 9112 section 8: nothing", method: Method::Get, bytes: b"", outcome: &["truncated"] },
    Answer {
        rule: "RFC 9112 section 8: half a head",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Le",
        outcome: &["truncated"],
    },
];

const HEADS: &[Answer] = &[
    Answer {
        rule: "RFC 9112 section 2.2: bare LF",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 5.1: a proxy MUST remove white space before the colon; refused instead",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 5.2: a gateway may answer 502 for obs-fold",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9110 section 5.5: NUL",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 11.1: CR inside a value is how responses are split",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9110 section 7.6.1: fields named by Connection stay behind; repeated ones keep their order",
        method: Method::Get,
        bytes: b"HTTP/1.1 204 x\r\nSet-Cookie: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nset-cookie: b\r\n\r\n",
        outcome: &["HTTP/1.1 204 | Set-Cookie: a | Connection: X-Hop | set-cookie: b", "reusable"],
    },
    Answer {
        rule: "RFC 9110 section 15.2: interim responses, any number of them, whatever they announce",
        method: Method::Post,
        bytes: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        outcome: &[
            "HTTP/1.1 100",
            "HTTP/1.1 103 | Link: </a>",
            "HTTP/1.1 102 length=0 | Content-Length: 0",
            "HTTP/1.1 200 length=2 | Content-Length: 2",
            "body ok",
            "reusable",
        ],
    },
    Answer {
        rule: "RFC 9110 section 15.2: an interim response alone is none",
        method: Method::Get,
        bytes: b"HTTP/1.1 100 Continue\r\n\r\n",
        outcome: &["HTTP/1.1 100", "truncated"],
    },
    Answer {
        rule: "RFC 9110 section 15.2.2: 101 ends HTTP on this connection",
        method: Method::Get,
        bytes: b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
        outcome: &["HTTP/1.1 101 | Connection: upgrade | Upgrade: websocket", "ends"],
    },
];

fn asked(client: &mut Client, io: &mut Script, length: BodyLength, upgrade: Option<&[u8]>) {
    let mut head = RequestHead { method: Method::Post, ..RequestHead::default() };
    head.target.parse(b"/", PathRules::Strict).unwrap();
    head.fields.append_known(Known::Host, b"a");
    client.request(&head, length, upgrade);
    let mut body = client.body(io);
    run(|cx| if length == BodyLength::None { body.poll_finish(cx, None) } else { body.poll_flush(cx) })
        .unwrap()
        .unwrap();
}

fn answer(client: &mut Client, io: &mut Script) -> Result<u16, Broken> {
    let mut head = ResponseHead::default();
    run(|cx| client.poll_response(cx, io, &Limits::default(), &mut head)).unwrap().map(|_| head.status)
}

/// RFC 9110 section 7.8: an upgrade is asked for, and what follows the 101 is handed over.
#[test]
fn an_upgrade_is_asked_for_and_granted() {
    let granted = b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes";
    let mut io = Script::new(granted, Splits::whole());
    let mut client = Client::default();
    asked(&mut client, &mut io, BodyLength::None, Some(b"websocket"));
    let sent = String::from_utf8(io.output.clone()).unwrap();
    assert!(sent.ends_with("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), "{sent}");
    assert_eq!(answer(&mut client, &mut io).unwrap(), 101);
    assert_eq!(client.take_unread(), b"frames");
    assert!(!client.end_exchange());
}

/// RFC 9112 section 9.3.1: a request may be tried again if the connection closed before anything was heard.
#[test]
fn it_tells_whether_anything_was_heard() {
    for (bytes, heard) in [(&b""[..], false), (b"H", true)] {
        let mut io = Script::new(bytes, Splits::bytes());
        let mut client = Client::default();
        asked(&mut client, &mut io, BodyLength::None, None);
        assert!(matches!(answer(&mut client, &mut io), Err(Broken::Truncated)));
        assert_eq!(client.has_heard(), heard);
        assert!(!client.end_exchange());
    }
}

/// RFC 9112 section 9.3: a response that came before the request was sent to its end leaves nothing to reuse.
#[test]
fn a_request_cut_short_ends_the_connection() {
    for (sends, reusable) in [(false, false), (true, true)] {
        let mut io = Script::new(b"HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n", Splits::whole());
        let mut client = Client::default();
        asked(&mut client, &mut io, BodyLength::Known(3), None);
        assert_eq!(answer(&mut client, &mut io).unwrap(), 413);
        if sends {
            assert_eq!(run(|cx| client.body(&mut io).poll_send(cx, b"abc")).unwrap().unwrap(), 3);
            run(|cx| client.body(&mut io).poll_finish(cx, None)).unwrap().unwrap();
        }
        assert_eq!(client.end_exchange(), reusable);
    }
}

/// RFC 9112 section 9.2: bytes behind the response belong to no request; the connection is not used again.
#[test]
fn two_exchanges_on_one_connection() {
    let two =
        b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 204 x\r\n\r\n";
    let first = two.len() - b"HTTP/1.1 204 x\r\n\r\n".len();
    for (pieces, second) in [(vec![first, 1000], true), (vec![first + 1, 1000], false)] {
        let mut io = Script::new(two, Splits::of(&pieces));
        let mut client = Client::default();
        asked(&mut client, &mut io, BodyLength::None, None);
        assert_eq!(answer(&mut client, &mut io).unwrap(), 200);
        let mut body = client.body(&mut io);
        while run(|cx| body.poll_piece(cx)).unwrap().unwrap() == Piece::Bytes {
            body.consume(1);
        }
        assert_eq!(client.end_exchange(), second);
        if second {
            asked(&mut client, &mut io, BodyLength::None, None);
            assert_eq!(answer(&mut client, &mut io).unwrap(), 204);
            assert!(client.end_exchange());
        }
    }
}
