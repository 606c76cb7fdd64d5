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

/// What the whole process knows of one endpoint, beside where it is. It goes on over reloads and over new answers of name
/// servers, for as long as the endpoint is one of the upstream's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct EndpointShared {}

/// An endpoint, and what is known of it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What is known of it.
    pub shared: Arc<EndpointShared>,
}

/// The endpoints of an upstream at one moment. A new list is published when names resolve differently.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// In the order of the configuration, addresses of one name in the order of their numbers.
    pub list: Vec<Member>,
}

impl Endpoint {
    /// Whether it is the same place, spoken to in the same way: its weight may be another.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.addresses == other.addresses
            && self.authority == other.authority
            && self.protocol == other.protocol
    }
}

impl Endpoints {
    /// A list of these endpoints. What `known` tells of the same places goes on.
    pub(crate) fn new(found: Vec<Endpoint>, known: &Self) -> Self {
        let member = |endpoint: Endpoint| {
            let before = known.list.iter().find(|member| member.endpoint.is_same_place(&endpoint));
            let shared = before.map(|member| Arc::clone(&member.shared)).unwrap_or_default();
            Member { endpoint, shared }
        };
        Self { list: found.into_iter().map(member).collect() }
    }

    /// Whether these are the endpoints that it lists, with these weights.
    pub(crate) fn is_of(&self, found: &[Endpoint]) -> bool {
        self.list.iter().map(|member| &member.endpoint).eq(found)
    }
}
