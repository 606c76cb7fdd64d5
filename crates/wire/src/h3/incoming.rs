//! The body that a stream brings: the content of DATA frames, lent as it came, and the trailers behind it. The client may
//! send more only as bytes are consumed.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::h3::server::RequestStream;
use bytes::{Buf, Bytes};
use maitred_http::{BodyLength, Fields};

use super::errors;
use super::transport::{Fate, RecvStream};
use crate::error::{Broken, Refusal};
use crate::h2::fields::take_fields;
use crate::h2::vitals::Vitals;
use crate::stream::Piece;

/// The half of a request's stream that the client sends.
type Half = RequestStream<RecvStream, Bytes>;

pub(super) struct Incoming {
    /// None once nobody wants the body: the client is told so.
    stream: Option<Half>,
    piece: Bytes,
    part: Part,
    /// Bytes that were announced and have not come; none where nothing was announced.
    left: Option<u64>,
    trailers: Option<Box<Fields>>,
    most_fields: usize,
    fate: Arc<Fate>,
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
    pub(super) fn new(stream: Half, most_fields: usize, fate: Arc<Fate>, vitals: Rc<Vitals>) -> Self {
        let (piece, part) = (Bytes::new(), Part::Body);
        Self { stream: Some(stream), piece, part, left: None, trailers: None, most_fields, fate, vitals }
    }

    /// Says how long the body is to be: the library does not hold the client to it (RFC 9114 section 4.1.2).
    pub(super) fn announce(&mut self, length: BodyLength) {
        self.left = match length {
            BodyLength::Known(length) => Some(length),
            BodyLength::None => Some(0),
            BodyLength::Unknown => None,
        };
    }

    /// Whether the body has ended, and all of it was consumed.
    pub(super) fn is_at_end(&self) -> bool {
        self.piece.is_empty() && self.part == Part::End
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
        let polled = self.poll_next(cx);
        if polled.is_pending() && self.fate.was_full() {
            return Poll::Ready(Err(errors::TOO_LARGE.into()));
        }
        polled
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(Piece::End)) };
        while self.part == Part::Body {
            let Some(mut came) = ready!(stream.poll_recv_data(cx)).map_err(errors::of_stream)? else {
                self.part = Part::Trailers;
                break;
            };
            let came = came.copy_to_bytes(came.remaining());
            if let Some(left) = &mut self.left {
                *left = left
                    .checked_sub(came.len() as u64)
                    .ok_or(Refusal::Bad("the body is longer than announced"))?;
            }
            if !came.is_empty() {
                self.piece = came;
                return Poll::Ready(Ok(Piece::Bytes));
            }
        }
        if self.part == Part::Trailers {
            if let Some(map) = ready!(stream.poll_recv_trailers(cx)).map_err(errors::of_stream)? {
                let mut trailers = Box::<Fields>::default();
                take_fields(&map, self.most_fields, &mut trailers)?;
                self.trailers = Some(trailers);
            }
            self.part = Part::End;
            if self.left.is_some_and(|left| left > 0) {
                return Poll::Ready(Err(Refusal::Bad("the body is shorter than announced").into()));
            }
        }
        Poll::Ready(Ok(Piece::End))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.piece
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.piece.advance(n);
        if self.piece.is_empty() {
            // Even an empty one holds the memory that it was cut from.
            self.piece = Bytes::new();
            self.vitals.advance();
        }
    }

    pub(super) fn trailers(&self) -> Option<&Fields> {
        if self.part == Part::End { self.trailers.as_deref() } else { None }
    }
}
