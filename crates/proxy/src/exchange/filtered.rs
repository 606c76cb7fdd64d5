//! Bodies that policies change on their way: a source behind filters.
//! It holds what the filters made until it is sent, and never more than one piece of it.

use std::task::{Context, Poll, ready};

use maitred_http::Fields;
use maitred_policy::{BodyFilter, Fault, Filters, WholeBody};
use maitred_wire::{BodySource, Broken, Piece};

/// What a filter is given at once: so much, and what it makes of it, is in memory.
const PIECE: usize = 16 << 10;

/// A body on its way through filters: what they made, and is not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Filtering {
    filters: Filters,
    out: Vec<u8>,
    sent: usize,
    /// Bytes that came from the source.
    pub(crate) taken: u64,
    trailers: Option<Fields>,
    is_over: bool,
    /// Whether its client has gone: it goes on for as long as a filter wants it.
    is_left: bool,
    /// What a filter could not take: then the body breaks off.
    pub(crate) fault: Option<Fault>,
}

/// A source behind filters.
pub(crate) struct Filtered<'a, S> {
    pub(crate) filtering: &'a mut Filtering,
    pub(crate) source: S,
}

impl Filtering {
    pub(crate) fn new(filters: Filters) -> Self {
        Self { filters, ..Self::default() }
    }

    /// A body that is there already, as it goes on.
    pub(crate) fn of_whole(whole: WholeBody, filters: Filters) -> Self {
        let mut filtering = Self::new(filters);
        let made = if filtering.filters.is_empty() {
            Ok((whole.bytes, whole.trailers))
        } else {
            filtering.pass(whole)
        };
        match made {
            Ok((bytes, trailers)) => {
                (filtering.out, filtering.trailers, filtering.is_over) = (bytes, trailers, true);
            }
            Err(fault) => filtering.fault = Some(fault),
        }
        filtering
    }

    fn pass(&mut self, whole: WholeBody) -> Result<(Vec<u8>, Option<Fields>), Fault> {
        let mut out = Vec::new();
        if !whole.bytes.is_empty() {
            self.filters.push(&whole.bytes, &mut out)?;
        }
        let trailers = self.filters.finish(whole.trailers, &mut out)?;
        Ok((out, trailers))
    }

    /// The body and its trailers, where all of it is there.
    pub(crate) fn whole(&self) -> Option<(&[u8], Option<&Fields>)> {
        (self.is_over && self.fault.is_none()).then_some((&self.out, self.trailers.as_ref()))
    }

    /// The same body from its beginning, where all of it is there.
    pub(crate) fn again(&self) -> Option<Self> {
        let (out, trailers) = self.whole()?;
        Some(Self { out: out.to_owned(), trailers: trailers.cloned(), is_over: true, ..Self::default() })
    }

    /// Begins anew with a body that is there as a whole.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// How long it is, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.is_over.then_some(self.out.len() as u64)
    }

    /// Whether it is as long as what comes from the source.
    pub(crate) fn keeps_length(&self) -> bool {
        !self.is_over && self.filters.keeps_length()
    }

    /// Its client has gone: whether it is to be read on.
    pub(crate) fn leave(&mut self) -> bool {
        self.is_left = true;
        self.filters.outlives_client()
    }

    /// All that was made, of a body that was there already.
    pub(crate) fn into_whole(self) -> Result<WholeBody, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(WholeBody { bytes: self.out, trailers: self.trailers }),
        }
    }

    fn step(&mut self, piece: &[u8]) -> Result<(), Broken> {
        self.filters.push(piece, &mut self.out).map_err(|fault| self.fail(fault))
    }

    fn end(&mut self, trailers: Option<Fields>) -> Result<(), Broken> {
        self.is_over = true;
        self.trailers = self.filters.finish(trailers, &mut self.out).map_err(|fault| self.fail(fault))?;
        Ok(())
    }

    fn fail(&mut self, fault: Fault) -> Broken {
        self.fault = Some(fault);
        Broken::Truncated
    }
}

impl<S: BodySource> BodySource for Filtered<'_, S> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        loop {
            if self.filtering.fault.is_some() {
                return Poll::Ready(Err(Broken::Truncated));
            }
            if self.filtering.sent < self.filtering.out.len() {
                return Poll::Ready(Ok(Piece::Bytes));
            }
            if self.filtering.is_over {
                return Poll::Ready(Ok(Piece::End));
            }
            if self.filtering.is_left && !self.filtering.filters.outlives_client() {
                return Poll::Ready(Err(self.filtering.fail(Fault::client(
                    400,
                    "client_closed",
                    "Bad request",
                ))));
            }
            self.filtering.out.clear();
            self.filtering.sent = 0;
            match ready!(self.source.poll_piece(cx))? {
                Piece::Bytes => {
                    let bytes = self.source.bytes();
                    let taken = bytes.len().min(PIECE);
                    self.filtering.step(&bytes[..taken])?;
                    self.source.consume(taken);
                    self.filtering.taken += taken as u64;
                }
                Piece::End => self.filtering.end(self.source.trailers().cloned())?,
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.filtering.out[self.filtering.sent..]
    }

    fn consume(&mut self, n: usize) {
        self.filtering.sent += n;
    }

    fn trailers(&self) -> Option<&Fields> {
        self.filtering.trailers.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Nothing is asked of it: the body is there.
    struct Unread;

    impl BodySource for Unread {
        fn poll_piece(&mut self, _cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
            unreachable!("the body is there as a whole")
        }

        fn bytes(&self) -> &[u8] {
            &[]
        }

        fn consume(&mut self, _n: usize) {}

        fn trailers(&self) -> Option<&Fields> {
            None
        }
    }

    /// What is left of a body, and its trailers, taken in pieces of at most this size.
    fn read(filtering: &mut Filtering, piece: usize) -> (Vec<u8>, Option<usize>) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut body = Filtered { filtering, source: Unread };
        let mut got = Vec::new();
        while let Poll::Ready(Ok(Piece::Bytes)) = body.poll_piece(&mut cx) {
            let n = body.bytes().len().min(piece);
            got.extend_from_slice(&body.bytes()[..n]);
            body.consume(n);
        }
        (got, body.trailers().map(Fields::len))
    }

    #[test]
    fn a_whole_body_is_read_as_often_as_it_is_sent() {
        let mut trailers = Fields::default();
        trailers.append_bytes(b"X-Sum", b"7");
        let whole = WholeBody { bytes: b"hello, world".to_vec(), trailers: Some(trailers) };
        let mut filtering = Filtering::of_whole(whole, Filters::default());
        for piece in [5, 100, 1] {
            assert_eq!(filtering.length(), Some(12));
            assert_eq!(read(&mut filtering, piece), (b"hello, world".to_vec(), Some(1)));
            let mut beside = filtering.again().unwrap();
            assert_eq!(read(&mut beside, piece), (b"hello, world".to_vec(), Some(1)));
            filtering.rewind();
        }
        assert!(Filtering::new(Filters::default()).again().is_none(), "it is still to come");
    }
}
