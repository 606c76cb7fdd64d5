//! A request as tests of values need it.

use std::rc::Rc;

use maitred_http::RequestHead;

use super::View;
use crate::facts::{Facts, PathParams, TableRef};
use crate::harness;

/// A request and the facts of it.
pub(crate) struct Sample {
    pub(crate) request: RequestHead,
    pub(crate) facts: Facts,
}

impl Sample {
    /// Of `METHOD TARGET`.
    pub(crate) fn new(line: &str) -> Self {
        Self { request: harness::request(line, &[]), facts: harness::facts() }
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.request.fields.append_bytes(name.as_bytes(), value.as_bytes());
        if name.eq_ignore_ascii_case("host") {
            self.request.authority.parse(value.as_bytes()).unwrap();
        }
        self
    }

    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        let before = self.facts.params.iter().map(|(name, value)| (name.into(), value.map(Into::into)));
        let (names, values): (Vec<Box<str>>, _) = before.chain([(name.into(), Some(value.into()))]).unzip();
        self.facts.params = PathParams::new(TableRef::alone(names.into()), values);
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
