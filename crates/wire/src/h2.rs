//! HTTP/2 (RFC 9113) and `WebSockets` over it (RFC 8441), on the library `h2`, which does frames, HPACK, windows and the states of
//! streams. Here are the limits around it, and the conversion to this crate's heads and bodies.
//!
//! A connection is a task that polls [`ServerConnection`] or [`ClientDriver`]; each of its streams is one exchange, in a task of
//! its own on the same thread. No clock: see [`ServerConnection::progress`] and [`ServerConnection::renew`].

mod chunk;
mod client;
mod errors;
pub(crate) mod fields;
mod frames;
mod incoming;
mod outgoing;
pub(crate) mod request;
pub(crate) mod response;
mod server;
mod transport;
pub(crate) mod vitals;

pub use client::{ClientConnection, ClientDriver, ClientStream};
pub use server::{ServerConnection, ServerStream};

use std::time::Duration;

use crate::limits::Http2Limits;

/// How long the library remembers streams that it has reset.
const RESET_MEMORY: Duration = Duration::from_secs(1);
/// What RFC 9113 section 6.5.2 sets, and every peer may send.
const FRAME_SIZE: u32 = 16 << 10;
/// The largest window (RFC 9113 section 6.9.1).
const MOST_WINDOW: u32 = (1 << 31) - 1;

/// A size as the library takes it.
fn as_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// The windows that a peer gets: for a stream, and for the connection.
fn windows(limits: &Http2Limits) -> (u32, u32) {
    (limits.stream_window.min(MOST_WINDOW), limits.connection_window.clamp(65_535, MOST_WINDOW))
}
