//! Request lines: methods, targets, versions, and what comes instead of them.

use crate::table::{Case, check};

#[test]
fn request_lines() {
    check(LINES);
}

#[test]
fn methods() {
    check(METHODS);
}

#[test]
fn targets() {
    check(TARGETS);
}

#[test]
fn versions() {
    check(VERSIONS);
}

const LINES: &[Case] = &[
    Case {
        rule: "RFC 9112 section 3: method, target and version, one space between",
        bytes: b"GET /where?q=now HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
        outcome: &["GET /where?q=now HTTP/1.1 www.example.com keep", "closed"],
    },
    Case { rule: "RFC 9112 section 9.6: nothing at all is a clean end", bytes: b"", outcome: &["closed"] },
    Case {
        rule: "RFC 9112 section 2.2: empty lines before the request line are ignored",
        bytes: b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 2.2: also those that old clients send behind a body",
        bytes: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
        outcome: &["POST / HTTP/1.1 a keep length=2", "body ok", "GET / HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 8: a head that ends early is incomplete",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\n",
        outcome: &["truncated"],
    },
    Case { rule: "RFC 9112 section 8: also in its first line", bytes: b"GET / HT", outcome: &["truncated"] },
    Case { rule: "RFC 9112 section 8: half an empty line", bytes: b"\r", outcome: &["truncated"] },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF MAY end a line; taken for nothing but an attack here",
        bytes: b"GET / HTTP/1.1\nHost: a\n\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare CR MUST NOT be taken for a line end",
        bytes: b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: nor before the request line",
        bytes: b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: a bare LF before the request line",
        bytes: b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: white space around the parts is malformed: two spaces before the target",
        bytes: b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: two spaces before the version",
        bytes: b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: a tab between method and target",
        bytes: b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: a space behind the version",
        bytes: b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: a space before the method",
        bytes: b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.2: white space between the request line and the first field",
        bytes: b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: a space in the target",
        bytes: b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: no target",
        bytes: b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: no method",
        bytes: b"/ HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case { rule: "RFC 9112 section 3: no request line", bytes: b"Host: a\r\n\r\n", outcome: &["refused 400"] },
    Case {
        rule: "RFC 9112 section 11.2: a response is no request",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 8446 section 4.1.2: a TLS ClientHello on the port in the clear",
        bytes: b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03abcdefgh\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9113 section 3.4: the preface of HTTP/2 is a version that is not spoken on this connection",
        bytes: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        outcome: &["refused 505"],
    },
];

const METHODS: &[Case] = &[
    Case {
        rule: "RFC 9110 section 9.1: methods are case-sensitive tokens; unknown ones are forwarded",
        bytes: b"get / HTTP/1.1\r\nHost: a\r\n\r\nM-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n!#$%&'*+-.^_`|~0 / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &[
            "get / HTTP/1.1 a keep",
            "M-SEARCH / HTTP/1.1 a keep",
            "!#$%&'*+-.^_`|~0 / HTTP/1.1 a keep",
            "closed",
        ],
    },
    Case {
        rule: "RFC 9110 section 9.1: no token",
        bytes: b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 5.6.2: a token has no NUL",
        bytes: b"GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 9.3.6: CONNECT is not served",
        bytes: b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        outcome: &["refused 405"],
    },
    Case {
        rule: "RFC 9110 section 9.3.8: nor TRACE",
        bytes: b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 405"],
    },
    Case {
        rule: "RFC 9110 section 9.3.1: content in a GET is framed like any other",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcHEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        outcome: &[
            "GET / HTTP/1.1 a keep length=3",
            "body abc",
            "HEAD / HTTP/1.1 a keep chunked",
            "body ",
            "closed",
        ],
    },
];

const TARGETS: &[Case] = &[
    Case {
        rule: "RFC 9112 section 3.2.4: the asterisk, for OPTIONS",
        bytes: b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["OPTIONS * HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 3.2.4: and for nothing else",
        bytes: b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2.4: and alone",
        bytes: b"OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2.4: so is an absolute form without a path and a query",
        bytes: b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["OPTIONS * HTTP/1.1 a keep", "OPTIONS / HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 3.2.2: the absolute form MUST be taken",
        bytes: b"GET http://www.example.org/pub/WWW/?a=b HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
        outcome: &["GET /pub/WWW/?a=b HTTP/1.1 www.example.org keep", "closed"],
    },
    Case {
        rule: "RFC 9110 section 4.2.3: scheme and host are case-insensitive, an empty path is /",
        bytes: b"GET HTTP://A.example:8080 HTTP/1.1\r\nHost: a.EXAMPLE:8080\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a.example:8080 keep", "closed"],
    },
    Case {
        rule: "RFC 9112 section 3.2.2: Host and target MUST agree for the client; if not, refused instead of choosing",
        bytes: b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: Host is needed with the absolute form too",
        bytes: b"GET http://a/ HTTP/1.1\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2.2: HTTP/1.0 may name its host in the target alone",
        bytes: b"GET http://a/b HTTP/1.0\r\n\r\n",
        outcome: &["GET /b HTTP/1.0 a close", "ends"],
    },
    Case {
        rule: "RFC 9110 section 4.2.1: http without a host is invalid",
        bytes: b"GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 4.2.4: user information is treated as an error",
        bytes: b"GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 4.2: other schemes are not served",
        bytes: b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2.3: the authority form is for CONNECT only",
        bytes: b"GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: neither of the four forms",
        bytes: b"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 3986 section 3.5: a fragment is never sent",
        bytes: b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: bytes that must be percent-encoded",
        bytes: b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: NUL in the target",
        bytes: b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 3986 section 6.2.2: unreserved octets are decoded, digits of escapes are upper case",
        bytes: b"GET /%7Euser/%41%c3%a9?%7e HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["GET /~user/A%C3%A9?%7e HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 3986 section 6.2.2.3: dot segments, encoded too, are refused",
        bytes: b"GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 3986 section 2.2: an encoded slash is not a slash, and services disagree",
        bytes: b"GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
];

const VERSIONS: &[Case] = &[
    Case {
        rule: "RFC 9110 section 6.2: HTTP/1.0 needs no Host",
        bytes: b"GET / HTTP/1.0\r\n\r\n",
        outcome: &["GET / HTTP/1.0 - close", "ends"],
    },
    Case {
        rule: "RFC 9110 section 15.6.6: 505 for a major version that is not spoken",
        bytes: b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        outcome: &["refused 505"],
    },
    Case {
        rule: "RFC 9110 section 2.5: a later minor version SHOULD be processed; there is none, and 505 says so",
        bytes: b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        outcome: &["refused 505"],
    },
    Case {
        rule: "RFC 9112 section 2.3: HTTP/0.9 is no version of this protocol",
        bytes: b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: a request of HTTP/0.9",
        bytes: b"GET /\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3: also while the connection waits",
        bytes: b"GET /\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: HTTP-name is case-sensitive",
        bytes: b"GET / http/1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: one digit each",
        bytes: b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: one digit each, also before the dot",
        bytes: b"GET / HTTP/01.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: a dot between them",
        bytes: b"GET / HTTP/1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: no blank inside",
        bytes: b"GET / HTTP/ 1.1\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: another protocol",
        bytes: b"GET / RTSP/1.0\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 2.3: the first line decides, however much of the rest is there",
        bytes: b"GET / HTTP/3.0\r\nHost: a\nX: y\r\n\r\n",
        outcome: &["refused 505"],
    },
];
