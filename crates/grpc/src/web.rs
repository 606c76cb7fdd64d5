//! gRPC-Web: gRPC for browsers, over any version of HTTP (`PROTOCOL-WEB.md`). Bodies are frames as in gRPC, in text
//! mode as base64; the trailers are the last frame of the body.
//!
//! [`WebRequest`] turns the body of a request into gRPC's, [`WebResponse`] gRPC's answer into gRPC-Web's. Both check
//! the frames as they pass and keep none.

mod request;
mod response;

use std::fmt;

use maitred_http::{Fields, Known, ResponseHead, list_items};

use crate::frame::FrameError;
use crate::status;

pub use request::WebRequest;
pub use response::WebResponse;

const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web";
const WEB_TEXT: &str = "application/grpc-web-text";

/// How the frames of a body are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebMode {
    /// As they are: `application/grpc-web`.
    Binary,
    /// As base64, in pieces that may each be padded: `application/grpc-web-text`.
    Text,
}

impl WebMode {
    /// The mode of a content type such as `application/grpc-web+proto`; none where it is not gRPC-Web.
    ///
    /// ```
    /// use maitred_grpc::WebMode;
    ///
    /// assert_eq!(WebMode::of_content_type(b"application/grpc-web-text+proto"), Some(WebMode::Text));
    /// assert_eq!(WebMode::of_content_type(b"application/grpc"), None);
    /// ```
    pub fn of_content_type(value: &[u8]) -> Option<Self> {
        parse(value).map(|(mode, _)| mode)
    }

    /// The mode of the answer to a request: the first that `Accept` names, else that of the request.
    pub fn of_answer(self, request: &Fields) -> Self {
        let accepted = request.all_known(Known::Accept).flat_map(list_items).find_map(Self::of_content_type);
        accepted.unwrap_or(self)
    }

    /// Rewrites the content type of a request to gRPC's, keeping the format: `application/grpc-web+proto` becomes
    /// `application/grpc+proto`. None where it is not gRPC-Web.
    pub fn request_content_type(value: &[u8]) -> Option<String> {
        parse(value).map(|(_, format)| format!("{GRPC}{format}"))
    }

    /// Rewrites the content type of an answer to gRPC-Web's. An answer that is not gRPC's keeps its own.
    fn answer_content_type(self, value: &[u8]) -> Option<String> {
        let format = strip_prefix(media_type(value)?, GRPC).filter(|format| is_format(format))?;
        Some(format!("{}{format}", if self == Self::Text { WEB_TEXT } else { WEB }))
    }

    /// Makes the head of gRPC's answer one of gRPC-Web. Whether the body is gRPC's too and goes through
    /// [`WebResponse`]: it does not where the answer came from something else, such as a page that says 502.
    pub fn rewrite_head(self, head: &mut ResponseHead) -> bool {
        let Some(value) =
            head.fields.known(Known::ContentType).and_then(|value| self.answer_content_type(value))
        else {
            return false;
        };
        head.fields.set_known(Known::ContentType, value.as_bytes());
        head.fields.remove_known(Known::ContentLength);
        head.fields.remove_known(Known::Trailer);
        true
    }

    /// Whether a head is the whole answer: it tells the status, and no frame of trailers follows.
    pub fn is_trailers_only(head: &ResponseHead) -> bool {
        status::is_told_in(&head.fields)
    }
}

/// The mode, and the format behind it with its `+`.
fn parse(value: &[u8]) -> Option<(WebMode, &str)> {
    let media = media_type(value)?;
    let text = strip_prefix(media, WEB_TEXT).map(|rest| strip_prefix(rest, "-base64").unwrap_or(rest));
    if let Some(format) = text.filter(|format| is_format(format)) {
        return Some((WebMode::Text, format));
    }
    strip_prefix(media, WEB).filter(|format| is_format(format)).map(|format| (WebMode::Binary, format))
}

/// The type without its parameters.
fn media_type(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    Some(text.split(';').next().unwrap_or(text).trim())
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn is_format(format: &str) -> bool {
    format.is_empty() || format.strip_prefix('+').is_some_and(|name| maitred_http::is_token(name.as_bytes()))
}

/// Why a body of gRPC-Web, or of gRPC on its way there, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebError {
    /// The text is not base64.
    NotBase64,
    /// The frames are broken.
    Frame(FrameError),
}

impl From<FrameError> for WebError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64 => f.write_str("the body is not base64"),
            Self::Frame(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WebError {}

#[cfg(test)]
mod tests;
