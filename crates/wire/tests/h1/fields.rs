//! Field lines, and the fields that Connection names.

use crate::table::{Case, check};

#[test]
fn field_lines() {
    check(LINES);
}

#[test]
fn nominated_fields() {
    check(NOMINATED);
}

const LINES: &[Case] = &[
    Case {
        rule: "RFC 9112 section 5: optional white space around values is not part of them; order and case stay",
        bytes: b"GET / HTTP/1.1\r\nHost:a\r\nX-B:  b \t c  \r\nx-a:\t1\r\nX-Empty:\r\nX-Blank:  \t\r\nX-B: 2\r\n\r\n",
        outcome: &[
            "GET / HTTP/1.1 a keep | X-B: b \\t c | x-a: 1 | X-Empty:  | X-Blank:  | X-B: 2",
            "closed",
        ],
    },
    Case {
        rule: "RFC 9110 section 5.5: obs-text is opaque and passes",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\x80z\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep | X: \\xff\\x80z", "closed"],
    },
    Case {
        rule: "RFC 9112 section 5.1: 400 for white space between name and colon",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 5.1: a tab too",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 5.2: 400 for obs-fold",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 5.2: with a tab, of an empty value",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\tz\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 5.2: a line of blanks is no empty line",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF behind a field",
        bytes: b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF as the empty line",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.5: CR in a value",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.5: CR CR LF ends no line",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.5: NUL in a value",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.5: another control byte, and first",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: \x01z\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.5: DEL",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: y\x7f\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.1: a name is a token: empty",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.1: a name is a token: brackets",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX[1]: y\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.1: a name is a token: beyond ASCII",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: y\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.1: a name is a token: NUL",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 5: a line without a colon",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nXy\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 11.2: names that some servers read as Transfer-Encoding",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 11.2: names that some servers read as Content-Length",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\n\r\n",
        outcome: &["refused 400"],
    },
];

const NOMINATED: &[Case] = &[
    Case {
        rule: "RFC 9110 section 7.6.1: fields named by Connection are removed, in any case and from any line",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX-Hop: 1\r\nConnection: x-hop, , Keep-Alive\r\nX-Two: 2\r\nX-End: 3\r\nCONNECTION: X-TWO\r\nx-hop: 4\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep | X-End: 3", "closed"],
    },
    Case {
        rule: "RFC 9110 section 7.6.1: known ones too",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nCookie: c\r\nConnection: close, cookie\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a close", "ends"],
    },
    Case {
        rule: "RFC 9112 section 11.2: naming the framing does not remove it: Content-Length",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabc",
        outcome: &["POST / HTTP/1.1 a keep length=3", "body abc", "closed"],
    },
    Case {
        rule: "RFC 9112 section 11.2: naming the framing does not remove it: Transfer-Encoding",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body a", "closed"],
    },
    Case {
        rule: "RFC 9112 section 6.3: nor does it hide that both are there",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
];
