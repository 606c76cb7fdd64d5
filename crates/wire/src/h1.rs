//! HTTP/1.1 (RFC 9112), and HTTP/1.0 clients.
//! Heads and framing are functions of bytes; `Server` and `Client` are the two ends of a connection.

mod body;
mod client;
mod encode;
mod framing;
mod head_end;
mod parse;
mod reader;
mod request;
mod response;
mod server;
mod writer;

pub use body::{BodyDecoder, Step};
pub use client::{Client, ClientBody};
pub(crate) use encode::{NOT_IN_TRAILERS, OF_THE_CONNECTION};
pub use encode::{ResponseTo, chunk_head, encode_request, encode_response};
pub(crate) use framing::{announced, is_lookalike};
pub use head_end::HeadEnd;
pub(crate) use request::expects_continue;
pub use request::{RequestFraming, parse_request};
pub(crate) use response::response_framing;
pub use response::{ResponseFraming, parse_response};
pub use server::{HeadRead, Server, ServerBody};
