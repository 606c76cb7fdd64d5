//! The head of a response, into the library's parts and from them (RFC 9113 section 8.3.2).
//! Framing is written anew, as in HTTP/1.1, so that it always says what will be sent.

use ::http::header::{CONTENT_LENGTH, HeaderValue};
use ::http::response::Parts;
use ::http::{Response, StatusCode};
use maitred_http::{BodyLength, Fields, Method, ResponseHead, Version};

use super::fields::{header_map, take_fields};
use crate::error::Refusal;
use crate::h1::{OF_THE_CONNECTION, response_framing};
use crate::limits::Limits;

/// The library's form of a response to a request with `method`, final or interim. Like in HTTP/1.1, `Content-Length` says what
/// will be sent, or what a GET would have got, where that is known.
pub(crate) fn write_response(
    head: &ResponseHead,
    length: BodyLength,
    method: Method,
) -> Result<Response<()>, Refusal> {
    let announced = match length {
        _ if head.is_informational() || head.status == 204 => None,
        BodyLength::Known(length) => Some(length),
        BodyLength::None if !head.has_no_body(method) => Some(0),
        BodyLength::None | BodyLength::Unknown => None,
    };
    let mut response = with_fields(head.status, &head.fields)?;
    if let Some(length) = announced {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

/// The 200 that turns a stream into a tunnel. The proof that a `WebSocket` was understood belongs to HTTP/1.1 (RFC 8441
/// section 5).
pub(super) fn write_switch(fields: &Fields) -> Result<Response<()>, Refusal> {
    let mut response = with_fields(200, fields)?;
    response.headers_mut().remove("sec-websocket-accept");
    Ok(response)
}

fn with_fields(status: u16, fields: &Fields) -> Result<Response<()>, Refusal> {
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(status).map_err(|_| Refusal::Bad("the status is not between 100 and 599"))?;
    *response.headers_mut() = header_map(fields, OF_THE_CONNECTION)?;
    Ok(response)
}

/// Reads a service's response into `head`, which must have been cleared; `method` is the request's. `is_whole` says that the
/// stream ended with it. Answers with the announced length of its body.
pub(super) fn read_response(
    parts: &Parts,
    is_whole: bool,
    method: Method,
    limits: &Limits,
    head: &mut ResponseHead,
) -> Result<BodyLength, Refusal> {
    let status = parts.status.as_u16();
    if !(100..=599).contains(&status) {
        return Err(Refusal::Bad("the status is not between 100 and 599"));
    }
    if status == 101 {
        // RFC 9113 section 8.6: HTTP/2 has no upgrades.
        return Err(Refusal::Bad("a stream of HTTP/2 cannot change its protocol"));
    }
    head.status = status;
    head.version = Version::H2;
    take_fields(&parts.headers, limits.fields.max(100), &mut head.fields)?;
    let announced = response_framing(head)?;
    Ok(match announced {
        BodyLength::None if !is_whole && !head.has_no_body(method) => BodyLength::Unknown,
        BodyLength::Known(1..) if is_whole && !head.has_no_body(method) => {
            return Err(Refusal::Bad("the body is shorter than announced"));
        }
        length => length,
    })
}

/// Whether this response to `method` ends with its head.
pub(crate) fn is_whole(head: &ResponseHead, length: BodyLength, method: Method) -> bool {
    length.is_empty() || head.has_no_body(method)
}

#[cfg(test)]
mod tests {
    use maitred_http::Known as KnownName;

    use super::*;

    fn written(status: u16, length: BodyLength, method: Method) -> Option<String> {
        let head = ResponseHead { status, ..ResponseHead::default() };
        let response = write_response(&head, length, method).unwrap();
        response.headers().get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned())
    }

    #[test]
    fn announces_what_will_be_sent() {
        use BodyLength::{Known, None, Unknown};
        for (status, length, method, expected) in [
            (200, Known(3), Method::Get, Some("3")),
            (200, None, Method::Get, Some("0")),
            (200, Unknown, Method::Get, Option::None),
            (200, Known(3), Method::Head, Some("3")),
            (200, None, Method::Head, Option::None),
            (304, Known(3), Method::Get, Some("3")),
            (204, Known(0), Method::Get, Option::None),
            (103, None, Method::Get, Option::None),
        ] {
            let found = written(status, length, method);
            assert_eq!(found.as_deref(), expected, "{status} {length:?} {method}");
        }
    }

    fn read(
        status: u16,
        lines: &[(&'static str, &str)],
        is_whole: bool,
        method: Method,
    ) -> Result<BodyLength, Refusal> {
        let mut response = Response::builder().status(status);
        for (name, value) in lines {
            response = response.header(*name, *value);
        }
        let parts = response.body(()).unwrap().into_parts().0;
        read_response(&parts, is_whole, method, &Limits::default(), &mut ResponseHead::default())
    }

    #[test]
    fn reads_what_a_service_announces() {
        use BodyLength::{Known, None, Unknown};
        let five = [("content-length", "5")];
        for (status, lines, is_whole, method, expected) in [
            (200, &[][..], true, Method::Get, None),
            (200, &[], false, Method::Get, Unknown),
            (200, &five, false, Method::Get, Known(5)),
            (200, &five, true, Method::Head, Known(5)),
            (304, &five, true, Method::Get, Known(5)),
            (204, &[], false, Method::Get, None),
            (200, &[("content-length", "5"), ("content-length", "5")], false, Method::Get, Known(5)),
        ] {
            assert_eq!(read(status, lines, is_whole, method), Ok(expected), "{status} {lines:?}");
        }
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for (status, lines, is_whole) in [
            (101, &[][..], false),
            (600, &[], false),
            (200, &[("content-length", "5")], true),
            (200, &[("content-length", "5"), ("content-length", "6")], false),
            (200, &[("content-length", "x")], false),
        ] {
            assert!(read(status, lines, is_whole, Method::Get).is_err(), "{status} {lines:?}");
        }
    }

    #[test]
    fn a_switch_proves_nothing() {
        let mut fields = Fields::default();
        fields.append_bytes(b"Sec-WebSocket-Accept", b"x");
        fields.append_bytes(b"Sec-WebSocket-Protocol", b"chat");
        fields.append_known(KnownName::Upgrade, b"websocket");
        let response = write_switch(&fields).unwrap();
        assert_eq!(response.status(), 200);
        let names: Vec<_> = response.headers().keys().map(::http::HeaderName::as_str).collect();
        assert_eq!(names, ["sec-websocket-protocol"]);
    }
}
