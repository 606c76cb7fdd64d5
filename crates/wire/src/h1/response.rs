//! The head of a response, from bytes. A service that frames its answer in two ways is as dangerous as a client
//! that does: such an answer is refused, and the client gets a 502.

use httparse::Status;
use maitred_http::{BodyLength, Known, Method, ResponseHead, Version};

use super::body::BodyDecoder;
use super::framing;
use super::parse::{keeps_alive, refusal, room, take_fields};
use crate::error::Refusal;
use crate::limits::Limits;

/// What a response's head says of its body and its connection.
#[derive(Debug)]
pub struct ResponseFraming {
    /// The announced body.
    pub length: BodyLength,
    /// Reads the body.
    pub decoder: BodyDecoder,
    /// Whether the connection can serve another request once the body was read.
    pub keep_alive: bool,
}

/// Reads a whole head: `bytes` end with its empty line. `head` must have been cleared; `method` is the request's.
pub fn parse_response(
    bytes: &[u8],
    method: Method,
    limits: &Limits,
    head: &mut ResponseHead,
) -> Result<ResponseFraming, Refusal> {
    let mut room = room();
    let mut response = httparse::Response::new(&mut []);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut room,
    ) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err(Refusal::Bad("the head is malformed")),
        Err(error) => return Err(refusal(error)),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(Refusal::Bad("the status line is malformed"));
    };
    if !(100..=599).contains(&status) {
        return Err(Refusal::Bad("the status is not between 100 and 599"));
    }
    head.status = status;
    head.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    take_fields(bytes, response.headers, limits.fields.max(100), &mut head.fields)?;
    let announced = response_framing(head)?;
    let alive = keeps_alive(&head.fields, head.version);
    let (length, decoder, delimited) = match announced {
        length if head.has_no_body(method) => (length, BodyDecoder::of_length(0), true),
        BodyLength::Known(length) => (announced, BodyDecoder::of_length(length), true),
        BodyLength::Unknown => (announced, BodyDecoder::chunked(), true),
        BodyLength::None => (BodyLength::Unknown, BodyDecoder::until_close(), false),
    };
    Ok(ResponseFraming { length, decoder, keep_alive: alive && delimited })
}

/// Several equal `Content-Length` fields are one (RFC 9110 section 8.6): services behind other proxies send them.
pub(crate) fn response_framing(head: &mut ResponseHead) -> Result<BodyLength, Refusal> {
    let (first, second) = {
        let mut lengths = head.fields.all_known(Known::ContentLength);
        (lengths.next(), lengths.next())
    };
    if let (Some(first), Some(_)) = (first, second) {
        if head.fields.all_known(Known::ContentLength).any(|other| other != first) {
            return Err(Refusal::Bad("Content-Length occurs twice with different values"));
        }
        let first = first.to_vec();
        head.fields.set_known(Known::ContentLength, &first);
    }
    framing::announced(&head.fields, head.version)
}
