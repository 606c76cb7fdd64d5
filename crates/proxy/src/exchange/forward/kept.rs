//! A body that is kept while it is sent, up to a limit, so that it can be sent once more.
//! What was kept comes first then, and behind it what the client still sends.

use std::task::{Context, Poll};

use maitred_http::Fields;
use maitred_wire::{BodySource, Broken, Piece};

/// What was sent of a body.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// How many of them this try has sent.
    sent: usize,
    /// How many are kept at most.
    limit: usize,
    /// Bytes that came from the source.
    pub(super) taken: u64,
    /// Nothing more is kept: it was too much, or nobody needs it any more.
    is_over: bool,
}

/// A source whose bytes are kept.
pub(super) struct Keeping<'a, S> {
    pub(super) kept: &'a mut Kept,
    pub(super) source: S,
}

impl Kept {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), sent: 0, limit, taken: 0, is_over: false }
    }

    /// Whether all that was sent is there.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_over
    }

    /// Begins anew.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Keeps nothing more. What is still to be sent once more stays until it was.
    pub(super) fn forget(&mut self) {
        self.is_over = true;
        self.drop_sent();
    }

    fn drop_sent(&mut self) {
        if self.is_over && self.sent == self.bytes.len() {
            (self.bytes, self.sent) = (Vec::new(), 0);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        self.taken += piece.len() as u64;
        if !self.is_over && self.bytes.len() + piece.len() <= self.limit {
            self.bytes.extend_from_slice(piece);
            self.sent = self.bytes.len();
        } else {
            self.forget();
        }
    }
}

impl<S: BodySource> BodySource for Keeping<'_, S> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        if self.kept.sent < self.kept.bytes.len() {
            return Poll::Ready(Ok(Piece::Bytes));
        }
        self.source.poll_piece(cx)
    }

    fn bytes(&self) -> &[u8] {
        let again = &self.kept.bytes[self.kept.sent..];
        if again.is_empty() { self.source.bytes() } else { again }
    }

    fn consume(&mut self, n: usize) {
        if self.kept.sent < self.kept.bytes.len() {
            self.kept.sent += n;
            self.kept.drop_sent();
        } else {
            self.kept.keep(&self.source.bytes()[..n]);
            self.source.consume(n);
        }
    }

    fn trailers(&self) -> Option<&Fields> {
        self.source.trailers()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A body that comes in pieces.
    struct Pieces<'a>(&'a mut Vec<u8>, usize);

    impl BodySource for Pieces<'_> {
        fn poll_piece(&mut self, _cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
            Poll::Ready(Ok(if self.0.is_empty() { Piece::End } else { Piece::Bytes }))
        }

        fn bytes(&self) -> &[u8] {
            &self.0[..self.1.min(self.0.len())]
        }

        fn consume(&mut self, n: usize) {
            self.0.drain(..n);
        }

        fn trailers(&self) -> Option<&Fields> {
            None
        }
    }

    /// Takes at most so many bytes, in steps of at most this size.
    fn take(kept: &mut Kept, rest: &mut Vec<u8>, random: &mut fastrand::Rng, most: usize) -> Vec<u8> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut body = Keeping { kept, source: Pieces(rest, random.usize(1..20)) };
        let mut got = Vec::new();
        while got.len() < most && matches!(body.poll_piece(&mut cx), Poll::Ready(Ok(Piece::Bytes))) {
            let n = random.usize(1..=body.bytes().len().min(most - got.len()));
            got.extend_from_slice(&body.bytes()[..n]);
            body.consume(n);
        }
        got
    }

    #[test]
    fn each_try_sends_the_same_bytes_for_as_long_as_they_are_kept() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..500 {
            let mut body = vec![0; random.usize(0..300)];
            random.fill(&mut body);
            let limit = random.usize(0..300);
            let (mut kept, mut rest) = (Kept::new(limit), body.clone());
            let mut furthest = 0;
            for _ in 0..4 {
                let most = random.usize(0..300);
                let got = take(&mut kept, &mut rest, &mut random, most);
                assert_eq!(got, body[..got.len()], "the same from the beginning");
                furthest = furthest.max(got.len());
                assert_eq!(kept.taken, furthest as u64);
                assert_eq!(kept.is_whole(), furthest <= limit);
                assert!(kept.bytes.len() <= limit);
                if !kept.is_whole() {
                    assert!(kept.bytes.is_empty() && kept.bytes.capacity() == 0, "it is freed");
                    break;
                }
                kept.rewind();
            }
        }
    }

    #[test]
    fn what_is_to_be_sent_once_more_is_sent_before_it_is_forgotten() {
        let mut random = fastrand::Rng::with_seed(12);
        let (mut kept, mut rest) = (Kept::new(100), (0..50).collect::<Vec<u8>>());
        assert_eq!(take(&mut kept, &mut rest, &mut random, 30).len(), 30);
        kept.rewind();
        assert_eq!(take(&mut kept, &mut rest, &mut random, 10).len(), 10);
        kept.forget();
        assert!(!kept.is_whole());
        assert_eq!(take(&mut kept, &mut rest, &mut random, 1000), (10..50).collect::<Vec<u8>>());
        assert_eq!(kept.bytes.capacity(), 0);
    }
}
