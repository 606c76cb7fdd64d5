//! The hosts that a route takes: `api.example.com`, `*.example.com`.

use super::ScalarProblem;

/// A host, or all below one; in lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host: a name, an IPv4 address, or an IPv6 address in brackets in its shortest form.
    Exact(String),
    /// `*.example.com`, kept as `example.com`.
    Below(String),
}

/// Reads a host pattern.
pub fn parse(text: &str) -> Result<HostPattern, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
