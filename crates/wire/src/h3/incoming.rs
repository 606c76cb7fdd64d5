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
use crate::h2::fields::{check_fields, take_fields};
use crate::h2::vitals::Vitals;
use crate::stream::Piece;

/// The half of a request's stream that the client sends.
type Half = RequestStream<RecvStream, Bytes>;

/// More came than `Content-Length` says.
const LONGER: Refusal = Refusal::Bad("the body is longer than announced");

pub(super) struct Incoming {
    /// None once nobody wants the body: the client is told so.
    stream: Option<Half>,
    piece: Bytes,
    part: Part,
    /// Bytes that have come, and how many were announced, where that is known.
    came: u64,
    announced: Option<u64>,
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
        Self {
            stream: Some(stream),
            piece,
            part,
            came: 0,
            announced: None,
            trailers: None,
            most_fields,
            fate,
            vitals,
        }
    }

    /// Says how long the body is to be, of which a part may have come: the library does not hold the client to it (RFC 9114
    /// section 4.1.2).
    pub(super) fn announce(&mut self, length: BodyLength) -> Result<(), Refusal> {
        self.announced = match length {
            BodyLength::Known(length) => Some(length),
            BodyLength::None => Some(0),
            BodyLength::Unknown => None,
        };
        self.check_length()
    }

    fn check_length(&self) -> Result<(), Refusal> {
        match self.announced {
            Some(announced) if self.came > announced => Err(LONGER),
            Some(announced) if self.came < announced && self.part == Part::End => {
                Err(Refusal::Bad("the body is shorter than announced"))
            }
            _ => Ok(()),
        }
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
        let fate = Arc::clone(&self.fate);
        fate.wants_too_much(|| self.poll_next(cx))?
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(Piece::End)) };
        while self.part == Part::Body {
            let Some(mut came) = ready!(stream.poll_recv_data(cx)).map_err(errors::of_stream)? else {
                self.part = Part::Trailers;
                break;
            };
            let came = came.copy_to_bytes(came.remaining());
            self.came += came.len() as u64;
            if self.announced.is_some_and(|announced| self.came > announced) {
                return Poll::Ready(Err(LONGER.into()));
            }
            if !came.is_empty() {
                self.piece = came;
                return Poll::Ready(Ok(Piece::Bytes));
            }
        }
        if self.part == Part::Trailers {
            if let Some(map) = ready!(stream.poll_recv_trailers(cx)).map_err(errors::of_stream)? {
                check_fields(&map)?;
                let mut trailers = Box::<Fields>::default();
                take_fields(&map, self.most_fields, &mut trailers)?;
                self.trailers = Some(trailers);
            }
            self.part = Part::End;
            self.check_length()?;
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
