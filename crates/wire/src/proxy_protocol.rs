//! The PROXY protocol, versions 1 and 2: what a proxy says before the first byte of a connection of whom it connects for
//! (`HAProxy`, "The PROXY protocol", sections 2.1 and 2.2).
//!
//! Pure functions from bytes to a [`Header`] and from addresses to bytes. Whose header counts, how long one is waited for, and what is
//! made of it is decided above. Both versions are read, since the first bytes tell which one it is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

mod crc32c;
#[cfg(test)]
mod tests;
mod v1;
mod v2;
mod vectors;

/// Bytes that a header has at most. The specification allows more; nothing that is sent comes near.
pub const MAX_HEADER: usize = 4096;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// A line of text.
    V1,
    /// Bytes.
    V2,
}

/// What the bytes at the start of a connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The header is not whole. At least so many more bytes belong to it, never 0: who reads no more than that takes nothing of
    /// what stands behind the header.
    More(usize),
    /// The header is whole.
    Done {
        /// What it says.
        header: Header,
        /// How many bytes it has. The connection's own begin behind them.
        length: usize,
    },
}

/// What a proxy says of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version in which it is written.
    pub version: Version,
    /// Whom the connection is for. None if it is the proxy's own, a health check (`LOCAL`), or if the proxy does not know (`UNKNOWN`,
    /// `UNSPEC`, datagrams): then the addresses of the connection itself count.
    pub addresses: Option<Addresses>,
    /// The host that the client asked for, as in SNI: text without control characters. Version 2 alone has it.
    pub authority: Option<Box<str>>,
    /// The proxy's id of the connection: 1 to 128 bytes of any kind. Version 2 alone has it.
    pub unique_id: Option<Box<[u8]>>,
    /// What the client showed over TLS; none if it did not speak TLS to the proxy. Version 2 alone has it.
    pub tls: Option<ProxiedTls>,
}

/// The two ends of the connection that the proxy accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Of a TCP connection. IPv4 addresses written as IPv6 are IPv4 again, so that rules about them hold.
    Tcp {
        /// The client.
        source: SocketAddr,
        /// Where it connected to.
        destination: SocketAddr,
    },
    /// Of a connection over a Unix socket, each at most 108 bytes; often empty.
    Unix {
        /// The path of the client's socket.
        source: Box<[u8]>,
        /// The path of the socket that it connected to.
        destination: Box<[u8]>,
    },
}

/// What the proxy says of a client that spoke TLS to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxiedTls {
    /// Whether the client showed a certificate that the proxy found good.
    pub verified: bool,
    /// The common name of that certificate: text without control characters. None of one that is not verified, since anybody can
    /// write one.
    pub client_name: Option<Box<str>>,
}

/// Why a connection does not begin with a header that can be read; to be closed without an answer. The text is for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub(crate) &'static str);

/// For what is not the beginning of any header.
const NO_HEADER: Malformed = Malformed("the connection does not begin with a PROXY header");

impl Malformed {
    /// What is wrong.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads the header at the start of `bytes`, which are what a connection has brought so far. Bytes that cannot become a header are
/// refused as soon as that shows. Costs no more than the header is long, and nothing is kept between calls.
pub fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    match bytes.first() {
        // No header of version 2 is shorter than the shortest of version 1.
        None => Ok(Progress::More(v1::SHORTEST)),
        Some(b'P') => v1::parse(bytes),
        Some(b'\r') => v2::parse(bytes),
        Some(_) => Err(NO_HEADER),
    }
}

/// Appends the header of a connection that is made for a client, whose own connection had these two ends: source, destination.
/// Without them (a health check, a client on a Unix socket) it says that the addresses of the connection itself count.
///
/// Where one end is IPv4 and the other IPv6, both are written as IPv6.
pub fn write(version: Version, ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    match version {
        Version::V1 => v1::write(ends, out),
        Version::V2 => v2::write(ends, out),
    }
}

impl Header {
    /// A header that says nothing of the client.
    const fn silent(version: Version) -> Self {
        Self { version, addresses: None, authority: None, unique_id: None, tls: None }
    }
}

impl Addresses {
    fn tcp(source: SocketAddr, destination: SocketAddr) -> Self {
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self::Tcp { source: canonical(source), destination: canonical(destination) }
    }
}

/// The address as IPv6; of IPv4, the one that stands for it (RFC 4291 section 2.5.5.2).
fn as_ipv6(address: SocketAddr) -> Ipv6Addr {
    match address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
