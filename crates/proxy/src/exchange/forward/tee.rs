//! Copies a body while it passes, up to a limit.
//! Whoever reads the body sees no difference; the copy is of use only if it is whole in the end.

use std::task::{Context, Poll, ready};

use maitred_http::Fields;
use maitred_wire::{BodySource, Broken, Piece};

/// A copy of a body.
#[derive(Debug)]
pub(crate) struct BodyCopy {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Option<Fields>,
    most: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passing,
    Whole,
    TooLarge,
}

/// A source of which a copy is made.
pub(crate) struct Tee<'a, S> {
    pub(crate) copy: &'a mut BodyCopy,
    pub(crate) source: S,
}

impl BodyCopy {
    /// A copy that may have `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), trailers: None, most, state: State::Passing }
    }

    /// Whether more may come.
    pub(crate) fn is_passing(&self) -> bool {
        self.state == State::Passing
    }

    /// Whether all of the body is here.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Whether the body was larger than the copy may be.
    pub(crate) fn is_too_large(&self) -> bool {
        self.state == State::TooLarge
    }

    /// Takes the next bytes; none any more once there are too many.
    fn push(&mut self, bytes: &[u8]) {
        if self.state == State::TooLarge || self.bytes.len() + bytes.len() > self.most {
            (self.state, self.bytes) = (State::TooLarge, Vec::new());
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The body has ended.
    pub(crate) fn end(&mut self, trailers: Option<&Fields>) {
        if self.state == State::Passing {
            (self.state, self.trailers) = (State::Whole, trailers.cloned());
        }
    }

    /// The body begins anew.
    pub(crate) fn rewind(&mut self) {
        *self = Self::new(self.most);
    }

    /// Takes a body that was read to its end.
    pub(crate) fn take_whole(&mut self, bytes: &[u8], trailers: Option<&Fields>) {
        self.rewind();
        self.push(bytes);
        self.end(trailers);
    }
}

impl<S: BodySource> BodySource for Tee<'_, S> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        let piece = ready!(self.source.poll_piece(cx))?;
        if piece == Piece::End {
            self.copy.end(self.source.trailers());
        }
        Poll::Ready(Ok(piece))
    }

    fn bytes(&self) -> &[u8] {
        self.source.bytes()
    }

    fn consume(&mut self, n: usize) {
        self.copy.push(&self.source.bytes()[..n]);
        self.source.consume(n);
    }

    fn trailers(&self) -> Option<&Fields> {
        self.source.trailers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body in pieces.
    struct Pieces(Vec<&'static [u8]>);

    impl BodySource for Pieces {
        fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
            Poll::Ready(Ok(if self.0.is_empty() { Piece::End } else { Piece::Bytes }))
        }

        fn bytes(&self) -> &[u8] {
            self.0[0]
        }

        fn consume(&mut self, n: usize) {
            self.0[0] = &self.0[0][n..];
            if self.0[0].is_empty() {
                self.0.remove(0);
            }
        }

        fn trailers(&self) -> Option<&Fields> {
            None
        }
    }

    /// Reads a body, at most three bytes at a time, and what was copied of it.
    fn read(pieces: &[&'static [u8]], most: usize) -> (Vec<u8>, BodyCopy) {
        let mut copy = BodyCopy::new(most);
        let mut tee = Tee { copy: &mut copy, source: Pieces(pieces.to_vec()) };
        let mut seen = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Ok(Piece::Bytes)) = tee.poll_piece(&mut cx) {
            let taken = tee.bytes().len().min(3);
            seen.extend_from_slice(&tee.bytes()[..taken]);
            tee.consume(taken);
        }
        (seen, copy)
    }

    #[test]
    fn a_body_within_the_limit_is_copied_whole() {
        for pieces in [&[][..], &[&b"abcdefgh"[..]], &[&b"abcd"[..], b"efgh"]] {
            let (seen, copy) = read(pieces, 8);
            assert!(copy.is_whole() && !copy.is_too_large());
            assert_eq!(copy.bytes, seen);
        }
    }

    #[test]
    fn a_larger_one_passes_and_leaves_nothing() {
        let (seen, mut copy) = read(&[b"abcd", b"efgh", b"i"], 8);
        assert_eq!(seen, b"abcdefghi");
        assert!(copy.is_too_large() && !copy.is_whole() && copy.bytes.is_empty());
        copy.rewind();
        copy.end(None);
        assert!(copy.is_whole());
    }
}
