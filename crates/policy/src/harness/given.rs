//! What a test gives: the head of a request, and what is known of who sends it.
//! Nothing here runs a policy.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use maitred_http::{Method, PathRules, RequestHead, Scheme};

use crate::facts::{Facts, PathParams, Reached, RouteFacts, TableRef};
use crate::request_id::RequestId;

/// A request of HTTP/1.1, `METHOD TARGET`, with these fields.
pub fn request(line: &str, fields: &[(&str, &str)]) -> RequestHead {
    let (method, target) = line.split_once(' ').expect("the test gives METHOD TARGET");
    let method = Method::parse(method.as_bytes()).expect("the test names a method");
    let mut request = RequestHead { method, ..RequestHead::default() };
    request.target.parse(target.as_bytes(), PathRules::Raw).expect("the test names a target");
    for (name, value) in fields {
        request.fields.append_bytes(name.as_bytes(), value.as_bytes());
        if name.eq_ignore_ascii_case("host") {
            request.authority.parse(value.as_bytes()).expect("the test names a host");
        }
    }
    request
}

/// What is known of a request: from 192.0.2.7 over TLS, on the route `orders`, at 2026-11-21 12:44:05.123 UTC.
pub fn facts() -> Facts {
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    Facts {
        client,
        peer: client,
        peer_is_trusted: false,
        scheme: Scheme::Https,
        listener: Rc::from("web"),
        certificate: None,
        consumer: None,
        claims: None,
        token: None,
        decided_by: None,
        is_decided_unseen: false,
        speaks_grpc: false,
        asked: None,
        request_id: RequestId::parse(b"the-id").expect("letters and a dash"),
        received: UNIX_EPOCH + Duration::from_micros(1_795_265_045_123_999),
        route: TableRef::alone(RouteFacts { name: Arc::from("orders"), ..RouteFacts::default() }),
        params: PathParams::default(),
        upstream: None,
        sent_at: None,
        reached: Reached::Nothing,
        is_once: false,
        body_limit: None,
        has_body: false,
        stores: None,
        is_refresh: false,
    }
}
