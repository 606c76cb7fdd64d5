//! Writes heads. Fields that belong to one connection are left out and written anew (RFC 9110 section 7.6.1), and so is
//! the framing, so that it always says what will be sent.

use maitred_http::{BodyLength, Fields, Known, KnownSet, Method, RequestHead, ResponseHead, Version, reason};

/// Fields that never cross the gateway as they came.
pub(crate) const OF_THE_CONNECTION: KnownSet = KnownSet::of(&[
    Known::Connection,
    Known::ContentLength,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::Te,
    Known::TransferEncoding,
    Known::Upgrade,
]);

/// What trailers must not say: what only makes sense before the body (RFC 9110 section 6.5.1), and what belongs to a connection.
pub(crate) const NOT_IN_TRAILERS: KnownSet = OF_THE_CONNECTION.with(Known::Host);

/// Writes the head of a request to a service. `upgrade` asks for another protocol on this connection.
pub fn encode_request(head: &RequestHead, length: BodyLength, upgrade: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.target.as_str().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    head.fields.write_to(out, OF_THE_CONNECTION);
    match length {
        // Methods that usually have a body say that this one is empty (RFC 9110 section 8.6).
        BodyLength::None if matches!(head.method, Method::Post | Method::Put | Method::Patch) => {
            write_length(0, out);
        }
        BodyLength::None => {}
        BodyLength::Known(length) => write_length(length, out),
        BodyLength::Unknown => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if let Some(protocol) = upgrade {
        write_upgrade(protocol, out);
    } else if head.fields.has_item(Known::Te, "trailers") {
        // Trailers are passed on, so who takes them may be told so; many services send none else (RFC 9110 section 6.5.1).
        out.extend_from_slice(b"Connection: TE\r\nTE: trailers\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// To whom a response goes, and what becomes of the connection.
#[derive(Clone, Copy, Debug)]
pub struct ResponseTo {
    /// The method of the request.
    pub method: Method,
    /// The version of the client.
    pub version: Version,
    /// Whether the connection stays open.
    pub keep_alive: bool,
}

/// Writes the head of a response to a client.
pub fn encode_response(head: &ResponseHead, length: BodyLength, to: ResponseTo, out: &mut Vec<u8>) {
    write_status_line(head.status, out);
    head.fields.write_to(out, OF_THE_CONNECTION);
    match length {
        // A 1xx or 204 has no framing; a HEAD or 304 tells what a GET would have got, where that is known.
        _ if head.is_informational() || head.status == 204 => {}
        BodyLength::Known(length) => write_length(length, out),
        BodyLength::Unknown if !head.has_no_body(to.method) && to.version >= Version::Http11 => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        BodyLength::None if !head.has_no_body(to.method) => {
            write_length(0, out);
        }
        BodyLength::Unknown | BodyLength::None => {}
    }
    match (to.keep_alive, to.version) {
        (true, Version::Http10) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, _) => {}
        (false, _) if head.is_informational() => {}
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the 101 that turns a connection into a tunnel.
pub fn encode_switching(fields: &Fields, protocol: &[u8], out: &mut Vec<u8>) {
    write_status_line(101, out);
    fields.write_to(out, OF_THE_CONNECTION);
    write_upgrade(protocol, out);
    out.extend_from_slice(b"\r\n");
}

/// Writes the size line of a chunk.
pub fn chunk_head(size: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(DIGITS[(size >> (4 * place)) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_status_line(status: u16, out: &mut Vec<u8>) {
    if status == 200 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_length(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_upgrade(protocol: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: ");
    out.extend_from_slice(protocol);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sizes_in_hexadecimal() {
        for size in [0, 1, 15, 16, 255, 256, 65_536, 0x00de_adbe] {
            let mut out = Vec::new();
            chunk_head(size, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{size:x}\r\n"));
        }
    }

    fn response(
        status: u16,
        length: BodyLength,
        method: Method,
        version: Version,
        keep_alive: bool,
    ) -> String {
        let head = ResponseHead { status, ..ResponseHead::default() };
        let mut out = Vec::new();
        encode_response(&head, length, ResponseTo { method, version, keep_alive }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn frames_each_response_as_its_client_can_read_it() {
        use BodyLength::{Known, None, Unknown};
        use Version::{Http10, Http11};
        for (status, length, method, version, keep, expected) in [
            (200, Known(3), Method::Get, Http11, true, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"),
            (200, None, Method::Get, Http11, true, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            (
                200,
                Unknown,
                Method::Get,
                Http11,
                true,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (200, Unknown, Method::Get, Http10, false, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
            (200, Known(9), Method::Head, Http11, true, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
            (200, Unknown, Method::Head, Http11, true, "HTTP/1.1 200 OK\r\n\r\n"),
            (204, Known(0), Method::Get, Http11, true, "HTTP/1.1 204 No Content\r\n\r\n"),
            (
                304,
                Known(7),
                Method::Get,
                Http11,
                true,
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
            ),
            (
                404,
                Known(0),
                Method::Get,
                Http10,
                true,
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
            ),
            (100, None, Method::Post, Http11, false, "HTTP/1.1 100 Continue\r\n\r\n"),
            (
                299,
                Known(0),
                Method::Get,
                Http11,
                false,
                "HTTP/1.1 299 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            ),
        ] {
            assert_eq!(response(status, length, method, version, keep), expected);
        }
    }

    #[test]
    fn leaves_out_what_belongs_to_the_other_connection() {
        let mut head = RequestHead::default();
        head.target.parse(b"/a?b", maitred_http::PathRules::Strict).unwrap();
        for (name, value) in [
            ("Host", "h"),
            ("Connection", "close"),
            ("Keep-Alive", "5"),
            ("TE", "gzip"),
            ("Upgrade", "h2c"),
            ("Transfer-Encoding", "chunked"),
            ("Proxy-Connection", "close"),
            ("X-A", "1"),
            ("Content-Length", "9"),
        ] {
            head.fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        let mut out = Vec::new();
        encode_request(&head, BodyLength::Unknown, None, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    }
}
