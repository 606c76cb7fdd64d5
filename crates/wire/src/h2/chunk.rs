//! Bytes of a body between the gateway and the socket: what one DATA frame carries. They are copied once, into a buffer that
//! is used again, and counted until they were written or thrown away.

use std::rc::Rc;

use bytes::Buf;

use super::vitals::Vitals;
use crate::buffer::{Buffer, FRAME};

/// Up to this many bytes get memory of their own: a whole buffer would cost far more than they are.
const SMALL_CHUNK: usize = FRAME / 8;
/// What a frame costs besides its bytes, roughly: its place in the queues.
const OVERHEAD: usize = 256;

/// Bytes on their way out.
#[derive(Debug)]
pub(super) struct Chunk {
    room: Room,
    sent: usize,
    len: usize,
    vitals: Rc<Vitals>,
}

#[derive(Debug)]
enum Room {
    Frame(Buffer),
    Exact(Box<[u8]>),
}

impl Chunk {
    /// The first `len` bytes of `buffer`, which is left for the next ones where they are few.
    pub(super) fn of(buffer: &mut Buffer, len: usize, vitals: &Rc<Vitals>) -> Self {
        let room = if len <= SMALL_CHUNK {
            Room::Exact(buffer.bytes()[..len].into())
        } else {
            Room::Frame(std::mem::take(buffer))
        };
        let chunk = Self { room, sent: 0, len, vitals: Rc::clone(vitals) };
        vitals.hold(chunk.cost());
        chunk
    }

    fn bytes(&self) -> &[u8] {
        match &self.room {
            Room::Frame(buffer) => buffer.bytes(),
            Room::Exact(bytes) => bytes,
        }
    }

    fn cost(&self) -> usize {
        self.bytes().len() + OVERHEAD
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.len - self.sent
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes()[self.sent..self.len]
    }

    fn advance(&mut self, n: usize) {
        assert!(n <= self.remaining(), "a chunk is not advanced beyond its end");
        self.sent += n;
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.vitals.let_go(self.cost(), self.sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Http2Limits;

    #[test]
    fn few_bytes_leave_the_buffer_and_many_take_it() {
        let vitals = Rc::new(Vitals::new(&Http2Limits::default()));
        let mut buffer = Buffer::frame();
        buffer.bytes_mut()[..3].copy_from_slice(b"abc");
        let mut few = Chunk::of(&mut buffer, 3, &vitals);
        assert_eq!((few.chunk(), buffer.len()), (&b"abc"[..], FRAME));
        few.advance(2);
        assert_eq!(few.chunk(), b"c");
        let many = Chunk::of(&mut buffer, FRAME, &vitals);
        assert_eq!((many.remaining(), buffer.len()), (FRAME, 0));
        assert_eq!(vitals.unsent(), few.cost() + many.cost());
        drop((few, many));
        assert_eq!(vitals.unsent(), 0);
        assert_eq!(Chunk::of(&mut Buffer::none(), 0, &vitals).remaining(), 0);
    }
}
