//! A request as tests of values need it.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use maitred_http::{Method, PathRules, RequestHead, Scheme};

use super::View;
use crate::facts::{Facts, RouteFacts};
use crate::request_id::RequestId;

/// A request and the facts of it.
pub(crate) struct Sample {
    pub(crate) request: RequestHead,
    pub(crate) facts: Facts,
}

impl Sample {
    /// Of `METHOD TARGET`.
    pub(crate) fn new(line: &str) -> Self {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request =
            RequestHead { method: Method::parse(method.as_bytes()).unwrap(), ..Default::default() };
        request.target.parse(target.as_bytes(), PathRules::Raw).unwrap();
        let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let facts = Facts {
            client,
            peer: client,
            peer_is_trusted: false,
            scheme: Scheme::Https,
            listener: Rc::from("web"),
            request_id: RequestId::parse(b"the-id").unwrap(),
            received: UNIX_EPOCH + Duration::from_micros(1_795_265_045_123_999),
            route: Rc::new(RouteFacts { name: Arc::from("orders"), ..RouteFacts::default() }),
            params: crate::facts::PathParams::default(),
            upstream: None,
            body_limit: None,
        };
        Self { request, facts }
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.request.fields.append_bytes(name.as_bytes(), value.as_bytes());
        if name.eq_ignore_ascii_case("host") {
            self.request.authority.parse(value.as_bytes()).unwrap();
        }
        self
    }

    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        let names = self.facts.params.names.iter().cloned().chain([name.into()]).collect();
        self.facts.params.names = names;
        self.facts.params.values.push(value.into());
        self
    }

    pub(crate) fn upstream(mut self, name: &str) -> Self {
        self.facts.upstream = Some(Rc::from(name));
        self
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::of_request(&self.request, &self.facts)
    }
}
