//! `Host`: exactly one, well-formed (RFC 9112 section 3.2, RFC 9110 section 7.2).

use crate::table::{Case, check};

#[test]
fn hosts() {
    check(HOSTS);
}

const HOSTS: &[Case] = &[
    Case {
        rule: "RFC 9112 section 3.2: 400 for a request of HTTP/1.1 that lacks it",
        bytes: b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: 400 for more than one line of it, also with the same value",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: whatever the case of its name",
        bytes: b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: HTTP/1.0 neither",
        bytes: b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 4.2.1: an empty host identifies nothing that http could serve",
        bytes: b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9110 section 4.2.1: a port alone",
        bytes: b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: 400 for an invalid value: two hosts",
        bytes: b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: a path",
        bytes: b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: user information",
        bytes: b"GET / HTTP/1.1\r\nHost: u:p@a\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: a port that is no number",
        bytes: b"GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: a port above 65535",
        bytes: b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 9112 section 3.2: bytes of no host",
        bytes: b"GET / HTTP/1.1\r\nHost: a\x80b\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 3986 section 3.2.2: an address of IPv6 stands in brackets",
        bytes: b"GET / HTTP/1.1\r\nHost: [2001:DB8::1]:8080\r\n\r\n",
        outcome: &["GET / HTTP/1.1 [2001:db8::1]:8080 keep", "closed"],
    },
    Case {
        rule: "RFC 3986 section 3.2.2: a broken one",
        bytes: b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        outcome: &["refused 400"],
    },
    Case {
        rule: "RFC 3986 section 3.2.3: an empty port is the default one; RFC 9110 section 5.5: white space around is not part",
        bytes: b"GET / HTTP/1.1\r\nHost: \t a:  \r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep", "closed"],
    },
    Case {
        rule: "RFC 9110 section 7.6.1: naming Host in Connection does not remove it",
        bytes: b"GET / HTTP/1.1\r\nConnection: host\r\nHost: a\r\n\r\n",
        outcome: &["GET / HTTP/1.1 a keep", "closed"],
    },
];
