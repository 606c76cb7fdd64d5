//! Pages of services: `https://login.example.com/realms/shop/keys`, `http://opa:8181/v1/data/shop/allow`.
//!
//! Unlike the address of a service, such a URL has a path; unlike that of a page on the web, it may be in the clear.
//! A user in it is refused, since messages and logs quote it.

use std::fmt;

use super::endpoint_url::{EndpointHost, EndpointTarget, EndpointUrl, Scheme, host_and_port};
use super::https_url::{refuse_stray, refuse_user};
use super::{ScalarProblem, quote, refuse_blank};

/// A URL of `http` or `https`, with its path and query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    text: String,
    origin: EndpointUrl,
    /// Where the path begins in `text`.
    path: usize,
}

impl HttpUrl {
    /// As written, with scheme and host in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it is, without the path.
    pub fn origin(&self) -> &EndpointUrl {
        &self.origin
    }

    /// Path and query; `/` where there is none.
    pub fn target(&self) -> String {
        let written = &self.text[self.path..];
        if written.starts_with('/') { written.to_owned() } else { format!("/{written}") }
    }

    /// Whether it is spoken over TLS.
    pub fn is_tls(&self) -> bool {
        self.origin.scheme.is_tls()
    }

    /// Whether it is spoken in the clear with another machine: then others may listen, and answer in its place.
    pub fn is_clear(&self) -> bool {
        let is_here = match &self.origin.target {
            EndpointTarget::Host { host: EndpointHost::Ip(address), .. } => {
                address.to_canonical().is_loopback()
            }
            EndpointTarget::Host { host: EndpointHost::Name(name), .. } => {
                name == "localhost" || name.ends_with(".localhost")
            }
            EndpointTarget::Unix(_) | EndpointTarget::Srv(_) => true,
        };
        !self.is_tls() && !is_here
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const EXAMPLE: &str = "https://login.example.com/keys";

/// Reads a URL of `http` or `https`.
pub fn parse(text: &str) -> Result<HttpUrl, ScalarProblem> {
    // Before anything is quoted: what stands before an `@` may be a password.
    refuse_user(text)?;
    refuse_blank(text, "a URL", EXAMPLE)?;
    let like = || format!("write it like {}", quote(EXAMPLE));
    let Some((written, rest)) = text.split_once("://") else {
        return Err(ScalarProblem::whole("`https://` is missing here", text).help(like()));
    };
    let (scheme, usual) = match written.to_ascii_lowercase().as_str() {
        "http" => (Scheme::Http, 80),
        "https" => (Scheme::Https, 443),
        _ => {
            let message = format!("{} is neither `http` nor `https`", quote(written));
            return Err(ScalarProblem::new(message, 0..written.len()).help(like()));
        }
    };
    let start = written.len() + 3;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.is_empty() {
        return Err(ScalarProblem::new("a host is missing here", start..start).help(like()));
    }
    let (host, port) = host_and_port(authority, usual).map_err(|problem| problem.shifted(start))?;
    let behind = &rest[authority.len()..];
    refuse_stray(behind, start + authority.len())?;
    let before = format!("{}://{}", scheme.as_str(), authority.to_ascii_lowercase());
    let origin = EndpointUrl { scheme, target: EndpointTarget::Host { host, port } };
    Ok(HttpUrl { path: before.len(), text: before + behind, origin })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_urls() {
        for (text, read, origin, target) in [
            ("http://OPA:8181/v1/Data?a=b", "http://opa:8181/v1/Data?a=b", "http://opa:8181", "/v1/Data?a=b"),
            ("HTTPS://a.example", "https://a.example", "https://a.example:443", "/"),
            ("https://a.example?x", "https://a.example?x", "https://a.example:443", "/?x"),
            ("http://[::1]:1/", "http://[::1]:1/", "http://[::1]:1", "/"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!((url.as_str(), url.target().as_str()), (read, target), "{text}");
            assert_eq!(url.origin().to_string(), origin);
            assert_eq!(url.is_tls(), origin.starts_with("https"));
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let example = "write it like `https://login.example.com/keys`";
        assert_refused(
            parse,
            &[
                ("", "", &format!("a URL is missing here ({example})")),
                ("a.example/keys", "a.example/keys", &format!("`https://` is missing here ({example})")),
                ("grpc://a/d", "grpc", &format!("`grpc` is neither `http` nor `https` ({example})")),
                ("http:///d", "", &format!("a host is missing here ({example})")),
                ("http://a:x/d", "x", "`x` is no port (write a number from 1 to 65535)"),
                ("https://a/ü", "ü", "`ü` cannot stand in a URL (percent-encode it)"),
                ("https://a/#b", "#", "`#` cannot stand in a URL (percent-encode it)"),
                (
                    "http://u:hush@a/d",
                    "u:hush@",
                    "a user stands in this URL (leave it out: it would be seen in messages)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|(https?://)?[a-c:\\[\\]/@?#.é 0-9-]{0,14}") {
            assert_no_panic(parse, &text);
        }
    }
}
