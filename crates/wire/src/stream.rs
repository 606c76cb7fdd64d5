//! The two sides of a body, the same for every protocol version: what it comes from and where it goes.
//!
//! Both are polled from one task, so that a request body and the response to it can flow at the same time without
//! splitting a connection in two. Bytes are lent, not handed over: nothing is copied or counted between them.

use std::task::{Context, Poll};

use maitred_http::Fields;

use crate::error::Broken;

/// What a body has next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes: [`BodySource::bytes`] lends them.
    Bytes,
    /// The body has ended; [`BodySource::trailers`] tells what came behind it.
    End,
}

/// Where a body comes from.
pub trait BodySource {
    /// Waits for the next piece. After `End`, always `End`.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>>;

    /// The bytes that are there, after [`Piece::Bytes`].
    fn bytes(&self) -> &[u8];

    /// Says that the first `n` of [`bytes`](Self::bytes) were taken.
    fn consume(&mut self, n: usize);

    /// The trailers, after [`Piece::End`]; none where there were none.
    fn trailers(&self) -> Option<&Fields>;
}

/// Where a body goes to. The head was given to it before; it is sent with the first bytes.
pub trait BodySink {
    /// Takes some of `bytes`, which are not empty, and tells how many.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>>;

    /// Sends what is held back, for when the source has nothing at the moment.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>;

    /// Ends the body, with trailers where the protocol and the peer can take them, and sends all of it.
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>>;
}
