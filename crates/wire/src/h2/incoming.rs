//! The body that a stream brings: DATA frames, lent as they came, and the trailers behind them. The peer may send more only
//! as bytes are consumed. Pseudo fields among trailers, which RFC 9113 section 8.1 forbids, the library has dropped before.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ::h2::RecvStream;
use bytes::{Buf, Bytes};
use maitred_http::Fields;

use super::errors;
use super::fields::take_fields;
use super::vitals::Vitals;
use crate::error::Broken;
use crate::stream::Piece;

#[derive(Debug)]
pub(super) struct Incoming {
    /// None once nobody wants the body: what comes of it then is dropped as it comes.
    stream: Option<RecvStream>,
    piece: Bytes,
    /// Bytes of the current frame that were consumed.
    consumed: usize,
    part: Part,
    trailers: Option<Box<Fields>>,
    most_fields: usize,
    vitals: Rc<Vitals>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Body,
    Trailers,
    End,
}

impl Incoming {
    /// The body of `stream`, whose trailers may have `most_fields`.
    pub(super) fn new(stream: RecvStream, most_fields: usize, vitals: Rc<Vitals>) -> Self {
        let piece = Bytes::new();
        let part = Part::Body;
        Self { stream: Some(stream), piece, consumed: 0, part, trailers: None, most_fields, vitals }
    }

    /// No body at all.
    pub(super) fn none(vitals: Rc<Vitals>) -> Self {
        let part = Part::End;
        Self { stream: None, piece: Bytes::new(), consumed: 0, part, trailers: None, most_fields: 0, vitals }
    }

    /// Whether the body has ended, and all of it was consumed.
    pub(super) fn is_at_end(&self) -> bool {
        self.piece.is_empty()
            && (self.part == Part::End || self.stream.as_ref().is_some_and(RecvStream::is_end_stream))
    }

    /// Drops the body, what has come of it and what will.
    pub(super) fn drop_rest(&mut self) {
        self.stream = None;
        self.piece = Bytes::new();
        self.part = Part::End;
    }

    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        if !self.piece.is_empty() {
            return Poll::Ready(Ok(Piece::Bytes));
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(Piece::End)) };
        while self.part == Part::Body {
            match ready!(stream.poll_data(cx)).transpose().map_err(errors::of_stream)? {
                // The frame that only ends the stream.
                Some(bytes) if bytes.is_empty() => {}
                Some(bytes) => {
                    self.piece = bytes;
                    return Poll::Ready(Ok(Piece::Bytes));
                }
                None => self.part = Part::Trailers,
            }
        }
        if self.part == Part::Trailers {
            if let Some(map) = ready!(stream.poll_trailers(cx)).map_err(errors::of_stream)? {
                let mut trailers = Box::<Fields>::default();
                take_fields(&map, self.most_fields, &mut trailers)?;
                self.trailers = Some(trailers);
            }
            self.part = Part::End;
        }
        Poll::Ready(Ok(Piece::End))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.piece
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.piece.advance(n);
        self.consumed += n;
        if self.piece.is_empty() {
            self.piece = Bytes::new();
            self.release();
        }
    }

    /// Lets the peer send as much as was consumed: once for each frame, since it is told seldom anyway.
    fn release(&mut self) {
        self.vitals.advance();
        let consumed = std::mem::take(&mut self.consumed);
        if let Some(stream) = &mut self.stream {
            // It fails only where the stream has ended meanwhile and the window went back with it.
            let _ = stream.flow_control().release_capacity(consumed);
        }
    }

    pub(super) fn trailers(&self) -> Option<&Fields> {
        if self.part == Part::End { self.trailers.as_deref() } else { None }
    }
}
