//! Buffers that connections borrow while a message is under way. Each thread keeps a few of them for the next one,
//! so that an idle connection holds none and a busy one allocates none.

use std::cell::RefCell;

/// Bytes of a usual buffer: a head and a small body fit.
pub const SMALL: usize = 8 << 10;
/// Bytes of the buffer of a large body: fewer system calls for each megabyte.
pub const LARGE: usize = 256 << 10;

const KEPT_SMALL: usize = 256;
const KEPT_LARGE: usize = 16;

thread_local! {
    static SHELF: RefCell<Shelf> = const { RefCell::new(Shelf { small: Vec::new(), large: Vec::new(), texts: Vec::new() }) };
}

struct Shelf {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
    texts: Vec<Vec<u8>>,
}

/// A buffer of [`SMALL`] or [`LARGE`] bytes with old bytes in it; it goes back to its thread's shelf when dropped.
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

    /// A buffer of [`LARGE`] bytes.
    pub fn large() -> Self {
        let kept = SHELF.with_borrow_mut(|shelf| shelf.large.pop());
        Self { bytes: kept.unwrap_or_else(|| vec![0; LARGE].into_boxed_slice()) }
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
            let mut shelf = shelf.borrow_mut();
            let (kept, most) = match bytes.len() {
                SMALL => (&mut shelf.small, KEPT_SMALL),
                LARGE => (&mut shelf.large, KEPT_LARGE),
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
        assert_eq!(Buffer::large().len(), LARGE);
        assert!(Buffer::none().is_empty());
    }
}
