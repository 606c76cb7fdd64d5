//! Where a service is: `http://host:port`, `grpcs://[::1]`, `unix:/run/app.sock`, `srv:_http._tcp.example.com`.
//!
//! A host and a port, and nothing else: paths are the routes' business.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::nearest::nearest;
use super::number::split_digits;
use super::{ScalarProblem, host, quote, refuse_blank, socket_path};

#[cfg(test)]
mod tests;

/// The address of one endpoint, or of a name that stands for several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    /// How to speak to it.
    pub scheme: Scheme,
    /// Where it is.
    pub target: EndpointTarget,
}

/// The schemes of endpoint addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// gRPC: HTTP/2 in the clear.
    Grpc,
    /// gRPC over TLS.
    Grpcs,
    /// HTTP/2 in the clear, known beforehand.
    H2c,
    /// HTTP in the clear over a Unix socket.
    Unix,
    /// HTTP in the clear at the hosts and ports of a DNS SRV record.
    Srv,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointTarget {
    /// A host and a port; the scheme's port if none was written.
    Host {
        /// The host.
        host: EndpointHost,
        /// The port; never 0.
        port: u16,
    },
    /// The path of a Unix socket as written: relative to the file that names it.
    Unix(String),
    /// The name of an SRV record.
    Srv(String),
}

/// The host of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointHost {
    /// A name to resolve, in lower case.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

/// The schemes that have hosts, with the port of each.
const WITH_HOSTS: [(Scheme, u16); 5] =
    [(Scheme::Http, 80), (Scheme::Https, 443), (Scheme::Grpc, 80), (Scheme::Grpcs, 443), (Scheme::H2c, 80)];

impl Scheme {
    /// As it is written, without what follows: `http`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
            Self::H2c => "h2c",
            Self::Unix => "unix",
            Self::Srv => "srv",
        }
    }

    /// Whether it is spoken over TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Grpcs)
    }

    /// Whether HTTP/2 is spoken, or can be agreed upon, where `protocols` does not say it.
    pub fn is_http2(self) -> bool {
        !matches!(self, Self::Http | Self::Unix | Self::Srv)
    }

    /// Whether what is behind it speaks gRPC.
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::Grpcs)
    }
}

/// As the language writes it, always with its port.
impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        match &self.target {
            EndpointTarget::Host { host, port } => write!(f, "{scheme}://{host}:{port}"),
            EndpointTarget::Unix(path) => write!(f, "{scheme}:{path}"),
            EndpointTarget::Srv(name) => write!(f, "{scheme}:{name}"),
        }
    }
}

/// As in a URL, IPv6 in brackets.
impl fmt::Display for EndpointHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// Reads the address of an endpoint.
pub fn parse(text: &str) -> Result<EndpointUrl, ScalarProblem> {
    refuse_user(text)?;
    refuse_blank(text, "the address of a service", "http://localhost:3000")?;
    if let Some(path) = text.strip_prefix("unix:") {
        let target = socket_path::parse(path).map_err(|problem| problem.shifted(5))?;
        return Ok(EndpointUrl { scheme: Scheme::Unix, target: EndpointTarget::Unix(target) });
    }
    if let Some(name) = text.strip_prefix("srv:") {
        let target = srv_name(name.trim_start()).map_err(|problem| {
            let blanks = name.len() - name.trim_start().len();
            problem.shifted(4 + blanks)
        })?;
        return Ok(EndpointUrl { scheme: Scheme::Srv, target: EndpointTarget::Srv(target) });
    }
    let Some((written, rest)) = text.split_once("://") else {
        return Err(no_scheme(text));
    };
    let lower = written.to_ascii_lowercase();
    let Some((scheme, default_port)) = WITH_HOSTS.into_iter().find(|(scheme, _)| scheme.as_str() == lower)
    else {
        return Err(unknown_scheme(&lower, rest, 0..written.len()));
    };
    let start = written.len() + 3;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(socket) = rest.strip_prefix("unix:") {
        return Err(ScalarProblem::whole("a socket has no scheme in front", text)
            .help(format!("write {}", quote(&format!("unix:{socket}")))));
    }
    let (host, port) = host_and_port(authority, default_port).map_err(|problem| problem.shifted(start))?;
    let url = EndpointUrl { scheme, target: EndpointTarget::Host { host, port } };
    if authority.len() < rest.len() {
        return Err(path_behind(
            &format!("{lower}://{authority}"),
            &rest[authority.len()..],
            start + authority.len(),
        ));
    }
    Ok(url)
}

/// Reads the name of an SRV record, as `srv: NAME` has it: `_http._tcp.example.com`.
pub fn srv_name(text: &str) -> Result<String, ScalarProblem> {
    refuse_blank(text, "the name of an SRV record", "_http._tcp.example.com")?;
    if let Some(name) = text.strip_prefix("//") {
        return Err(ScalarProblem::whole("no `//` stands before the name of an SRV record", text)
            .help(format!("write {}", quote(&format!("srv:{name}")))));
    }
    if let Some((name, port)) = text.rsplit_once(':') {
        return Err(ScalarProblem::new(
            format!("{} is a port, which the SRV record tells", quote(port)),
            name.len()..text.len(),
        )
        .help(format!("write {}", quote(&format!("srv:{name}")))));
    }
    host::parse_name(text)
}

/// Reads `host[:port]`.
pub(super) fn host_and_port(text: &str, default_port: u16) -> Result<(EndpointHost, u16), ScalarProblem> {
    let (written, port) = match text.rfind(':') {
        // A colon inside of brackets, or one of several without any, belongs to an IPv6 address.
        Some(colon) if !text[colon..].contains(']') && !is_bare_ipv6(text, colon) => {
            (&text[..colon], Some((&text[colon + 1..], colon + 1..text.len())))
        }
        _ => (text, None),
    };
    if written.is_empty() {
        return Err(ScalarProblem::whole("a host is missing here", text)
            .help("write it like `http://localhost:3000`"));
    }
    if written.contains('*') {
        return Err(ScalarProblem::new("a star is no host to connect to", 0..written.len()));
    }
    let host = if written.starts_with('[') {
        EndpointHost::Ip(IpAddr::V6(host::parse_bracketed(written)?))
    } else {
        let name = host::parse_name(written)?;
        match name.parse::<Ipv4Addr>() {
            Ok(ip) => EndpointHost::Ip(IpAddr::V4(ip)),
            Err(_) => EndpointHost::Name(name),
        }
    };
    let port = match port {
        Some((digits, at)) => read_port(digits, at)?,
        None => default_port,
    };
    Ok((host, port))
}

fn is_bare_ipv6(text: &str, colon: usize) -> bool {
    !text.starts_with('[') && text[..colon].contains(':')
}

fn read_port(digits: &str, at: Range<usize>) -> Result<u16, ScalarProblem> {
    let port = match split_digits(digits) {
        (digits, "") => digits.parse::<u16>().ok().filter(|&port| port > 0),
        _ => None,
    };
    port.ok_or_else(|| {
        ScalarProblem::new(format!("{} is no port", quote(digits)), at).help("write a number from 1 to 65535")
    })
}

fn no_scheme(text: &str) -> ScalarProblem {
    let problem = |message: &str| ScalarProblem::whole(message, text);
    if text.starts_with('/') {
        return problem("a scheme is missing here")
            .help(format!("write {} for a socket", quote(&format!("unix:{text}"))));
    }
    if let Some((scheme, rest)) = text.split_once(':')
        && WITH_HOSTS.iter().any(|(known, _)| known.as_str() == scheme)
    {
        return problem("two slashes are missing behind the scheme")
            .help(format!("write {}", quote(&format!("{scheme}://{}", rest.trim_start_matches('/')))));
    }
    if host_and_port(text, 80).is_ok() {
        return problem("a scheme is missing here")
            .help(format!("write {}", quote(&format!("http://{text}"))));
    }
    problem("a scheme is missing here").help("write it like `http://localhost:3000`")
}

fn unknown_scheme(lower: &str, rest: &str, at: Range<usize>) -> ScalarProblem {
    let problem = ScalarProblem::new(format!("{} is no scheme of a service", quote(lower)), at);
    let ours = match lower {
        "ws" => {
            return problem
                .help(format!("write {}, WebSockets pass over it", quote(&format!("http://{rest}"))));
        }
        "wss" => {
            return problem
                .help(format!("write {}, WebSockets pass over it", quote(&format!("https://{rest}"))));
        }
        "unix" => {
            return problem
                .help(format!("write {}", quote(&format!("unix:/{}", rest.trim_start_matches('/')))));
        }
        "h2" | "tls" | "ssl" => Some("https"),
        "tcp" | "http1" | "h1" => Some("http"),
        _ => nearest(lower, WITH_HOSTS.map(|(scheme, _)| scheme.as_str())),
    };
    match ours {
        Some(ours) => problem.help(format!("write {}", quote(&format!("{ours}://{rest}")))),
        None => problem
            .help("the schemes are `http`, `https`, `grpc`, `grpcs`, `h2c`, `unix:PATH` and `srv:NAME`"),
    }
}

/// A user and a password must not be quoted, since messages are logged: so this comes first, and tells the host alone.
pub(super) fn refuse_user(text: &str) -> Result<(), ScalarProblem> {
    let Some(at) = text.rfind('@').filter(|_| !text.starts_with("unix:")) else { return Ok(()) };
    let start = text[..at].find("://").map_or(0, |colon| colon + 3);
    let scheme =
        WITH_HOSTS.into_iter().find(|(scheme, _)| text.starts_with(&format!("{}://", scheme.as_str())));
    let scheme = scheme.map_or("http", |(scheme, _)| scheme.as_str());
    let host = text[at + 1..].split(['/', '?', '#']).next().unwrap_or_default().trim();
    Err(ScalarProblem::new("a user stands in the address of a service", start..at + 1).help(format!(
        "write {}, and send credentials by a header that a policy sets",
        quote(&format!("{scheme}://{host}"))
    )))
}

fn path_behind(url: &str, behind: &str, at: usize) -> ScalarProblem {
    let ours = quote(url);
    let at = at..at + behind.len();
    if behind == "/" {
        return ScalarProblem::new("the address of a service has no slash at its end", at).help(format!(
            "write {ours}; to remove what matched before the `*` write `strip_prefix: true` on the route"
        ));
    }
    if behind.starts_with('/') {
        let path = behind[..behind.find(['?', '#']).unwrap_or(behind.len())].trim_end_matches('/');
        return ScalarProblem::new("the address of a service has no path", at)
            .help(format!("write {ours}, and `add_prefix: {path}` on the route"));
    }
    ScalarProblem::new("the address of a service has no query", at).help(format!("write {ours}"))
}
