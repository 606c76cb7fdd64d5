//! The hosts that a route takes: `api.example.com`, `*.example.com`.
//!
//! Without a port: routes of one port only name a listener. Names in other scripts are written as DNS has them.

use std::fmt;

use super::{ScalarProblem, host, quote, refuse_blank};

/// A host, or all below one; in lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host: a name, an IPv4 address, or an IPv6 address in brackets in its shortest form.
    Exact(String),
    /// `*.example.com`, kept as `example.com`.
    Below(String),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Below(host) => write!(f, "*.{host}"),
        }
    }
}

/// Reads a host pattern.
pub fn parse(text: &str) -> Result<HostPattern, ScalarProblem> {
    refuse_blank(text, "a host", "api.example.com")?;
    refuse_others(text)?;
    if text.starts_with('[') {
        return Ok(HostPattern::Exact(format!("[{}]", host::parse_bracketed(text)?)));
    }
    if let Some(below) = text.strip_prefix("*.") {
        let name = host::parse_name(below).map_err(|problem| problem.shifted(2))?;
        return match name.parse::<std::net::Ipv4Addr>() {
            Ok(_) => Err(ScalarProblem::whole(format!("{}: nothing is below an address", quote(text)), text)),
            Err(_) => Ok(HostPattern::Below(name)),
        };
    }
    host::parse_name(text).map(HostPattern::Exact)
}

/// What hosts look like elsewhere: with a scheme, a port, a path, stars in other places, regular expressions.
fn refuse_others(text: &str) -> Result<(), ScalarProblem> {
    let problem = || ScalarProblem::whole(format!("{} is no host", quote(text)), text);
    if matches!(text, "*" | "_" | "_.") {
        return Err(problem().help("leave the host out, and every host is taken"));
    }
    if text.starts_with('~') || text.contains(['^', '$', '(', '{', '\\']) {
        return Err(
            problem().help("hosts are no regular expressions: write `*.example.com`, or several as a list")
        );
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(ScalarProblem::new("a host has no scheme", 0..scheme.len() + 3)
            .help(format!("write {}", quote(rest.split('/').next().unwrap_or(rest)))));
    }
    if let Some((host, path)) = text.split_once('/') {
        return Err(ScalarProblem::new("a path stands behind the host", host.len()..text.len())
            .help(format!("write {} as `path`", quote(&format!("/{path}")))));
    }
    if text.contains(',') {
        return Err(problem().help("write several hosts as a list: `[a.example, b.example]`"));
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && (!host.contains(':') || host.ends_with(']'))
    {
        return Err(ScalarProblem::new(
            format!("{} is a port, a host pattern has none", quote(port)),
            host.len()..text.len(),
        )
        .help(format!("write {}, and the port by `listener`", quote(host))));
    }
    if let Some(name) = text.strip_prefix('.').filter(|name| !name.is_empty()) {
        return Err(problem().help(format!("write {} for all below it", quote(&format!("*.{name}")))));
    }
    match text.strip_prefix("*.").unwrap_or(text).find('*') {
        None => Ok(()),
        Some(_) if text.ends_with(".*") => {
            Err(problem().help("a star stands only in front: list the names, `[a.example, a.example.org]`"))
        }
        Some(_) => Err(problem().help("a star takes whole names, in front: `*.example.com`")),
    }
}

#[cfg(test)]
mod tests {
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
        let signs = "hosts have letters, digits, `-`, `_` and dots";
        let long = "a".repeat(64);
        let longest = "a.".repeat(130);
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
}
