//! What the fuzz targets share: a stream in memory that gives and takes pieces of a few bytes, polling without a
//! runtime, and bytes as choices. Not part of the product.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose other side sends `input`, then ends, and takes all that is written to it.
#[derive(Debug)]
pub struct Pieces<'a> {
    input: &'a [u8],
    size: usize,
    /// What was written.
    pub output: Vec<u8>,
}

impl<'a> Pieces<'a> {
    /// Sends `input` in pieces of at most `size` bytes, and takes no more at a time.
    pub fn new(input: &'a [u8], size: usize) -> Self {
        Self { input, size: size.max(1), output: Vec::new() }
    }
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        assert!(buf.remaining() > 0, "a read without room looks like the end of the stream");
        let size = this.size.min(buf.remaining()).min(this.input.len());
        let (piece, rest) = this.input.split_at(size);
        buf.put_slice(piece);
        this.input = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let size = this.size.min(bytes.len());
        this.output.extend_from_slice(&bytes[..size]);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls once: nothing over [`Pieces`] ever waits.
pub fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits for a stream that has more, or has ended"),
    }
}

/// Bytes as choices; when they run out, always the first.
#[derive(Debug)]
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// A number from 0 on.
    pub fn number(&mut self, below: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first) % below
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.number(of.len())]
    }

    /// Some, at most so many.
    pub fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.number(most + 1)).map(|_| make(self)).collect()
    }
}
