//! What a route is chosen by: the part of an exchange that the router sees. The engine makes it when the head of a
//! request has been read.

use std::any::Any;
use std::net::IpAddr;

use maitred_http::{Method, RequestHead};

/// A request, as far as routes ask for it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The head, its target normalised.
    pub head: &'a RequestHead,
    /// The address of the client, after `trusted_proxies`.
    pub client: IpAddr,
    /// The number of the listener that it came in by.
    pub listener: u16,
    /// The method to route by: that of the request or, of a CORS preflight, its `Access-Control-Request-Method`.
    pub method: Method,
    /// What else is known of the request, for [predicates](crate::Predicate) that were compiled elsewhere.
    pub context: &'a dyn Any,
}
