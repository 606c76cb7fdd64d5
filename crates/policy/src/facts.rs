//! What is known of a request beside its head: who sent it, how it came, which route it takes.
//! The engine fills it in as the exchange goes on; policies read it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use maitred_http::{Method, Scheme};

use crate::request_id::RequestId;

/// What is known of one request. It lives as long as the exchange.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The client: the peer, or whom a trusted proxy names.
    pub client: IpAddr,
    /// Who opened the connection.
    pub peer: IpAddr,
    /// Whether the peer is a trusted proxy, so that what it says of the client counts.
    pub peer_is_trusted: bool,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// The name of the listener.
    pub listener: Rc<str>,
    /// The id of the request. It always exists.
    pub request_id: RequestId,
    /// When the head of the request was complete.
    pub received: SystemTime,
    /// The route that was chosen.
    pub route: Rc<RouteFacts>,
    /// What the route's path parameters matched.
    pub params: PathParams,
    /// The upstream that the request went to, once it did.
    pub upstream: Option<Rc<str>>,
    /// Bytes that the request body may have; above it the answer is 413. Policies only lower it.
    pub body_limit: Option<u64>,
}

impl Facts {
    /// Lowers the limit of the request body to `limit` bytes.
    pub fn limit_body(&mut self, limit: u64) {
        self.body_limit = Some(self.body_limit.map_or(limit, |old| old.min(limit)));
    }
}

/// What policies may know of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFacts {
    /// Its name.
    pub name: Arc<str>,
    /// The methods it takes; none where it takes all.
    pub methods: Option<Arc<[Method]>>,
}

/// What the parameters of a route's path matched, still percent-encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathParams {
    /// Their names, in the order of the values; none where the route's path has none.
    pub names: Option<Rc<[Box<str>]>>,
    /// Their values, in the same order.
    pub values: Vec<Box<str>>,
}

impl PathParams {
    /// The value of one parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        let at = self.names.as_ref()?.iter().position(|candidate| **candidate == *name)?;
        self.values.get(at).map(|value| &**value)
    }
}
