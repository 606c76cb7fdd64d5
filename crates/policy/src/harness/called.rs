//! Services that policies ask, as tests see them: every name and URL is one, and the test says what it answers.
//! Nothing is sent: what is asked for is remembered.

use maitred_config::{Problem, UpstreamRef};
use maitred_http::{RequestHead, ResponseHead};

use crate::body::WholeBody;
use crate::outbound::{AnyUpstream, CallError, CallLimits, Outbound, Upstreams};

/// A call to a service.
#[derive(Clone, Debug)]
pub struct Called {
    /// The name of the upstream, or the URL that was asked without its path.
    pub to: String,
    /// The request.
    pub request: RequestHead,
    /// Its body.
    pub body: Vec<u8>,
    /// What the answer may cost.
    pub limits: CallLimits,
}

impl Called {
    /// The field of the request, its values joined by ` | `; none if it has none.
    pub fn field(&self, name: &str) -> Option<String> {
        super::values(&self.request.fields, name)
    }
}

pub(super) type Answer = Box<dyn FnMut(&Called) -> Option<Result<(ResponseHead, WholeBody), CallError>>>;

/// Knows every upstream but `nobody`; to `http1` no HTTP/2 is spoken.
pub(super) struct TestUpstreams;

impl Upstreams for TestUpstreams {
    fn find(&self, meant: &UpstreamRef) -> Result<Outbound, Problem> {
        match meant {
            UpstreamRef::Name(name) if name.value == "nobody" => {
                Err(Problem::error("there is no upstream `nobody`").at(name.span))
            }
            UpstreamRef::Name(name) if name.value == "http1" => Ok(Outbound::new(0, "http1".into(), false)),
            _ => AnyUpstream.find(meant),
        }
    }
}
