//! What a hook decides, and how: at once, or after waiting for somebody.
//! Only `proxy` acts on it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

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
#[derive(Debug, Default)]
pub struct Reply {
    /// Its head.
    pub head: ResponseHead,
    /// Its body.
    pub body: ReplyBody,
}

/// The body of a reply.
pub enum ReplyBody {
    /// All of it.
    Whole(Bytes),
    /// One that comes piece by piece.
    Pieces(Box<dyn Pieces>),
}

/// A body that is read as the client takes it, on the worker that serves the client. Where nothing comes for as long as a service may be
/// silent on the route, it is broken off.
pub trait Pieces {
    /// Waits for the next piece; none at the end. A fault breaks the answer off, so that the client sees that it is not whole.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>>;

    /// How many bytes it has, where that is known before the first piece is asked for.
    fn length(&self) -> Option<u64>;
}

impl ReplyBody {
    /// All of it, where it is there.
    pub fn as_whole(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Pieces(_) => None,
        }
    }
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl From<Vec<u8>> for ReplyBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes.into())
    }
}

impl From<Box<dyn Pieces>> for ReplyBody {
    fn from(pieces: Box<dyn Pieces>) -> Self {
        Self::Pieces(pieces)
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => bytes.fmt(f),
            Self::Pieces(pieces) => f.debug_tuple("Pieces").field(&pieces.length()).finish(),
        }
    }
}

impl Reply {
    /// An answer without fields and body.
    pub fn new(status: u16) -> Self {
        Self { head: ResponseHead { status, ..ResponseHead::default() }, body: ReplyBody::default() }
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
