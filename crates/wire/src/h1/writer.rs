//! What a connection still has to send: a head, small pieces of a body held back to go out with it, and the framing of
//! the body. Large pieces are never copied: they leave in one call together with what is held.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maitred_http::{BodyLength, Fields};
use tokio::io::AsyncWrite;

use super::encode::{NOT_IN_TRAILERS, chunk_head};
use crate::buffer::{give_text, take_text};
use crate::error::Broken;

/// Pieces up to this size are copied behind the head; above it a second slice is cheaper than the copy.
const COPIED: usize = 16 << 10;

/// How the body that is being sent is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// This many bytes are left.
    Length(u64),
    /// This many bytes of the current chunk are left.
    Chunked(usize),
    /// The end of the connection ends it.
    UntilClose,
}

#[derive(Debug)]
pub(super) struct Writer {
    held: Vec<u8>,
    sent: usize,
    body: Outgoing,
    finished: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self { held: Vec::new(), sent: 0, body: Outgoing::Length(0), finished: true }
    }
}

impl Writer {
    /// Where the next head is to be written; after it, [`begin`](Self::begin) says what body follows.
    pub(super) fn head(&mut self) -> &mut Vec<u8> {
        if self.held.capacity() == 0 {
            self.held = take_text();
        }
        &mut self.held
    }

    pub(super) fn begin(&mut self, body: Outgoing) {
        self.body = body;
        self.finished = false;
    }

    /// Whether the message was sent to its end.
    pub(super) fn is_finished(&self) -> bool {
        self.finished && self.held.is_empty()
    }

    /// Whether only the end of the connection ends the message.
    pub(super) fn is_until_close(&self) -> bool {
        self.body == Outgoing::UntilClose
    }

    /// Gives the memory back between messages.
    pub(super) fn release(&mut self) {
        if self.held.is_empty() {
            give_text(std::mem::take(&mut self.held));
        }
    }

    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.held.len() {
            let n = ready!(Pin::new(&mut *io).poll_write(cx, &self.held[self.sent..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += n;
        }
        self.held.clear();
        self.sent = 0;
        // A TLS session may still hold what it took.
        Pin::new(io).poll_flush(cx)
    }

    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        bytes: &[u8],
    ) -> Poll<Result<usize, Broken>> {
        let allowed = self.frame(bytes.len())?;
        let bytes = &bytes[..allowed];
        let ending = self.ending(allowed);
        if bytes.len() <= COPIED && self.held.len() - self.sent <= COPIED {
            // A peer that never quite catches up must not make this grow for ever.
            if self.sent > COPIED {
                self.held.drain(..self.sent);
                self.sent = 0;
            }
            self.head().extend_from_slice(bytes);
            self.held.extend_from_slice(ending);
            self.took(bytes.len());
            return Poll::Ready(Ok(bytes.len()));
        }
        loop {
            let held = self.held.len() - self.sent;
            let written = if held == 0 && ending.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, bytes))?
            } else {
                let slices = [&self.held[self.sent..], bytes, ending].map(IoSlice::new);
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(Broken::Io(io::ErrorKind::WriteZero.into())));
            }
            if written < held {
                self.sent += written;
                continue;
            }
            self.held.clear();
            self.sent = 0;
            if written > held {
                let taken = (written - held).min(bytes.len());
                self.took(taken);
                if taken == bytes.len() && !ending.is_empty() {
                    self.head().extend_from_slice(&ending[written - held - taken..]);
                }
                return Poll::Ready(Ok(taken));
            }
        }
    }

    pub(super) fn poll_finish<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        trailers: Option<&Fields>,
    ) -> Poll<Result<(), Broken>> {
        if !self.finished {
            match self.body {
                Outgoing::Length(0) | Outgoing::UntilClose => {}
                // Fewer bytes came than were announced: the peer must see a broken message, not a short one.
                Outgoing::Length(_) | Outgoing::Chunked(1..) => return Poll::Ready(Err(Broken::Truncated)),
                Outgoing::Chunked(0) => self.last_chunk(trailers),
            }
            self.finished = true;
        }
        self.poll_flush(cx, io).map_err(Broken::Io)
    }

    /// Writes what must stand before the next `n` bytes, and tells how many of them may go now.
    fn frame(&mut self, n: usize) -> Result<usize, Broken> {
        match &mut self.body {
            Outgoing::UntilClose => Ok(n),
            Outgoing::Length(left) if n as u64 <= *left => Ok(n),
            // More bytes came than were announced; what is beyond would be read as the next message.
            Outgoing::Length(_) => Err(Broken::Truncated),
            Outgoing::Chunked(left) if *left > 0 => Ok(n.min(*left)),
            Outgoing::Chunked(left) => {
                *left = n;
                chunk_head(n, self.head());
                Ok(n)
            }
        }
    }

    /// What follows the next `n` bytes at once: the line end of a chunk that they fill. A peer may wait for it.
    fn ending(&self, n: usize) -> &'static [u8] {
        if self.body == Outgoing::Chunked(n) { b"\r\n" } else { b"" }
    }

    fn took(&mut self, n: usize) {
        match &mut self.body {
            Outgoing::Length(left) => *left -= n as u64,
            Outgoing::Chunked(left) => *left -= n,
            Outgoing::UntilClose => {}
        }
    }

    fn last_chunk(&mut self, trailers: Option<&Fields>) {
        let out = self.head();
        out.extend_from_slice(b"0\r\n");
        if let Some(trailers) = trailers {
            trailers.write_to(out, NOT_IN_TRAILERS);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// How a body of this length is sent to a peer that takes chunks, or not.
pub(super) fn outgoing(length: BodyLength, takes_chunks: bool) -> Outgoing {
    match length {
        BodyLength::None => Outgoing::Length(0),
        BodyLength::Known(length) => Outgoing::Length(length),
        BodyLength::Unknown if takes_chunks => Outgoing::Chunked(0),
        BodyLength::Unknown => Outgoing::UntilClose,
    }
}
