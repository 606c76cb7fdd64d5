//! Buffers that connections borrow while a message is under way. Each thread keeps a few of them for the next one,
//! so that an idle connection holds none and a busy one allocates none.

use std::cell::RefCell;

/// Bytes of a usual buffer: a head and a small body fit.
pub const SMALL: usize = 8 << 10;
/// Bytes of the buffer of one DATA frame: the largest that every peer of HTTP/2 takes (RFC 9113 section 4.2).
pub const FRAME: usize = 16 << 10;
/// Bytes of the buffer of a large body: fewer system calls for each megabyte.
pub const LARGE: usize = 256 << 10;
/// Bytes of the buffer of a large body on a thread where [`MOST_LARGE`] larger ones are in use.
pub const MEDIUM: usize = 32 << 10;

/// Large buffers that a thread lends out at once. Peers that read slowly hold theirs for long: thousands of them must not
/// take a gigabyte.
const MOST_LARGE: usize = 128;
const KEPT_SMALL: usize = 256;
const KEPT_FRAMES: usize = 128;
const KEPT_LARGE: usize = 16;

thread_local! {
    static SHELF: RefCell<Shelf> = const {
        RefCell::new(Shelf { small: Vec::new(), frames: Vec::new(), large: Vec::new(), lent: 0, texts: Vec::new() })
    };
}

struct Shelf {
    small: Vec<Box<[u8]>>,
    frames: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
    /// Large ones in use.
    lent: usize,
    texts: Vec<Vec<u8>>,
}

/// A buffer of [`SMALL`], [`FRAME`] or [`LARGE`] bytes with old bytes in it; it goes back to its thread's shelf when dropped.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Box<[u8]>,
}

impl Buffer {
    /// A buffer of [`SMALL`] bytes.
    pub fn small() -> Self {
        let kept = SHELF.with_borrow_mut(|shelf| shelf.small.pop());
        Self { bytes: kept.unwrap_or_else(|| vec![0; SMALL].into_boxed_slice()) }
    }

    /// A buffer of [`FRAME`] bytes.
    pub fn frame() -> Self {
        let kept = SHELF.with_borrow_mut(|shelf| shelf.frames.pop());
        Self { bytes: kept.unwrap_or_else(|| vec![0; FRAME].into_boxed_slice()) }
    }

    /// A buffer of [`LARGE`] bytes, or of [`MEDIUM`] where too many of those are in use.
    pub fn large() -> Self {
        let lent = SHELF.with_borrow_mut(|shelf| {
            let may = shelf.lent < MOST_LARGE;
            shelf.lent += usize::from(may);
            may.then(|| shelf.large.pop())
        });
        match lent {
            Some(kept) => Self { bytes: kept.unwrap_or_else(|| vec![0; LARGE].into_boxed_slice()) },
            None => Self::exactly(MEDIUM),
        }
    }

    /// A buffer of `len` bytes, for heads above [`SMALL`]; it is not kept.
    pub fn exactly(len: usize) -> Self {
        Self { bytes: vec![0; len].into_boxed_slice() }
    }

    /// No buffer at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// How many bytes it holds; 0 for none.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether this is no buffer.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All of its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of its bytes, to write to.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return;
        }
        // While the thread ends the shelf is gone; then the buffer is simply freed.
        let _ = SHELF.try_with(|shelf| {
            let shelf = &mut *shelf.borrow_mut();
            let (kept, most) = match bytes.len() {
                SMALL => (&mut shelf.small, KEPT_SMALL),
                FRAME => (&mut shelf.frames, KEPT_FRAMES),
                LARGE => {
                    shelf.lent = shelf.lent.saturating_sub(1);
                    (&mut shelf.large, KEPT_LARGE)
                }
                _ => return,
            };
            if kept.len() < most {
                kept.push(bytes);
            }
        });
    }
}

/// An empty vector with room for a head.
pub fn take_text() -> Vec<u8> {
    SHELF.with_borrow_mut(|shelf| shelf.texts.pop()).unwrap_or_else(|| Vec::with_capacity(2 << 10))
}

/// Gives a vector back; one that grew large is freed.
pub fn give_text(mut text: Vec<u8>) {
    if text.capacity() == 0 || text.capacity() > LARGE {
        return;
    }
    text.clear();
    let _ = SHELF.try_with(|shelf| {
        let texts = &mut shelf.borrow_mut().texts;
        if texts.len() < KEPT_SMALL {
            texts.push(text);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let mut first = Buffer::small();
        first.bytes_mut()[0] = 42;
        drop(first);
        assert_eq!(Buffer::small().bytes()[0], 42);
        assert_eq!(Buffer::frame().len(), FRAME);
        assert_eq!(Buffer::large().len(), LARGE);
        assert!(Buffer::none().is_empty());
    }

    #[test]
    fn only_so_many_large_ones_are_lent_out_at_once() {
        let mut lent: Vec<Buffer> = (0..MOST_LARGE).map(|_| Buffer::large()).collect();
        assert!(lent.iter().all(|buffer| buffer.len() == LARGE));
        assert_eq!(Buffer::large().len(), MEDIUM);
        lent.pop();
        assert_eq!(Buffer::large().len(), LARGE);
    }
}
