//! The HTTP/1.1 engine against RFC 9112 and RFC 9110, through its public ends and over a scripted connection.
//!
//! Every table case is run whole, one byte at a time and at random splits: the outcome must be the same. Each cites
//! its section; where the engine is stricter than the RFC asks, the case says so.

#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "tests: a panic is how they fail, and texts are short"
)]

mod buffers;
mod chunked;
mod connection;
mod corpora;
mod fields;
mod framing;
mod host;
mod limits;
mod mutations;
mod request_line;
mod response_framing;
mod response_heads;
mod round_trip;
mod script;
mod table;
mod writing;
