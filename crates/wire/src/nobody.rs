//! Nobody in the place of a client: a request that was asked without one, or whose client has gone. It has sent all of its request, which
//! has no body, and takes all of an answer at once.

use std::task::{Context, Poll};

use maitred_http::{BodyLength, Fields, Method, ResponseHead};

use crate::error::Broken;
use crate::stream::{BodySink, BodySource, Piece};

/// A client that is not there.
#[derive(Debug)]
pub struct Nobody {
    method: Method,
    has_responded: bool,
    /// Bytes that were announced and did not come yet; none where nothing was announced.
    left: Option<u64>,
    is_ended: bool,
}

impl Nobody {
    /// Nobody, asking with this method.
    pub fn asking(method: Method) -> Self {
        Self { method, has_responded: false, left: None, is_ended: false }
    }

    /// Nobody in the place of a client that went while it was answered.
    pub fn left_behind(method: Method) -> Self {
        Self { has_responded: true, ..Self::asking(method) }
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    pub(crate) fn has_responded(&self) -> bool {
        self.has_responded
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    pub(crate) fn respond(&mut self, head: &ResponseHead, length: BodyLength) {
        self.has_responded = true;
        self.left = match length {
            _ if head.has_no_body(self.method) => Some(0),
            BodyLength::None => Some(0),
            BodyLength::Known(length) => Some(length),
            BodyLength::Unknown => None,
        };
    }
}

impl BodySource for Nobody {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        Poll::Ready(Ok(Piece::End))
    }

    fn bytes(&self) -> &[u8] {
        &[]
    }

    fn consume(&mut self, _: usize) {}

    fn trailers(&self) -> Option<&Fields> {
        None
    }
}

impl BodySink for Nobody {
    fn poll_send(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        if let Some(left) = &mut self.left {
            // More bytes came than were announced.
            *left = left.checked_sub(bytes.len() as u64).ok_or(Broken::Truncated)?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _: &mut Context<'_>, _: Option<&Fields>) -> Poll<Result<(), Broken>> {
        if self.left.is_some_and(|left| left > 0) {
            // Fewer did: what was made of the body must not be taken for whole.
            return Poll::Ready(Err(Broken::Truncated));
        }
        self.is_ended = true;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn it_takes_what_was_announced_and_nothing_else() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut take = |length, pieces: &[&[u8]]| {
            let mut nobody = Nobody::asking(Method::Get);
            nobody.respond(&ResponseHead { status: 200, ..ResponseHead::default() }, length);
            for piece in pieces {
                let Poll::Ready(Ok(taken)) = nobody.poll_send(&mut cx, piece) else { return false };
                assert_eq!(taken, piece.len());
            }
            matches!(nobody.poll_finish(&mut cx, None), Poll::Ready(Ok(()))) && nobody.is_ended()
        };
        assert!(take(BodyLength::Known(3), &[b"ab", b"c"]) && take(BodyLength::Unknown, &[b"abc"]));
        assert!(take(BodyLength::None, &[]) && take(BodyLength::Known(0), &[]));
        assert!(!take(BodyLength::Known(3), &[b"ab"]) && !take(BodyLength::Known(1), &[b"ab"]));
    }
}
