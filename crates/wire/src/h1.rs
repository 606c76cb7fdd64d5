//! HTTP/1.1 (RFC 9112), and HTTP/1.0 clients.

mod body;
mod chunked;
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
pub use client::Client;
pub use encode::{ResponseTo, chunk_head, encode_request, encode_response};
pub use head_end::HeadEnd;
pub use request::{RequestInfo, parse_request};
pub use response::{ResponseInfo, parse_response};
pub use server::{HeadRead, Server};
