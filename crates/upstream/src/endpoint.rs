//! One address of an upstream, and the list of them at one moment.
//! Lists are published whole and never changed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use maitred_net::ConnectTo;

/// One endpoint of an upstream: usually one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Where to connect: tried in order. Only `localhost` has more than one, since which of its two addresses a
    /// development server listens on is anybody's guess.
    pub addresses: Arc<[EndpointAddress]>,
    /// What `Host` says where it is to name the endpoint: host and port as configured.
    pub authority: Arc<str>,
    /// Its share of the requests, relative to the others'.
    pub weight: u32,
    /// How it is spoken to.
    pub protocol: Protocol,
}

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1, in the clear.
    #[default]
    Http1,
    /// HTTP/2, in the clear: the service is known to speak it.
    Http2,
    /// Over TLS, which agrees on HTTP/2 or HTTP/1.1.
    Tls,
}

/// An address to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointAddress {
    /// An address of the network.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(Arc<Path>),
}

impl EndpointAddress {
    pub(crate) fn connect_to(&self) -> ConnectTo<'_> {
        match self {
            Self::Tcp(address) => ConnectTo::Tcp(*address),
            Self::Unix(path) => ConnectTo::Unix(path),
        }
    }
}

/// For logs: clients never see it.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.addresses.first() {
            Some(EndpointAddress::Tcp(address)) => address.fmt(f),
            Some(EndpointAddress::Unix(path)) => write!(f, "unix:{}", path.display()),
            None => f.write_str(&self.authority),
        }
    }
}

/// The endpoints of an upstream at one moment. A new list is published when names resolve differently.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// In the order of the configuration, addresses of one name in the order of their numbers.
    pub list: Vec<Endpoint>,
}
