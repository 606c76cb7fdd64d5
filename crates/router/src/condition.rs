//! Conditions of a route beside host, path and method.
//!
//! Of a header, query field or cookie that occurs several times the first counts: so a request
//! has one value of each name, and two routes that ask for different ones can never both fit.

use std::borrow::Cow;
use std::fmt;

use ipnet::IpNet;
use maitred_http::{FieldName, Known, RequestHead, cookies, percent_decode, query_pairs};

use crate::captures::PathValues;
use crate::pattern::Pattern;
use crate::subject::Subject;

/// One thing that a route asks of a request.
#[derive(Debug)]
pub enum Condition {
    /// A header, query field or cookie.
    Value {
        /// Which one.
        source: Source,
        /// What is asked of it.
        test: Test,
    },
    /// The client's address is in one of these networks. A client with an IPv4-mapped address (`::ffff:10.0.0.1`)
    /// counts as IPv4.
    Client(Vec<IpNet>),
    /// The request came in by one of these listeners.
    Listener(Vec<u16>),
    /// A condition that is compiled elsewhere.
    When(Box<dyn Predicate>),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first field of this name.
    Header(FieldName),
    /// The first query field of this name; names and values are compared decoded, `+` as a blank.
    Query(String),
    /// The first cookie of this name, without quotes around its value; cookies are not decoded.
    Cookie(String),
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub enum Test {
    /// There is one, also an empty one.
    Present,
    /// There is none.
    Absent,
    /// It is one of these, byte by byte.
    OneOf(Vec<String>),
    /// The pattern occurs in it.
    Matches(Pattern),
}

/// A condition that is compiled elsewhere (CEL).
pub trait Predicate: fmt::Debug + Send + Sync {
    /// Whether it holds. `path` has the parts of the path that the pattern of the route in question has names for.
    fn holds(&self, subject: &Subject<'_>, path: PathValues<'_>) -> bool;
}

impl Condition {
    pub(crate) fn holds(&self, subject: &Subject<'_>, path: PathValues<'_>) -> bool {
        match self {
            Self::Value { source, test } => test.holds(source.value(subject.head).as_deref()),
            Self::Client(networks) => {
                let client = subject.client.to_canonical();
                networks.iter().any(|network| network.contains(&client))
            }
            Self::Listener(numbers) => numbers.contains(&subject.listener),
            Self::When(predicate) => predicate.holds(subject, path),
        }
    }
}

impl Source {
    /// The value in a request.
    pub(crate) fn value<'a>(&self, head: &'a RequestHead) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Header(name) => head.fields.first(name).map(Cow::Borrowed),
            Self::Query(name) => query_value(head, name),
            Self::Cookie(name) => cookie_value(head, name).map(Cow::Borrowed),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Self::Present, Some(_)) | (Self::Absent, None) => true,
            (Self::OneOf(texts), Some(value)) => texts.iter().any(|text| text.as_bytes() == value),
            (Self::Matches(pattern), Some(value)) => pattern.is_match(value),
            _ => false,
        }
    }
}

fn query_value<'a>(head: &'a RequestHead, name: &str) -> Option<Cow<'a, [u8]>> {
    query_pairs(head.target.query()?)
        .find(|(candidate, _)| *percent_decode(candidate, true) == *name.as_bytes())
        .map(|(_, value)| percent_decode(value, true))
}

fn cookie_value<'a>(head: &'a RequestHead, name: &str) -> Option<&'a [u8]> {
    head.fields
        .all_known(Known::Cookie)
        .flat_map(cookies)
        .find_map(|(candidate, value)| (candidate == name.as_bytes()).then_some(value))
}

#[cfg(test)]
mod tests;
