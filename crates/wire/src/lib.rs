//! HTTP/1.1 on the wire: bytes become heads and bodies, and heads and bodies become bytes.
//!
//! The core (heads, framing, chunks) does no I/O and is a function of the bytes it is given, however they are
//! split. Around it, [`h1::Server`] and [`h1::Client`] are the two ends of a connection; they own buffers only
//! while a message is under way and are given the stream with every call. No clock: who calls sets the time limits
//! of [`Limits`].

pub mod buffer;
mod error;
pub mod h1;
mod limits;
mod stream;

pub use error::{Broken, Refusal};
pub use limits::Limits;
pub use stream::{BodySink, BodySource, Piece};
