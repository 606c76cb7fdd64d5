//! The head of a request, from bytes (RFC 9112 sections 2 to 5).
//! What a gateway could read in one way and a service in another is refused here.

use httparse::Status;
use maitred_http::{Authority, BodyLength, Known, Method, PathRules, RequestHead, Version};

use super::framing;
use super::parse::{keeps_alive, refusal, room, take_fields};
use crate::error::Refusal;
use crate::limits::Limits;

/// What a request's head says of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFraming {
    /// The announced body.
    pub length: BodyLength,
    /// Whether another request may follow.
    pub keep_alive: bool,
    /// Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// Whether it asks to change the protocol: `Upgrade` named by `Connection` (RFC 9110 section 7.8).
    pub wants_upgrade: bool,
}

/// Reads a whole head: `bytes` end with its empty line. `head` must have been cleared.
pub fn parse_request(
    bytes: &[u8],
    limits: &Limits,
    paths: PathRules,
    head: &mut RequestHead,
) -> Result<RequestFraming, Refusal> {
    let mut room = room();
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut room) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err(Refusal::Bad("the head is malformed")),
        Err(httparse::Error::Version) => return Err(version_refusal(bytes)),
        Err(error) => return Err(refusal(error)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(Refusal::Bad("the request line is malformed"));
    };
    head.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    head.method = Method::parse(method.as_bytes()).map_err(|_| Refusal::Bad("the method is malformed"))?;
    if matches!(head.method, Method::Connect | Method::Trace) {
        return Err(Refusal::Method);
    }
    if target.len() > limits.uri {
        return Err(Refusal::UriTooLong);
    }
    let absolute =
        head.target.parse(target.as_bytes(), paths).map_err(|error| Refusal::Bad(error.as_str()))?;
    // Without a path it asks about the server itself, as `*` does (RFC 9112 section 3.2.4).
    let is_bare = |authority: &[u8]| authority.as_ptr_range().end == target.as_bytes().as_ptr_range().end;
    if head.method == Method::Options && absolute.is_some_and(is_bare) {
        head.target.parse(b"*", paths).map_err(|error| Refusal::Bad(error.as_str()))?;
    }
    if head.target.is_asterisk() && head.method != Method::Options {
        return Err(Refusal::Bad("the target * is for OPTIONS only"));
    }
    take_fields(bytes, request.headers, limits.fields, &mut head.fields)?;
    check_host(head, absolute)?;
    framing_of(head)
}

fn framing_of(head: &RequestHead) -> Result<RequestFraming, Refusal> {
    let fields = &head.fields;
    let connection = fields.has(Known::Connection);
    Ok(RequestFraming {
        length: framing::announced(fields, head.version)?,
        keep_alive: if connection {
            keeps_alive(fields, head.version)
        } else {
            head.version == Version::Http11
        },
        expects_continue: expects_continue(head)?,
        wants_upgrade: connection
            && fields.has(Known::Upgrade)
            && head.version == Version::Http11
            && fields.has_item(Known::Connection, "upgrade"),
    })
}

/// Exactly one `Host` (RFC 9112 section 3.2; HTTP/1.0 may leave it out), well-formed, and the same as the
/// authority of a target in absolute form: two answers to "for whom is this?" are one too many.
fn check_host(head: &mut RequestHead, absolute: Option<&[u8]>) -> Result<(), Refusal> {
    const BAD: Refusal = Refusal::Bad("Host is malformed");
    let (host, second) = {
        let mut hosts = head.fields.all_known(Known::Host);
        (hosts.next(), hosts.next())
    };
    if second.is_some() {
        return Err(Refusal::Bad("Host occurs twice"));
    }
    match host {
        Some(host) => head.authority.parse(host).map_err(|_| BAD)?,
        None if head.version == Version::Http10 => {}
        None => return Err(Refusal::Bad("Host is missing")),
    }
    let Some(absolute) = absolute else { return Ok(()) };
    let mut named = Authority::default();
    named.parse(absolute).map_err(|_| Refusal::Bad("the authority of the request target is malformed"))?;
    if head.authority.is_empty() {
        head.fields.append_known(Known::Host, absolute);
        head.authority = named;
    } else if named != head.authority {
        return Err(Refusal::Bad("Host and the request target name different hosts"));
    }
    Ok(())
}

pub(crate) fn expects_continue(head: &RequestHead) -> Result<bool, Refusal> {
    // HTTP/1.0 does not know it and the field is ignored (RFC 9110 section 10.1.1).
    if head.version == Version::Http10 {
        return Ok(false);
    }
    let mut values = head.fields.all_known(Known::Expect).peekable();
    let expects = values.peek().is_some();
    if values.all(|value| value.eq_ignore_ascii_case(b"100-continue")) {
        Ok(expects)
    } else {
        Err(Refusal::Expectation)
    }
}

/// Tells a later version of HTTP (505) from what is no version at all (400).
fn version_refusal(bytes: &[u8]) -> Refusal {
    let line =
        bytes.split(|&byte| byte == b'\r').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ').skip(2);
    match (words.next(), words.next()) {
        (Some([b'H', b'T', b'T', b'P', b'/', b'1'..=b'9', b'.', b'0'..=b'9']), None) => Refusal::Version,
        _ => Refusal::Bad("the version is malformed"),
    }
}

/// Refuses a first line that can no longer become a request, while the rest of the head is not there yet.
pub(super) fn check_first_line(line: &[u8]) -> Result<(), Refusal> {
    let mut room = [httparse::EMPTY_HEADER; 0];
    match httparse::Request::new(&mut room).parse(line) {
        Err(httparse::Error::TooManyHeaders) | Ok(_) => Ok(()),
        Err(httparse::Error::Version) => Err(version_refusal(line)),
        Err(error) => Err(refusal(error)),
    }
}
