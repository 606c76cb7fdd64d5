//! The bytes that a connection has read and not yet used. It holds a buffer only while there are some, or while it waits
//! for the rest of a message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use tokio::io::{AsyncRead, ReadBuf};

use crate::buffer::{Buffer, MEDIUM, SMALL};
use crate::limits::MAX_TRAILER_BYTES;

#[derive(Default)]
pub(super) struct Reader {
    buffer: Buffer,
    start: usize,
    end: usize,
    /// Whether the last read brought as much as a small buffer holds, or all that it had room for.
    is_bulk: bool,
}

impl Reader {
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer.bytes()[self.start..self.end]
    }

    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.end - self.start);
        self.start += n;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Gives the buffer back if nothing in it is still wanted.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Reads once. Answers with the number of bytes, 0 at the end of the stream. There must be room:
    /// see [`make_room`](Self::make_room). While it waits with nothing read it holds no buffer.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
    ) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(&mut self.buffer.bytes_mut()[self.end..]);
        let read = Pin::new(io).poll_read(cx, &mut room);
        let n = room.filled().len();
        if read.is_pending() && self.is_empty() {
            self.buffer = Buffer::none();
            (self.start, self.end) = (0, 0);
        }
        ready!(read)?;
        self.end += n;
        self.is_bulk = n >= SMALL || self.end == self.buffer.len();
        Poll::Ready(Ok(n))
    }

    /// Makes room for more of a head of at most `most` bytes. Whether there is any.
    pub(super) fn make_room(&mut self, most: usize) -> bool {
        if self.buffer.is_empty() {
            self.buffer = Buffer::small();
        } else if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        if self.end < self.buffer.len() {
            return true;
        }
        let held = self.end - self.start;
        if self.start > 0 {
            self.buffer.bytes_mut().copy_within(self.start..self.end, 0);
        } else if held < most {
            // Heads above the usual size are rare, and their buffer goes when they do.
            let mut larger = Buffer::exactly((held * 2).clamp(SMALL, most + 1));
            larger.bytes_mut()[..held].copy_from_slice(self.unread());
            self.buffer = larger;
        }
        (self.start, self.end) = (0, held);
        held < self.buffer.len()
    }

    /// Makes room for the next bytes of a body of which `expected` more are sure to come. There is always some
    /// once what was read has been used.
    pub(super) fn make_room_for_body(&mut self, expected: u64) {
        let wants_large = expected > 2 * SMALL as u64 || self.is_bulk;
        if self.is_empty() && wants_large && self.buffer.len() < MEDIUM {
            self.buffer = Buffer::large();
        }
        // Trailers are the only thing in a body that must be whole before it can be used.
        self.make_room(MAX_TRAILER_BYTES);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("unread", &(self.end - self.start))
            .field("buffer", &self.buffer.len())
            .finish_non_exhaustive()
    }
}
