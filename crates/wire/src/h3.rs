//! HTTP/3 (RFC 9114), on the libraries `quinn`, which does QUIC, and `h3`, which does frames and QPACK. Here are the limits
//! around them, and the conversion to this crate's heads and bodies. Heads have the form of HTTP/2's, and are read and
//! written by the same rules.
//!
//! A connection is a task that polls [`ServerConnection`]; each of its streams is one exchange, in a task of its own on the same
//! thread. `h3` is held at arm's length: it reads through [`transport`], which lets it hold only so many bytes, and what it
//! thinks of errors ends in [`errors`]. No clock, as in [`h2`](crate::h2).

mod errors;
mod framing;
mod handshake;
mod incoming;
mod outgoing;
mod server;
mod stream;
mod transport;

pub use server::ServerConnection;
pub use stream::ServerStream;
