//! Where the gateway listens: `0.0.0.0:8080`, `[::]:8443`, `unix:/run/maitred.sock`.
//!
//! Always an address and a port: `:8080` is refused, since it leaves open whether IPv6 is meant, and what a machine
//! without IPv6 should do.

use std::fmt;
use std::net::SocketAddr;

use super::number::split_digits;
use super::{ScalarProblem, quote, refuse_blank, socket_path};

/// An address to listen at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// An address and a port; `[::]` is dual stack, port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a Unix socket as written: relative to the file that names it.
    Unix(String),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// Reads a listen address, also with its scheme in front: `http://0.0.0.0:8080`, `https://0.0.0.0:8443`. The scheme is not
/// part of the address: [`scheme`] tells it.
pub fn parse(text: &str) -> Result<ListenAddress, ScalarProblem> {
    refuse_blank(text, "an address", "0.0.0.0:8080")?;
    if let Some(path) = text.strip_prefix("unix:") {
        return socket_path::parse(path).map(ListenAddress::Unix).map_err(|problem| problem.shifted(5));
    }
    let address = match text.split_once("://") {
        None => text,
        Some(("http" | "https", address)) => address,
        Some((scheme, address)) => {
            let message = format!("{} is no scheme to listen with", quote(scheme));
            let problem = ScalarProblem::new(message, 0..scheme.len());
            return Err(problem.help(format!("write {}", quote(address))));
        }
    };
    let start = text.len() - address.len();
    address.parse().map(ListenAddress::Tcp).map_err(|_| explain(address).shifted(start))
}

/// The scheme that is written before a listen address, if there is one: `http` or `https`.
pub fn scheme(text: &str) -> Option<&str> {
    text.split_once("://").map(|(scheme, _)| scheme)
}

/// Says what is missing of an address and a port.
fn explain(text: &str) -> ScalarProblem {
    let problem = |message: &str| ScalarProblem::whole(message, text);
    let refused = ScalarProblem::whole(format!("{} is no address with a port", quote(text)), text);
    if let Some(slash) = text.find('/') {
        return ScalarProblem::new("nothing stands behind the port", slash..text.len())
            .help(format!("write {}", quote(&text[..slash])));
    }
    if let Some((address, _)) = text.split_once(' ') {
        return problem("nothing stands behind the port")
            .help(format!("write {}; other settings have keys of their own", quote(&complete(address))));
    }
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return problem("an IPv6 address needs brackets and a port").help(format!("write `[{text}]:8080`"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_alone = port.is_none() && split_digits(host).1.is_empty();
    let digits = if port_alone { host } else { port.unwrap_or("8080") };
    if !matches!(split_digits(digits), (digits, "") if digits.parse::<u16>().is_ok()) {
        let at = text.len() - digits.len()..text.len();
        return ScalarProblem::new(format!("{} is no port", quote(digits)), at)
            .help("write a number from 0 to 65535");
    }
    if port_alone || matches!(host, "" | "*") {
        return problem("an address is missing before the port")
            .help(format!("write `0.0.0.0:{digits}` for IPv4, `[::]:{digits}` for IPv6 and IPv4"));
    }
    if port.is_none() && (host.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('[')) {
        return problem("a port is missing behind the address")
            .help(format!("write {}", quote(&format!("{host}:8080"))));
    }
    if host == "localhost" {
        return problem("`localhost` is a name, an address is wanted")
            .help(format!("write `127.0.0.1:{digits}`, or `[::1]:{digits}`"));
    }
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        return problem("an IPv6 address needs brackets").help(format!("write `[{host}]:{digits}`"));
    }
    refused.help(
        "write it like `0.0.0.0:8080`, `[::]:8080` or `unix:/run/maitred.sock`; names are not looked up",
    )
}

/// `8080` of nginx's `listen 8080 ssl`, with an address.
fn complete(address: &str) -> String {
    if split_digits(address).1.is_empty() { format!("0.0.0.0:{address}") } else { address.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        for (text, written) in [
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::]:8443", "[::]:8443"),
            ("[0:0::1]:1", "[::1]:1"),
            ("http://0.0.0.0:8080", "0.0.0.0:8080"),
            ("https://[::]:8443", "[::]:8443"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("unix:x.sock", "unix:x.sock"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), written, "{text}");
        }
        assert_eq!(parse("unix:/a"), Ok(ListenAddress::Unix("/a".to_owned())));
        assert_eq!(parse("[::]:1"), Ok(ListenAddress::Tcp("[::]:1".parse().unwrap())));
        assert_eq!(
            ["https://[::]:1", "http://x", "[::]:1", "unix:/a"].map(scheme),
            [Some("https"), Some("http"), None, None]
        );
    }

    #[test]
    fn refuses_with_a_way_out() {
        let other =
            "write it like `0.0.0.0:8080`, `[::]:8080` or `unix:/run/maitred.sock`; names are not looked up";
        let both = "write `0.0.0.0:8080` for IPv4, `[::]:8080` for IPv6 and IPv4";
        assert_refused(
            parse,
            &[
                ("", "", "an address is missing here (write it like `0.0.0.0:8080`)"),
                (":8080", ":8080", &format!("an address is missing before the port ({both})")),
                ("8080", "8080", &format!("an address is missing before the port ({both})")),
                ("*:8080", "*:8080", &format!("an address is missing before the port ({both})")),
                ("http://:8080", ":8080", &format!("an address is missing before the port ({both})")),
                ("0.0.0.0", "0.0.0.0", "a port is missing behind the address (write `0.0.0.0:8080`)"),
                ("[::]", "[::]", "a port is missing behind the address (write `[::]:8080`)"),
                ("::", "::", "an IPv6 address needs brackets and a port (write `[::]:8080`)"),
                (":::8080", ":::8080", "an IPv6 address needs brackets (write `[::]:8080`)"),
                (
                    "localhost:80",
                    "localhost:80",
                    "`localhost` is a name, an address is wanted (write `127.0.0.1:80`, or `[::1]:80`)",
                ),
                (
                    "localhost",
                    "localhost",
                    "`localhost` is a name, an address is wanted (write `127.0.0.1:8080`, or `[::1]:8080`)",
                ),
                (
                    "example.com:80",
                    "example.com:80",
                    &format!("`example.com:80` is no address with a port ({other})"),
                ),
                (
                    "0.0.0.256:80",
                    "0.0.0.256:80",
                    &format!("`0.0.0.256:80` is no address with a port ({other})"),
                ),
                ("0.0.0.0:65536", "65536", "`65536` is no port (write a number from 0 to 65535)"),
                ("0.0.0.0:http", "http", "`http` is no port (write a number from 0 to 65535)"),
                ("99999", "99999", "`99999` is no port (write a number from 0 to 65535)"),
                ("8080:80", "8080:80", &format!("`8080:80` is no address with a port ({other})")),
                ("http://0.0.0.0:80/", "/", "nothing stands behind the port (write `0.0.0.0:80`)"),
                ("0.0.0.0:80/tcp", "/tcp", "nothing stands behind the port (write `0.0.0.0:80`)"),
                (
                    "443 ssl",
                    "443 ssl",
                    "nothing stands behind the port (write `0.0.0.0:443`; other settings have keys of their own)",
                ),
                ("https://0.0.0.0", "0.0.0.0", "a port is missing behind the address (write `0.0.0.0:8080`)"),
                ("tcp://0.0.0.0:80", "tcp", "`tcp` is no scheme to listen with (write `0.0.0.0:80`)"),
                ("unix://run/a", "//run/a", "no `//` stands in the path of a socket (write `unix:/run/a`)"),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(ip: std::net::IpAddr, port: u16) {
            let address = ListenAddress::Tcp(SocketAddr::new(ip, port));
            prop_assert_eq!(parse(&address.to_string()), Ok(address));
        }

        #[test]
        fn never_panics(text in "\\PC*|(https?://|unix:)?[0-9.:\\[\\]/ é*-]{0,14}") {
            assert_no_panic(parse, &text);
        }
    }
}
