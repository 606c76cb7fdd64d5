//! HTTP on the wire: bytes become heads and bodies, and heads and bodies become bytes.
//!
//! The core of HTTP/1.1 (heads, framing, chunks) does no I/O and is a function of the bytes it is given, however they are
//! split; around it, [`h1::Server`] and [`h1::Client`] are the two ends of a connection. [`h2`] does the same for the
//! streams of HTTP/2, and [`h3`] for those of HTTP/3 that clients open. [`ServerSide`] and [`ClientSide`] are one exchange on any of
//! them, for who does not care which.
//! Buffers are held only while a message is under way. No clock: who calls sets the time limits of [`Limits`].

pub mod buffer;
mod client;
mod error;
pub mod h1;
pub mod h2;
pub mod h3;
mod limits;
mod nobody;
mod preface;
pub mod proxy_protocol;
mod server;
mod stream;

pub use client::{ClientBody, ClientSide, NoUpgrade};
pub use error::{Broken, Refusal, Reset, ResetBy};
pub use limits::{Http2Limits, Limits};
pub use nobody::Nobody;
pub use preface::{PREFACE, Preface};
pub use server::{ServerBody, ServerSide};
pub use stream::{BodySink, BodySource, Piece};
