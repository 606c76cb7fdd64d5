//! The hosts that a route takes: `api.example.com`, `*.example.com`.
//!
//! Without a port: routes of one port only name a listener. Names in other scripts are written as DNS has them.

use std::fmt;

use super::{ScalarProblem, host, quote, refuse_blank};

#[cfg(test)]
mod tests;

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
