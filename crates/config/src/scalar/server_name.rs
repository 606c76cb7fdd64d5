//! The name of a TLS server: `orders.internal`, or an address where its certificate has one.
//! One name, without a port: what the client asks for (SNI, RFC 6066 section 3), and what the certificate is checked for.

use std::net::IpAddr;

use super::host_pattern::{self, HostPattern};
use super::{ScalarProblem, quote};

/// Reads the name of a server: in lower case; an address in its shortest form, without brackets.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if let Some((name, _)) = text.rsplit_once(':')
        && !text.contains('/')
        && (!name.contains(':') || name.ends_with(']'))
    {
        let problem = ScalarProblem::new("a port is no part of a server's name", name.len()..text.len());
        return Err(if name.is_empty() { problem } else { problem.help(format!("write {}", quote(name))) });
    }
    match host_pattern::parse(text)? {
        HostPattern::Exact(name) => Ok(name.trim_matches(['[', ']']).to_owned()),
        HostPattern::Below(_) => {
            let message = format!("{} stands for many names, one is wanted", quote(text));
            Err(ScalarProblem::whole(message, text).help("write the name itself"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_names_and_addresses() {
        for (text, read) in [
            ("Orders.internal", "orders.internal"),
            ("orders", "orders"),
            ("10.0.0.1", "10.0.0.1"),
            ("::0:1", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(read), "{text}");
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        assert_refused(
            parse,
            &[
                ("", "", "a host is missing here (write it like `api.example.com`)"),
                ("*.a.b", "*.a.b", "`*.a.b` stands for many names, one is wanted (write the name itself)"),
                ("https://a", "https://", "a host has no scheme (write `a`)"),
                ("a:443", ":443", "a port is no part of a server's name (write `a`)"),
                ("[::1]:443", ":443", "a port is no part of a server's name (write `[::1]`)"),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[a-c:\\[\\]/@?#*.é 0-9-]{0,14}") {
            assert_no_panic(parse, &text);
        }
    }
}
