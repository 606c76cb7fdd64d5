//! How policies ask services while a request waits: which one is settled when the policy is compiled, and then it is asked over the
//! connections that the worker keeps to it. What is fetched beside requests is in `fetched.rs`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use maitred_config::{Problem, UpstreamRef};
use maitred_http::ResponseHead;

use crate::body::WholeBody;

/// A service that a policy asks: an upstream of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    number: usize,
    name: Arc<str>,
    speaks_http2: bool,
}

impl Outbound {
    /// The upstream of this number in its snapshot, to which HTTP/2 can be spoken, or not.
    pub fn new(number: usize, name: Arc<str>, speaks_http2: bool) -> Self {
        Self { number, name, speaks_http2 }
    }

    /// Its number in the snapshot that the policy was compiled for.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its name; of one that was written as a URL, that.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether HTTP/2 can be spoken to it, as gRPC needs it.
    pub fn speaks_http2(&self) -> bool {
        self.speaks_http2
    }
}

/// The upstreams that a snapshot will have, while it is compiled.
pub trait Upstreams {
    /// The one that is meant. One that is written as a URL becomes one of the snapshot's, with the settings that URLs on routes have.
    fn find(&self, meant: &UpstreamRef) -> Result<Outbound, Problem>;
}

/// No upstreams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoUpstreams;

impl Upstreams for NoUpstreams {
    fn find(&self, _: &UpstreamRef) -> Result<Outbound, Problem> {
        Err(Problem::error("there are no upstreams here"))
    }
}

/// Every name and URL is an upstream: for configurations that are looked at, and serve nobody.
#[derive(Clone, Copy, Debug)]
pub struct AnyUpstream;

impl Upstreams for AnyUpstream {
    fn find(&self, meant: &UpstreamRef) -> Result<Outbound, Problem> {
        let (name, speaks_http2) = match meant {
            UpstreamRef::Name(name) => (name.value.clone(), true),
            UpstreamRef::Url(url) => (url.value.to_string(), url.value.scheme.is_http2()),
        };
        Ok(Outbound::new(0, name.into(), speaks_http2))
    }
}

/// What an answer may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Bytes that its body may have.
    pub most: usize,
    /// When all of it must be here. The upstream's own timeouts hold beside that.
    pub deadline: Instant,
    /// Whether the request may be sent a second time where the service had closed the connection meanwhile, though its method does
    /// not say so: it only asks, and changes nothing (RFC 9110 section 9.2.2).
    pub may_repeat: bool,
}

/// A call under way. Dropping it gives it up.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Result<(ResponseHead, WholeBody), CallError>> + 'a>>;

/// Why a call has no answer. For logs and counts, and never for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Nobody can be asked now: there is no endpoint, the circuit is open, or too much is under way.
    Unavailable(&'static str),
    /// It could not be connected to.
    Connect(Arc<str>),
    /// It took too long.
    Timeout,
    /// The connection broke before the end of the answer.
    Broken,
    /// The answer has more bytes than it may have.
    TooLarge,
}

impl CallError {
    /// Whether it is that the service took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => f.write_str(why),
            Self::Connect(why) => write!(f, "it cannot be connected to: {why}"),
            Self::Timeout => f.write_str("it took too long"),
            Self::Broken => f.write_str("the connection broke"),
            Self::TooLarge => f.write_str("its answer is too large"),
        }
    }
}

impl std::error::Error for CallError {}
