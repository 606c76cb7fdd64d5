//! Sites, as users write them: whose pages may call.
//! An origin is compared byte by byte, as the Fetch standard does; browsers write it in lower case and without the default
//! port.

use maitred_config::scalar::{ScalarProblem, quote};
use maitred_config::{Node, Read, Reader, Shape, TextShape};

/// A site, or several, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// `null`: what browsers send for a page that has no origin of its own.
    Null,
    /// `https://shop.example`, as browsers send it.
    Exact(String),
    /// `https://*.shop.example`: what an origin begins with and ends with.
    Subdomains {
        /// `https://`
        scheme: String,
        /// `.shop.example`, with the port if there is one.
        rest: String,
    },
}

impl OriginPattern {
    /// Whether it is all below a name of one part, such as `https://*.com`.
    pub(crate) fn is_of_anybody(&self) -> bool {
        let Self::Subdomains { rest, .. } = self else { return false };
        let host = rest.split(':').next().unwrap_or_default();
        let name = host.trim_start_matches('.');
        // Nobody else can have a site below `localhost`.
        !name.contains('.') && name != "localhost"
    }

    /// Whether this `Origin` is one of those that are meant.
    pub fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Null => origin == b"null",
            Self::Exact(exact) => exact.as_bytes() == origin,
            Self::Subdomains { scheme, rest } => origin
                .strip_prefix(scheme.as_bytes())
                .and_then(|origin| origin.strip_suffix(rest.as_bytes()))
                .is_some_and(is_subdomain),
        }
    }
}

/// Whether this can stand before `.shop.example`: nothing that would end the host earlier, such as a slash.
fn is_subdomain(text: &[u8]) -> bool {
    !text.is_empty()
        && text.split(|&byte| byte == b'.').all(|label| {
            !label.is_empty() && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        })
}

static ORIGIN: TextShape = TextShape { name: "origin", example: "https://shop.example", pattern: None };

impl Read for OriginPattern {
    fn shape() -> Shape {
        Shape::Text(&ORIGIN)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.is_null() {
            return Some(Self::Null);
        }
        reader.scalar(node, &ORIGIN, parse)
    }
}

fn parse(text: &str) -> Result<OriginPattern, ScalarProblem> {
    match text {
        "*" => return Ok(OriginPattern::Any),
        "null" => return Ok(OriginPattern::Null),
        _ => {}
    }
    let wrong = |message: &str| ScalarProblem::whole(format!("{} {message}", quote(text)), text);
    let Some((scheme, authority)) = text.split_once("://") else {
        return Err(wrong("is no origin").help(format!("write `https://{text}`")));
    };
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
        return Err(wrong("is no origin").help("write it like `https://shop.example`"));
    }
    if let Some(end) = authority.find(['/', '?', '#']) {
        let bare = &text[..text.len() - authority.len() + end];
        return Err(wrong("has a path, an origin has none").help(format!("write {}", quote(bare))));
    }
    let scheme = format!("{}://", scheme.to_ascii_lowercase());
    let authority = authority.to_ascii_lowercase();
    let (host, port) = split_port(&authority).ok_or_else(|| wrong("has no such port"))?;
    let default = matches!((&*scheme, port), ("http://", Some("80")) | ("https://", Some("443")));
    let port = port.filter(|_| !default).map(|port| format!(":{port}")).unwrap_or_default();
    if let Some(parent) = host.strip_prefix("*.") {
        if is_subdomain(parent.as_bytes()) {
            return Ok(OriginPattern::Subdomains { scheme, rest: format!(".{parent}{port}") });
        }
    } else if is_subdomain(host.as_bytes()) || is_ipv6(host) {
        return Ok(OriginPattern::Exact(format!("{scheme}{host}{port}")));
    }
    Err(wrong("has no such host")
        .help("write a host like `shop.example`, or `*.shop.example` for its subdomains"))
}

fn is_ipv6(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Host and port; none if the port is no number.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let from = authority.rfind(']').unwrap_or(0);
    match authority[from..].find(':') {
        None => Some((authority, None)),
        Some(at) => {
            let (host, port) = (&authority[..from + at], &authority[from + at + 1..]);
            port.parse::<u16>().ok().filter(|_| !port.starts_with('+'))?;
            Some((host, Some(port)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, origin: &str) -> bool {
        parse(pattern).unwrap().matches(origin.as_bytes())
    }

    #[test]
    fn exact_origins_match_themselves() {
        for (pattern, origin, is) in [
            ("https://shop.example", "https://shop.example", true),
            ("https://Shop.Example:443", "https://shop.example", true),
            ("http://localhost:3000", "http://localhost:3000", true),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("capacitor://localhost", "capacitor://localhost", true),
            ("null", "null", true),
            ("*", "null", true),
            ("https://shop.example", "http://shop.example", false),
            ("https://shop.example", "https://shop.example.evil.test", false),
            ("https://shop.example", "https://shop.example:8443", false),
            ("https://shop.example", "https://eshop.example", false),
            ("https://shop.example", "null", false),
        ] {
            assert_eq!(matches(pattern, origin), is, "{pattern} {origin}");
        }
    }

    #[test]
    fn a_star_takes_subdomains_only() {
        let star = "https://*.shop.example";
        assert!(matches(star, "https://a.shop.example") && matches(star, "https://a.b-1.shop.example"));
        assert!(matches("https://*.shop.example:8443", "https://a.shop.example:8443"));
        for other in [
            "https://shop.example",
            "https://.shop.example",
            "https://a..shop.example",
            "http://a.shop.example",
            "https://eshop.example",
            "https://a.shop.example:8443",
            "https://evil.test/.shop.example",
            "https://evil.test?.shop.example",
            "https://evil.test#.shop.example",
            "https://evil.test:1.shop.example",
            "https://user@a.shop.example",
            "https://a.shop.example.evil.test",
        ] {
            assert!(!matches(star, other), "{other}");
        }
    }

    #[test]
    fn what_is_no_origin_is_told() {
        for (text, told) in [
            ("shop.example", "`shop.example` is no origin (write `https://shop.example`)"),
            (
                "https://shop.example/",
                "`https://shop.example/` has a path, an origin has none (write `https://shop.example`)",
            ),
            ("https://shop.example:x", "`https://shop.example:x` has no such port"),
            ("1http://a", "`1http://a` is no origin (write it like `https://shop.example`)"),
            (
                "https://shop.*",
                "`https://shop.*` has no such host (write a host like `shop.example`, or `*.shop.example` for its subdomains)",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), told);
        }
    }
}
