//! Where a response's body ends, and whether the connection can be used again (RFC 9112 sections 6.3 and 9.3).

use maitred_http::Method;

use crate::table::{Answer, check_answers};

#[test]
fn lengths() {
    check_answers(LENGTHS);
}

#[test]
fn codings() {
    check_answers(CODINGS);
}

#[test]
fn responses_without_a_body() {
    check_answers(NO_BODY);
}

#[test]
fn persistence() {
    check_answers(PERSISTENCE);
}

const LENGTHS: &[Answer] = &[
    Answer {
        rule: "RFC 9112 section 6.3 rule 6: exactly as many bytes",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        outcome: &["HTTP/1.1 200 length=5 | Content-Length: 5", "body hello", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 6: surplus bytes MUST NOT be taken for a part or another response",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello",
        outcome: &["HTTP/1.1 200 length=4 | Content-Length: 4", "body hell", "ends"],
    },
    Answer {
        rule: "RFC 9112 section 8: fewer bytes are an incomplete message",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        outcome: &["HTTP/1.1 200 length=6 | Content-Length: 6", "truncated"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 8: until the connection is closed",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        outcome: &[
            "HTTP/1.1 200 chunked | X: y",
            "body hello\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\n\\r\\n",
            "ends",
        ],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 8: also nothing, also in HTTP/1.0 that asks for keep-alive",
        method: Method::Get,
        bytes: b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
        outcome: &["HTTP/1.0 200 chunked | Connection: keep-alive", "body ", "ends"],
    },
    Answer {
        rule: "RFC 9110 section 8.6: equal lengths are one",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\ncontent-length: 2\r\n\r\nok",
        outcome: &["HTTP/1.1 200 length=2 | X: y | Content-Length: 2", "body ok", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 5: different ones are refused",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 5: equal numbers written differently too",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 02\r\n\r\nok",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 5: garbage",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9110 section 8.6: a list of equal ones MAY be refused",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 11.2: a name that looks like it",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent_Length: 2\r\n\r\nok",
        outcome: &["refused 400"],
    },
];

const CODINGS: &[Answer] = &[
    Answer {
        rule: "RFC 9112 section 7.1: chunks and trailers",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Sum: 9\r\nContent-Length: 7\r\n\r\n",
        outcome: &[
            "HTTP/1.1 200 chunked | Transfer-Encoding: chunked | Trailer: X-Sum",
            "body ok",
            "trailer X-Sum: 9",
            "reusable",
        ],
    },
    Answer {
        rule: "RFC 9112 section 8: incomplete without the last chunk",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        outcome: &["HTTP/1.1 200 chunked | Transfer-Encoding: chunked", "truncated"],
    },
    Answer {
        rule: "RFC 9112 section 8: inside the trailers",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n",
        outcome: &["HTTP/1.1 200 chunked | Transfer-Encoding: chunked", "truncated"],
    },
    Answer {
        rule: "RFC 9112 section 7.1: surplus behind the trailers",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n",
        outcome: &["HTTP/1.1 200 chunked | Transfer-Encoding: chunked", "body ", "ends"],
    },
    Answer {
        rule: "RFC 9112 section 7.1: a malformed size",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\nok\r\n0\r\n\r\n",
        outcome: &["HTTP/1.1 200 chunked | Transfer-Encoding: chunked", "refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 3: both framings ought to be handled as an error",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 6.1: other codings",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Answer {
        rule: "RFC 9112 section 6.1: in HTTP/1.0 the framing is faulty",
        method: Method::Get,
        bytes: b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
];

const NO_BODY: &[Answer] = &[
    Answer {
        rule: "RFC 9112 section 6.3 rule 1: the answer to HEAD ends with its head; its length is a GET's",
        method: Method::Head,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        outcome: &["HTTP/1.1 200 length=500 | Content-Length: 500", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 1: chunked or not",
        method: Method::Head,
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        outcome: &["HTTP/1.1 200 chunked | Transfer-Encoding: chunked", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 1: announced or not, without waiting for the end",
        method: Method::Head,
        bytes: b"HTTP/1.1 200 OK\r\n\r\n",
        outcome: &["HTTP/1.1 200", "reusable"],
    },
    Answer {
        rule: "RFC 9112 section 6.3 rule 1: a service that sends one all the same is not heard again",
        method: Method::Head,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        outcome: &["HTTP/1.1 200 length=2 | Content-Length: 2", "ends"],
    },
    Answer {
        rule: "RFC 9110 section 15.3.5: 204",
        method: Method::Get,
        bytes: b"HTTP/1.1 204 No Content\r\n\r\n",
        outcome: &["HTTP/1.1 204", "reusable"],
    },
    Answer {
        rule: "RFC 9110 section 8.6: 204 with a length, which it must not have",
        method: Method::Get,
        bytes: b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
        outcome: &["HTTP/1.1 204 length=3 | Content-Length: 3", "ends"],
    },
    Answer {
        rule: "RFC 9110 section 15.4.5: 304, with the length of what was not sent",
        method: Method::Get,
        bytes: b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: \"x\"\r\n\r\n",
        outcome: &["HTTP/1.1 304 length=500 | Content-Length: 500 | ETag: \\\"x\\\"", "reusable"],
    },
];

const PERSISTENCE: &[Answer] = &[
    Answer {
        rule: "RFC 9112 section 9.3: close",
        method: Method::Get,
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\nok",
        outcome: &["HTTP/1.1 200 length=2 | Content-Length: 2 | Connection: Close", "body ok", "ends"],
    },
    Answer {
        rule: "RFC 9112 section 9.3: HTTP/1.0",
        method: Method::Get,
        bytes: b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        outcome: &["HTTP/1.0 200 length=2 | Content-Length: 2", "body ok", "ends"],
    },
    Answer {
        rule: "RFC 9112 section 9.3: HTTP/1.0 with keep-alive",
        method: Method::Get,
        bytes: b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
        outcome: &[
            "HTTP/1.0 200 length=2 | Content-Length: 2 | Connection: keep-alive",
            "body ok",
            "reusable",
        ],
    },
    Answer {
        rule: "RFC 9112 section 9.3: close in the answer to HEAD",
        method: Method::Head,
        bytes: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        outcome: &["HTTP/1.1 200 | Connection: close", "ends"],
    },
    Answer {
        rule: "RFC 9110 section 15.2: what an interim response says of the connection does not count",
        method: Method::Get,
        bytes: b"HTTP/1.1 100 x\r\nConnection: close\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
        outcome: &["HTTP/1.1 100 | Connection: close", "HTTP/1.1 204", "reusable"],
    },
];
