//! The status of a call: `grpc-status`, `grpc-message` and `grpc-status-details-bin` in trailers, or in the head of
//! an answer that has nothing else ("Trailers-Only").

use std::fmt::Write as _;

use maitred_http::{Fields, Known, ResponseHead};

use crate::base64;
use crate::code::Code;

/// Content type of gRPC over HTTP/2.
pub const GRPC_CONTENT_TYPE: &str = "application/grpc";

const STATUS: &[u8] = b"grpc-status";
const MESSAGE: &[u8] = b"grpc-message";
const DETAILS: &[u8] = b"grpc-status-details-bin";

/// The status of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its code.
    pub code: Code,
    /// What went wrong, for people; empty where nothing did.
    pub message: String,
    /// An encoded `google.rpc.Status` with details; empty where there are none.
    pub details: Vec<u8>,
}

impl Status {
    /// A status without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    /// Reads the status among trailers, or in a head without trailers. None where there is no `grpc-status`. A value
    /// that is no number means [`Code::Unknown`]; broken details are left out, as gRPC asks.
    ///
    /// ```
    /// use maitred_grpc::{Code, Status};
    /// use maitred_http::Fields;
    ///
    /// let mut trailers = Fields::default();
    /// trailers.append_bytes(b"grpc-status", b"5");
    /// trailers.append_bytes(b"grpc-message", b"no such book: caf%C3%A9");
    /// assert_eq!(Status::read(&trailers), Some(Status::new(Code::NotFound, "no such book: café")));
    /// ```
    pub fn read(fields: &Fields) -> Option<Self> {
        let number = first(fields, STATUS)?;
        let code = std::str::from_utf8(number)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .map_or(Code::Unknown, Code::from_number);
        Some(Self {
            code,
            message: first(fields, MESSAGE).map(decode_message).unwrap_or_default(),
            details: first(fields, DETAILS).and_then(base64::decode_header).unwrap_or_default(),
        })
    }

    /// The status of a call whose answer ended without `grpc-status`, from its HTTP status.
    pub fn missing(http_status: u16) -> Self {
        let message = if http_status == 200 {
            "the service ended the call without a status".to_owned()
        } else {
            format!("the service answered with HTTP status {http_status}")
        };
        Self::new(Code::from_http_status(http_status), message)
    }

    /// Adds the fields that tell this status.
    pub fn append_to(&self, fields: &mut Fields) {
        fields.append_bytes(STATUS, self.code.number().to_string().as_bytes());
        if !self.message.is_empty() {
            fields.append_bytes(MESSAGE, encode_message(&self.message).as_bytes());
        }
        if !self.details.is_empty() {
            fields.append_bytes(DETAILS, base64::encode_header(&self.details).as_bytes());
        }
    }

    /// The head of an answer that has this status and nothing else: HTTP status 200 whatever the code. This is how a
    /// gateway's fault reaches a client of gRPC, or of gRPC-Web with that content type.
    ///
    /// ```
    /// use maitred_grpc::{Code, GRPC_CONTENT_TYPE, Status};
    ///
    /// let head = Status::new(Code::for_fault(503), "no service can take the call").trailers_only(GRPC_CONTENT_TYPE);
    /// assert_eq!(head.status, 200);
    /// assert_eq!(head.fields.iter().nth(1), Some((&b"grpc-status"[..], &b"14"[..])));
    /// ```
    pub fn trailers_only(&self, content_type: &str) -> ResponseHead {
        let mut head = ResponseHead::default();
        head.fields.append_known(Known::ContentType, content_type.as_bytes());
        self.append_to(&mut head.fields);
        head
    }
}

/// Whether a head tells a status: then it is the whole answer.
pub(crate) fn is_told_in(fields: &Fields) -> bool {
    first(fields, STATUS).is_some()
}

fn first<'a>(fields: &'a Fields, name: &[u8]) -> Option<&'a [u8]> {
    fields.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Percent-encodes all but the visible ASCII characters and the blank; `%` too.
fn encode_message(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a string takes all that is written"),
        }
    }
    out
}

/// Decodes whatever comes: broken escapes stay, and what is no UTF-8 is replaced. No message is thrown away.
fn decode_message(value: &[u8]) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if byte == b'%' => digit(high).zip(digit(low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(high << 4 | low);
            rest = &tail[2..];
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        fields
    }

    #[test]
    fn reads_what_it_writes() {
        for message in ["", "plain", "100% ~ \"x\"", "zeile\r\nzwei", "\u{0}\u{7f}ü\u{1f600}", " a "] {
            let mut status = Status::new(Code::DataLoss, message);
            status.details = message.as_bytes().to_vec();
            let mut told = Fields::default();
            status.append_to(&mut told);
            for (_, value) in &told {
                assert!(value.iter().all(|byte| (b' '..=b'~').contains(byte)), "{value:?}");
            }
            assert_eq!(Status::read(&told), Some(status));
        }
    }

    #[test]
    fn reads_whatever_comes() {
        assert_eq!(Status::read(&fields(&[("grpc-message", "x")])), None);
        for (number, code) in [
            ("0", Code::Ok),
            ("16", Code::Unauthenticated),
            ("17", Code::Unknown),
            ("99999999999", Code::Unknown),
            ("-1", Code::Unknown),
            ("+5", Code::Unknown),
            ("", Code::Unknown),
            ("x", Code::Unknown),
        ] {
            let status = Status::read(&fields(&[("GRPC-Status", number)])).unwrap();
            assert_eq!(status, Status::new(code, ""), "{number}");
        }
        for (value, message) in
            [("a%", "a%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("%ff", "\u{fffd}"), ("%e2%82%ac", "€")]
        {
            let status = Status::read(&fields(&[("grpc-status", "2"), ("grpc-message", value)])).unwrap();
            assert_eq!(status.message, message);
        }
        let broken = fields(&[("grpc-status", "2"), ("grpc-status-details-bin", "!")]);
        assert_eq!(Status::read(&broken).unwrap().details, b"");
    }

    #[test]
    fn an_answer_without_status_has_one() {
        assert_eq!(Status::missing(503).code, Code::Unavailable);
        assert_eq!(Status::missing(200).code, Code::Unknown);
    }
}
