//! What a hook decides, and how: at once, or after waiting for somebody.
//! Only `proxy` acts on it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use maitred_http::ResponseHead;

use crate::fault::Fault;

/// What a policy decides about a request or a response.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// This is the answer; nothing further down runs.
    Respond(Box<Reply>),
    /// This went wrong; the gateway answers with the fault's status.
    Fail(Fault),
}

/// A response that the gateway makes itself.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Its head.
    pub head: ResponseHead,
    /// Its whole body.
    pub body: Bytes,
}

impl Reply {
    /// An answer without fields and body.
    pub fn new(status: u16) -> Self {
        Self { head: ResponseHead { status, ..ResponseHead::default() }, body: Bytes::new() }
    }
}

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        Self::Fail(fault)
    }
}

/// A decision that is there, or one that must be waited for. Only policies that call out pay for the waiting.
pub enum Step<'a, T> {
    /// Decided at once.
    Ready(T),
    /// Decided later, on the same thread.
    Later(Pin<Box<dyn Future<Output = T> + 'a>>),
}

impl Step<'_, Verdict> {
    /// Go on.
    pub const CONTINUE: Self = Step::Ready(Verdict::Continue);

    /// Refuse with this fault.
    pub fn fail(fault: Fault) -> Self {
        Step::Ready(Verdict::Fail(fault))
    }

    /// Answer with this reply.
    pub fn respond(reply: Reply) -> Self {
        Step::Ready(Verdict::Respond(Box::new(reply)))
    }
}

impl<T: fmt::Debug> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Ready(value) => value.fmt(f),
            Step::Later(_) => f.write_str("Later"),
        }
    }
}
