//! Where a request's body ends (RFC 9112 section 6.3).

use crate::table::{Case, check};

#[test]
fn content_length() {
    check(LENGTH);
}

#[test]
fn transfer_encoding() {
    check(CODING);
}

const LENGTH: &[Case] = &[
    Case {
        rule: "RFC 9112 section 6.3 rule 7: a request without framing has no body",
        bytes: b"POST /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["POST /1 HTTP/1.1 a keep", "GET /2 HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 6: exactly as many bytes as it says",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 11\r\n\r\nhello world",
        outcome: &["POST / HTTP/1.1 a keep length=11", "body hello world", "closed"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 6: line ends and heads inside are a body",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep length=18", "body GET / HTTP/1.1\\r\\n\\r\\n", "closed"],
    },
    Case {
        rule: "RFC 9110 section 8.6: zero",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep length=0", "body ", "closed"],
    },
    Case {
        rule: "RFC 9110 section 8.6: 1*DIGIT, zeros before it too",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc",
        outcome: &["POST / HTTP/1.1 a keep length=3", "body abc", "closed"],
    },
    Case {
        rule: "RFC 9112 section 8: fewer bytes than announced is incomplete",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
        outcome: &["POST / HTTP/1.1 a keep length=3", "truncated"],
    },
    Case {
        rule: "RFC 9110 section 8.6: the largest number taken; larger ones would overflow elsewhere",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\nab",
        outcome: &["POST / HTTP/1.1 a keep length=9223372036854775807", "truncated"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: 400 for an invalid one: above 2^63 - 1",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: above 2^64, which wraps to 3",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: a sign",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: minus zero",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: hexadecimal",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: a fraction",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3.0\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: a blank inside",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 0\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: quoted",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"3\"\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: empty",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: digits beyond ASCII",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa3\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 5: 400 for two lines that differ",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 8.6: equal ones may be taken for one or refused; from clients, refused",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 8.6: the same as a list",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        outcome: &["refused 400"],
    },
];

const CODING: &[Case] = &[
    Case {
        rule: "RFC 9112 section 6.1: names of codings are case-insensitive",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED \r\n\r\n0\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep chunked", "body ", "closed"],
    },
    Case {
        rule: "RFC 9112 section 6.1: with Content-Length it ought to be handled as an error",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.1: in either order",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.1: in HTTP/1.0 the framing is faulty",
        bytes: b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.3 rule 4: 400 where chunked is not the final coding",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.1: a coding that is not understood SHOULD get 501; 400 here, since nothing decodes it",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.1: chunked MUST NOT be applied twice",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.1: nor on two lines",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7: identity is gone",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 6.1: empty",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7: an empty item beside it",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7.1: chunked has no parameters",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 7: quoted",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 11.2: a vertical tab before it",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 11.2: another word that contains it",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        outcome: &["refused 400"],
    },
];
