//! gRPC's health service (`grpc.health.v1`): the question whether a service can take calls, and the answer to it.
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::fmt;

use maitred_http::{Fields, ResponseHead};
use prost::Message as _;

use crate::code::Code;
use crate::frame::{FrameError, FrameReader, push_frame};
use crate::status::Status;

/// The path of the call.
pub const HEALTH_CHECK_PATH: &str = "/grpc.health.v1.Health/Check";

/// How long an answer may be, in bytes: it is one number.
const MAX_ANSWER: usize = 1024;

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Why a service takes no calls, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotServing {
    /// It says so, by this number of `HealthCheckResponse.ServingStatus`.
    Says(i32),
    /// The call failed.
    Failed(Status),
    /// The answer cannot be read.
    Frame(FrameError),
    /// The call ended well without an answer, or what came is none.
    NoAnswer,
}

impl fmt::Display for NotServing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Says(0) => f.write_str("the service says UNKNOWN"),
            Self::Says(2) => f.write_str("the service says NOT_SERVING"),
            Self::Says(3) => f.write_str("the service says SERVICE_UNKNOWN"),
            Self::Says(number) => write!(f, "the service says {number}, which is no known state"),
            Self::Failed(Status { code, message, .. }) if message.is_empty() => {
                write!(f, "the call ended with {code}")
            }
            Self::Failed(Status { code, message, .. }) => write!(f, "the call ended with {code}: {message}"),
            Self::Frame(error) => error.fmt(f),
            Self::NoAnswer => f.write_str("the answer is none of a health service"),
        }
    }
}

/// The body of the question for this service; for the empty name it is for the server as a whole.
pub fn health_question(service: &str) -> Vec<u8> {
    let message = Request { service: service.to_owned() }.encode_to_vec();
    let mut body = Vec::new();
    // A name has no 4 GiB.
    let _ = push_frame(&mut body, &message);
    body
}

/// What the whole answer to it says: nothing where calls are taken.
///
/// # Errors
///
/// Why they are not.
pub fn read_health(head: &ResponseHead, body: &[u8], trailers: Option<&Fields>) -> Result<(), NotServing> {
    let told = trailers.and_then(Status::read).or_else(|| Status::read(&head.fields));
    let status = told.unwrap_or_else(|| Status::missing(head.status));
    if status.code != Code::Ok {
        return Err(NotServing::Failed(status));
    }
    let mut reader = FrameReader::new(MAX_ANSWER);
    let message = reader.take(&mut &*body).map_err(NotServing::Frame)?.ok_or(NotServing::NoAnswer)?;
    match Response::decode(&*message).map_err(|_| NotServing::NoAnswer)?.status {
        1 => Ok(()),
        other => Err(NotServing::Says(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailers(status: &str, message: &str) -> Fields {
        let mut fields = Fields::default();
        fields.append_bytes(b"grpc-status", status.as_bytes());
        fields.append_bytes(b"grpc-message", message.as_bytes());
        fields
    }

    fn read(body: &[u8], trailers: &Fields) -> Result<(), String> {
        read_health(&ResponseHead::default(), body, Some(trailers)).map_err(|why| why.to_string())
    }

    #[test]
    fn the_question_is_the_one_of_the_protocol() {
        assert_eq!(health_question(""), b"\0\0\0\0\0");
        assert_eq!(health_question("a.B"), b"\0\0\0\0\x05\x0a\x03a.B");
    }

    #[test]
    fn only_serving_is_well() {
        let ok = trailers("0", "");
        for (message, says) in [
            (&b"\x08\x01"[..], Ok(())),
            (b"\x08\x02", Err("the service says NOT_SERVING")),
            (b"", Err("the service says UNKNOWN")),
            (b"\x08\x03", Err("the service says SERVICE_UNKNOWN")),
            (b"\x08\x09", Err("the service says 9, which is no known state")),
            (b"\x0a\x01x", Err("the answer is none of a health service")),
        ] {
            let mut body = Vec::new();
            push_frame(&mut body, message).unwrap();
            assert_eq!(read(&body, &ok), says.map_err(str::to_owned), "{message:?}");
        }
    }

    #[test]
    fn a_status_in_the_head_is_the_whole_answer() {
        let head = ResponseHead { fields: trailers("5", "unknown service"), ..ResponseHead::default() };
        let why = read_health(&head, b"", None).unwrap_err().to_string();
        assert_eq!(why, "the call ended with NOT_FOUND: unknown service");
        // What comes last counts.
        let mut body = Vec::new();
        push_frame(&mut body, b"\x08\x01").unwrap();
        assert_eq!(read_health(&head, &body, Some(&trailers("0", ""))), Ok(()));
    }

    #[test]
    fn what_is_no_answer_says_why() {
        assert_eq!(
            read(b"", &trailers("5", "unknown service")).unwrap_err(),
            "the call ended with NOT_FOUND: unknown service"
        );
        assert_eq!(read(b"", &trailers("0", "")).unwrap_err(), "the answer is none of a health service");
        assert_eq!(
            read(b"\x01\0\0\0\x02\x08\x01", &trailers("0", "")).unwrap_err(),
            "a message is compressed, and no encoding was agreed on"
        );
        let page = ResponseHead { status: 502, ..ResponseHead::default() };
        let why = read_health(&page, b"<html>", None).unwrap_err().to_string();
        assert_eq!(why, "the call ended with UNAVAILABLE: the service answered with HTTP status 502");
    }
}
