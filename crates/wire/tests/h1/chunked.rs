//! The chunked transfer coding in requests (RFC 9112 section 7.1): sizes, extensions, trailers, and their limits.

use maitred_wire::Limits;

use crate::script::Splits;
use crate::table::{Case, check, serve};

#[test]
fn chunks() {
    check(CHUNKS);
}

#[test]
fn extensions() {
    check(EXTENSIONS);
}

#[test]
fn trailers() {
    check(TRAILERS);
}

const CHUNKS: &[Case] = &[
    Case {
        rule: "RFC 9112 section 7.1: chunks in a row, the last one empty, and the next request behind it",
        bytes: b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["POST /1 HTTP/1.1 a keep chunked", "body hello world", "GET /2 HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 7.1: 1*HEXDIG in both cases, zeros before it too",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\nB\r\n0123456789a\r\n000\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body 01234567890123456789a", "closed"],
    },
    Case {
        rule: "RFC 9112 section 7.1: line ends inside are a body",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body \\r\\n0\\r\\n\\r\\n", "closed"],
    },
    Case {
        rule: "RFC 9112 section 8: incomplete without the zero-sized chunk",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "truncated"],
    },
    Case {
        rule: "RFC 9112 section 8: inside a chunk",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        outcome: &["POST / HTTP/1.1 a keep chunked", "truncated"],
    },
    Case {
        rule: "RFC 9112 section 8: before the line that ends the trailers",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "truncated"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a size that overflows",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: no size",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a prefix",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a sign",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: minus zero",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a blank before the size",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a blank behind the size",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a chunk longer than its size says",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a bare LF behind the size",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a bare LF behind the chunk",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a bare CR behind the chunk",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: a bare CR behind the size",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\rhello\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: the next request in place of the last chunk",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
];

const EXTENSIONS: &[Case] = &[
    Case {
        rule: "RFC 9112 section 7.1.1: extensions that are not known MUST be ignored",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a;b=c;d=\"e;\\\"f\"\r\nok\r\n0;z\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body ok", "closed"],
    },
    Case {
        rule: "RFC 9112 section 7.1.1: bad white space around ; and =",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2 ;\ta \t= b\r\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body ok", "closed"],
    },
    Case {
        rule: "RFC 9112 section 7.1.1: a name is needed",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;\r\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF in an extension ends a chunk size for some",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare CR in an extension",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a\rb\r\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.6.4: quoted-pair escapes no control byte: CR",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\\\r\"\r\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.6.4: quoted-pair escapes no control byte: NUL",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\\\0\"\r\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.6.4: the quote that never ends",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\\\"\r\nok\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
];

const TRAILERS: &[Case] = &[
    Case {
        rule: "RFC 9112 section 7.1.2: fields behind the last chunk",
        bytes: b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 5 \r\nx-two:\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &[
            "POST /1 HTTP/1.1 a keep chunked",
            "body a",
            "trailer X-Sum: 5",
            "trailer x-two: ",
            "GET /2 HTTP/1.1 a keep",
            "closed",
        ],
    },
    Case {
        rule: "RFC 9110 section 6.5.1: no framing, routing, authentication or content fields; RFC 9112 section 7.1.2: never merged",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\nContent-Length: 4\r\nTRANSFER-encoding: chunked\r\nAuthorization: Basic eA==\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Type: a/b\r\nSet-Cookie: c\r\nX-Sum: 5\r\nTrailer: x\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body ", "trailer X-Sum: 5", "closed"],
    },
    Case {
        rule: "RFC 9110 section 7.6.1: nor what Connection names there",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body ", "GET /2 HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 5.1: white space before the colon",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 5.2: obs-fold",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF as the last line",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.5: NUL",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: \0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1.2: the next request in place of the empty line",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "refused 400"],
    },
];

/// A chunked request with `body` behind its head, read in several splits, which must agree.
fn outcome(body: &str) -> Vec<String> {
    let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let read = |splits| serve(bytes.as_bytes(), splits, &Limits::default());
    let whole = read(Splits::whole());
    for splits in [Splits::bytes(), Splits::of(&[7, 1, 4000]), Splits::of(&[8192]), Splits::of(&[700])] {
        assert_eq!(read(splits.clone()), whole, "{splits:?}");
    }
    whole[1..].to_vec()
}

/// RFC 9112 section 7.1.1: recipients ought to limit the length of extensions. One line has 256 bytes.
#[test]
fn a_size_line_has_a_limit() {
    let name = "x".repeat(256 - "2;\r\n".len());
    assert_eq!(outcome(&format!("2;{name}\r\nok\r\n0\r\n\r\n")), ["body ok", "closed"]);
    assert_eq!(outcome(&format!("2;{name}x\r\nok\r\n0\r\n\r\n")), ["refused 400"]);
    assert_eq!(outcome(&format!("2;{}", "x".repeat(5000))), ["refused 400"]);
}

/// RFC 9112 section 7.1.1: and all lines together: 16 KiB more than the chunks hold.
#[test]
fn all_extensions_of_a_body_have_a_limit() {
    let chunk = |data: &str| format!("{:x};{}\r\n{data}\r\n", data.len(), "x".repeat(199));
    let body = |chunks: usize, data: &str| format!("{}0\r\n\r\n", chunk(data).repeat(chunks));
    // 200 bytes of extension for each byte of data.
    assert_eq!(outcome(&body(82, "a")).last().unwrap(), "closed");
    assert_eq!(outcome(&body(83, "a")).last().unwrap(), "refused 400");
    // Signed chunks that hold more than their signatures go on for ever.
    assert_eq!(outcome(&body(500, &"b".repeat(200))).last().unwrap(), "closed");
    // Large chunks earn no credit for later ones.
    let large_first = format!("{}{}", chunk(&"c".repeat(50_000)), body(83, "a"));
    assert_eq!(outcome(&large_first).last().unwrap(), "refused 400");
}

/// RFC 9110 section 5.4: limits on fields are for the recipient to set; trailers have 16 KiB and 64 fields.
#[test]
fn trailers_have_a_limit() {
    let sized = |len: usize| format!("X: {}\r\n\r\n", "y".repeat(len - "X: \r\n\r\n".len()));
    for fits in [100, 8 << 10, (8 << 10) + 1, 16 << 10] {
        let seen = outcome(&format!("0\r\n{}", sized(fits)));
        assert_eq!(seen.len(), 3, "{fits}");
        assert_eq!(seen[2], "closed", "{fits}");
        assert_eq!(seen[1].len(), "trailer X: ".len() + fits - 7, "{fits}");
    }
    assert_eq!(outcome(&format!("0\r\n{}", sized((16 << 10) + 1))), ["refused 431"]);
    assert_eq!(outcome(&format!("0\r\n{}", "x".repeat(20_000))), ["refused 431"]);
    let numbered = |count: usize| (0..count).map(|at| format!("X-{at}: y\r\n")).collect::<String>();
    assert_eq!(outcome(&format!("0\r\n{}\r\n", numbered(64))).len(), 1 + 64 + 1);
    assert_eq!(outcome(&format!("0\r\n{}\r\n", numbered(65))), ["refused 431"]);
}
