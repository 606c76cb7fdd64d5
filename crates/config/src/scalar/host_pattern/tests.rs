//! Hosts that are read, and what is said of those that are none.

use proptest::prelude::*;

use super::*;
use crate::scalar::table::{assert_no_panic, assert_refused};

#[test]
fn reads_hosts() {
    for (text, written) in [
        ("api.example.com", "api.example.com"),
        ("API.Example.com", "api.example.com"),
        ("example.com.", "example.com"),
        ("localhost", "localhost"),
        ("my_service", "my_service"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "[::1]"),
        ("[FD00:0:0::1]", "[fd00::1]"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1and1.example", "1and1.example"),
    ] {
        assert_eq!(parse(text), Ok(HostPattern::Exact(written.to_owned())), "{text}");
    }
    assert_eq!(parse("*.Example.com"), Ok(HostPattern::Below("example.com".to_owned())));
    assert_eq!(parse("*.com").unwrap().to_string(), "*.com");
}

#[test]
fn refuses_with_a_way_out() {
    assert_refused(
        parse,
        &[
            ("", "", "a host is missing here (write it like `api.example.com`)"),
            ("*", "*", "`*` is no host (leave the host out, and every host is taken)"),
            (
                "example.com:8080",
                ":8080",
                "`8080` is a port, a host pattern has none (write `example.com`, and the port by `listener`)",
            ),
            (
                "[::1]:80",
                ":80",
                "`80` is a port, a host pattern has none (write `[::1]`, and the port by `listener`)",
            ),
            ("::1", "::1", "`::1` is an IPv6 address without brackets (write `[::1]`)"),
            ("[::g]", "[::g]", "`[::g]` is no IPv6 address in brackets (write it like `[::1]`)"),
            ("[::1", "[::1", "`[::1` is no IPv6 address in brackets (write it like `[::1]`)"),
            ("https://a.example/x", "https://", "a host has no scheme (write `a.example`)"),
            ("a.example/x", "/x", "a path stands behind the host (write `/x` as `path`)"),
            (
                "a.example,b.example",
                "a.example,b.example",
                "`a.example,b.example` is no host (write several hosts as a list: `[a.example, b.example]`)",
            ),
            (
                ".example.com",
                ".example.com",
                "`.example.com` is no host (write `*.example.com` for all below it)",
            ),
            (
                "www.example.*",
                "www.example.*",
                "`www.example.*` is no host (a star stands only in front: list the names, `[a.example, a.example.org]`)",
            ),
            (
                "a*.example",
                "a*.example",
                "`a*.example` is no host (a star takes whole names, in front: `*.example.com`)",
            ),
            (
                "*.a.*.b",
                "*.a.*.b",
                "`*.a.*.b` is no host (a star takes whole names, in front: `*.example.com`)",
            ),
            (
                "~^www\\d+",
                "~^www\\d+",
                "`~^www\\d+` is no host (hosts are no regular expressions: write `*.example.com`, or several as a list)",
            ),
            (
                "{sub}.example",
                "{sub}.example",
                "`{sub}.example` is no host (hosts are no regular expressions: write `*.example.com`, or several as a list)",
            ),
        ],
    );
}

#[test]
fn refuses_bad_names() {
    let signs = "hosts have letters, digits, `-`, `_` and dots";
    let long = "a".repeat(64);
    let longest = "a.".repeat(130);
    assert_refused(
        parse,
        &[
            (
                "bücher.example",
                "bücher.example",
                "`bücher.example` is not in ASCII (write the form that DNS has: `bücher.example` is `xn--bcher-kva.example`)",
            ),
            (
                "*.bücher.example",
                "bücher.example",
                "`bücher.example` is not in ASCII (write the form that DNS has: `bücher.example` is `xn--bcher-kva.example`)",
            ),
            ("a b", " ", &format!("` ` cannot stand in a host ({signs})")),
            ("a%20b", "%", &format!("`%` cannot stand in a host ({signs})")),
            ("a..b", "a..b", "two dots of a host stand side by side"),
            (".", ".", "a host is missing here"),
            ("-a.example", "-a", "`-a` begins or ends with a `-`"),
            (
                "10.0.0.256",
                "10.0.0.256",
                "`10.0.0.256` is no IPv4 address, and no name ends in a number (write four numbers from 0 to 255: `10.0.0.1`)",
            ),
            ("*.10.0.0.1", "*.10.0.0.1", "`*.10.0.0.1`: nothing is below an address"),
            (&long, &long, &format!("`{}…` is longer than 63 characters", "a".repeat(60))),
            (&longest, &longest, "this host is longer than 253 characters"),
        ],
    );
}

proptest! {
    #[test]
    fn reads_back_what_it_writes(text in "(\\*\\.)?[A-Za-z_]{1,5}(\\.[a-z0-9]{0,3}[a-z]){0,3}\\.?|\\[[0-9a-f:]{2,9}\\]") {
        if let Ok(pattern) = parse(&text) {
            prop_assert_eq!(parse(&pattern.to_string()), Ok(pattern));
        }
    }

    #[test]
    fn never_panics(text in "\\PC*|[a-c*.:\\[\\]/~é0-9-]{0,12}") {
        assert_no_panic(parse, &text);
    }
}
