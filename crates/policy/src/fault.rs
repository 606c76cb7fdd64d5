//! What can go wrong while a request is served. Clients see a fixed text and never an address or an error of ours;
//! logs see the source.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use maitred_http::{Fields, ResponseHead};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client's.
    Client,
    /// The gateway's.
    Gateway,
    /// The service's.
    Upstream,
}

impl Side {
    /// The word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

/// Whether the request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It may have had an effect.
    Never,
    /// If the connection had been used before, the service closed it while the request was on its way; it was not
    /// processed if it is idempotent or no byte of it was taken (RFC 9112 section 9.3.1).
    IfReused,
    /// Nothing of it was sent.
    Safe,
}

/// Why a request was not served as asked.
pub struct Fault(Box<Parts>);

struct Parts {
    status: u16,
    cause: &'static str,
    detail: Cow<'static, str>,
    side: Side,
    retry: Retry,
    fields: Fields,
    policy: Option<Box<str>>,
    answer: Option<(ResponseHead, Bytes)>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault that answers `status`. `cause` is one word for logs and metrics, such as `upstream_timeout`;
    /// `detail` is the fixed text that clients see.
    pub fn new(side: Side, status: u16, cause: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let (detail, retry, fields) = (detail.into(), Retry::Never, Fields::default());
        let (policy, answer, source) = (None, None, None);
        Self(Box::new(Parts { status, cause, detail, side, retry, fields, policy, answer, source }))
    }

    /// A request that the client must change: 4xx.
    pub fn client(status: u16, cause: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Side::Client, status, cause, detail)
    }

    /// The gateway could not do its part: 500.
    pub fn gateway(cause: &'static str) -> Self {
        Self::new(Side::Gateway, 500, cause, "Internal error")
    }

    /// A service could not be reached, or broke off: 502.
    pub fn bad_gateway(cause: &'static str) -> Self {
        Self::new(Side::Upstream, 502, cause, "Bad gateway")
    }

    /// A service took too long: 504.
    pub fn timeout(cause: &'static str) -> Self {
        Self::new(Side::Upstream, 504, cause, "Service timeout")
    }

    /// No service can take the request now: 503.
    pub fn unavailable(cause: &'static str) -> Self {
        Self::new(Side::Upstream, 503, cause, "Service unavailable")
    }

    /// The gateway takes no more for now, to be asked again in a second: 503.
    pub fn shed(cause: &'static str) -> Self {
        Self::new(Side::Gateway, 503, cause, "Service unavailable").field(b"Retry-After", b"1")
    }

    /// The same fault, with what allows another try.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The same fault, with its source, for logs only.
    pub fn source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same fault, whose answer carries this field too.
    pub fn field(mut self, name: &[u8], value: &[u8]) -> Self {
        self.0.fields.append_bytes(name, value);
        self
    }

    /// The same fault, which is answered so in place of the usual words: somebody else has written that. Clients of gRPC, who would not
    /// understand it, get its status as one of theirs.
    pub fn answered(mut self, head: ResponseHead, body: impl Into<Bytes>) -> Self {
        self.0.answer = Some((head, body.into()));
        self
    }

    /// The answer that somebody else has written.
    pub fn answer(&self) -> Option<&(ResponseHead, Bytes)> {
        self.0.answer.as_ref()
    }

    /// The same fault, found by the policy of this name; where one has been named before, this one holds it.
    pub fn in_policy(mut self, name: &str) -> Self {
        let held = self.0.policy.take();
        self.0.policy = Some(held.map_or_else(|| name.into(), |held| format!("{name} > {held}").into()));
        self
    }

    /// The status that answers it.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The word for logs and metrics.
    pub fn cause(&self) -> &'static str {
        self.0.cause
    }

    /// The text that clients see.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Whose fault it is.
    pub fn side(&self) -> Side {
        self.0.side
    }

    /// The name of the policy that found it; none where no policy did.
    pub fn policy(&self) -> Option<&str> {
        self.0.policy.as_deref()
    }

    /// Whether another try is allowed.
    pub fn retry_allowed(&self) -> Retry {
        self.0.retry
    }

    /// Fields that the answer carries besides the usual ones.
    pub fn fields(&self) -> &Fields {
        &self.0.fields
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For logs: the cause, and the source where there is one.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.cause)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
