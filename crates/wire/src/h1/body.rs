//! Reads a body out of a connection's bytes, whatever its framing, without I/O.
//! It tells what the bytes at hand are; who reads more of them is the caller.

mod chunked;

use std::task::{Context, Poll, ready};

use maitred_http::{BodyLength, Fields};
use tokio::io::AsyncRead;

use self::chunked::Chunked;
use super::reader::Reader;
use crate::error::{Broken, Refusal};
use crate::stream::Piece;

/// What the bytes at the front of the input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This many bytes frame the body: drop them and ask again.
    Skip(usize),
    /// This many bytes belong to the body; say with [`BodyDecoder::took`] how many were used.
    Bytes(usize),
    /// More input is needed.
    More,
    /// The body has ended.
    End,
}

/// The framing of one body, and how far it has been read.
#[derive(Debug)]
pub struct BodyDecoder(Framing);

#[derive(Debug)]
enum Framing {
    Length(u64),
    // Most bodies are not chunked, and this state is large.
    Chunked(Box<Chunked>),
    UntilClose,
}

impl BodyDecoder {
    /// A body of exactly this many bytes; 0 for none.
    pub fn of_length(length: u64) -> Self {
        Self(Framing::Length(length))
    }

    /// A chunked body.
    pub fn chunked() -> Self {
        Self(Framing::Chunked(Box::new(Chunked::new())))
    }

    /// A body that ends with the connection (only in responses, RFC 9112 section 6.3 rule 8).
    pub fn until_close() -> Self {
        Self(Framing::UntilClose)
    }

    /// The decoder for a request's announced length.
    pub fn for_request(length: BodyLength) -> Self {
        match length {
            BodyLength::None => Self::of_length(0),
            BodyLength::Known(length) => Self::of_length(length),
            BodyLength::Unknown => Self::chunked(),
        }
    }

    /// Looks at the front of `input`.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        Ok(match &mut self.0 {
            Framing::Length(0) => Step::End,
            Framing::Chunked(chunked) => return chunked.step(input),
            Framing::Length(_) | Framing::UntilClose if input.is_empty() => Step::More,
            Framing::Length(left) => {
                Step::Bytes(usize::try_from(*left).unwrap_or(usize::MAX).min(input.len()))
            }
            Framing::UntilClose => Step::Bytes(input.len()),
        })
    }

    /// Says that `n` bytes of the body were taken.
    pub fn took(&mut self, n: usize) {
        match &mut self.0 {
            Framing::Length(left) => *left -= n as u64,
            Framing::Chunked(chunked) => chunked.took(n),
            Framing::UntilClose => {}
        }
    }

    /// Says that the connection has ended: whether the body ended with it as it should.
    pub fn closed(&mut self) -> bool {
        match self.0 {
            Framing::UntilClose => {
                self.0 = Framing::Length(0);
                true
            }
            Framing::Length(left) => left == 0,
            Framing::Chunked(_) => false,
        }
    }

    /// The trailers of a chunked body that has ended.
    pub fn trailers(&self) -> Option<&Fields> {
        match &self.0 {
            Framing::Chunked(chunked) => chunked.trailers(),
            _ => None,
        }
    }

    /// How many bytes are sure to come, for choosing a buffer.
    pub(super) fn expected(&self) -> u64 {
        match &self.0 {
            Framing::Length(left) => *left,
            Framing::Chunked(_) | Framing::UntilClose => 0,
        }
    }
}

/// Whether a body has ended, as far as its bytes are there; those that only frame it are dropped on the way.
pub(super) fn is_at_end(reader: &mut Reader, decoder: &mut BodyDecoder) -> bool {
    loop {
        match decoder.step(reader.unread()) {
            Ok(Step::Skip(n)) => reader.consume(n),
            step => return step == Ok(Step::End),
        }
    }
}

/// Drops the bytes of a body that are there; whether that is all of it.
pub(super) fn drop_read(reader: &mut Reader, decoder: &mut BodyDecoder) -> bool {
    loop {
        match decoder.step(reader.unread()) {
            Ok(Step::Skip(n)) => reader.consume(n),
            Ok(Step::Bytes(n)) => {
                reader.consume(n);
                decoder.took(n);
            }
            step => return step == Ok(Step::End),
        }
    }
}

/// Waits for the next piece of a body on a connection; `piece` becomes its size. The bytes stay in `reader` until
/// they are consumed.
pub(super) fn poll_piece<S: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    io: &mut S,
    reader: &mut Reader,
    decoder: &mut BodyDecoder,
    piece: &mut usize,
) -> Poll<Result<Piece, Broken>> {
    loop {
        match decoder.step(reader.unread())? {
            Step::Skip(n) => reader.consume(n),
            Step::Bytes(n) => {
                *piece = n;
                return Poll::Ready(Ok(Piece::Bytes));
            }
            Step::End => return Poll::Ready(Ok(Piece::End)),
            Step::More => {
                reader.make_room_for_body(decoder.expected());
                if ready!(reader.poll_fill(cx, io))? == 0 && !decoder.closed() {
                    return Poll::Ready(Err(Broken::Truncated));
                }
            }
        }
    }
}
