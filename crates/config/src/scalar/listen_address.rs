//! Where the gateway listens: `0.0.0.0:8080`, `[::]:8443`, `unix:/run/maitred.sock`.

use std::net::SocketAddr;

use super::ScalarProblem;

/// An address to listen at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// An address and a port; `[::]` is dual stack, port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a Unix socket as written: relative to the file that names it.
    Unix(String),
}

/// Reads a listen address, also in the form `http://0.0.0.0:8080`.
pub fn parse(text: &str) -> Result<ListenAddress, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
