//! The head of a request, from the library's parts and into them (RFC 9113 section 8.3.1).
//! What HTTP/1.1 refuses is refused here too, by the same rules; the library has checked what HTTP/2 adds.

use ::h2::ext::Protocol;
use ::http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TE};
use ::http::request::Parts;
use ::http::uri::{self, PathAndQuery, Uri};
use bytes::Bytes;
use maitred_http::{
    Authority, BodyLength, Known, KnownSet, Method, PathRules, RequestHead, Scheme, Version,
    push_percent_encoded,
};

use super::fields::{header_map, take_fields};
use crate::error::Refusal;
use crate::h1::{OF_THE_CONNECTION, RequestFraming, announced, expects_continue};
use crate::limits::Limits;

/// The protocol that an extended CONNECT may ask for.
const WEBSOCKET: &str = "websocket";

/// Reads a request of this version, HTTP/2 or HTTP/3, into `head`, which must have been cleared. `is_whole` says that the
/// stream ended with its head.
pub(crate) fn read_request(
    parts: &Parts,
    version: Version,
    is_whole: bool,
    limits: &Limits,
    paths: PathRules,
    head: &mut RequestHead,
) -> Result<RequestFraming, Refusal> {
    let Parts { method, uri, headers, extensions, .. } = parts;
    head.version = version;
    let wants_upgrade = match extensions.get::<Protocol>() {
        Some(protocol) if protocol.as_str().eq_ignore_ascii_case(WEBSOCKET) => true,
        Some(_) => return Err(Refusal::Method),
        None => false,
    };
    head.method =
        Method::parse(method.as_str().as_bytes()).map_err(|_| Refusal::Bad("the method is malformed"))?;
    if head.method == Method::Trace || (head.method == Method::Connect && !wants_upgrade) {
        return Err(Refusal::Method);
    }
    if wants_upgrade {
        head.method = Method::Get;
    }
    read_target(uri, limits, paths, head)?;
    read_authority(uri.authority(), headers, head)?;
    take_fields(headers, limits.fields, &mut head.fields)?;
    if wants_upgrade {
        as_upgrade(head)?;
    }
    framing_of(head, is_whole, wants_upgrade)
}

fn read_target(uri: &Uri, limits: &Limits, paths: PathRules, head: &mut RequestHead) -> Result<(), Refusal> {
    // Where there is none the library tells `/` of one and nothing of the other.
    let path = uri.path_and_query().filter(|_| !uri.path().is_empty());
    let path = path.ok_or(Refusal::Bad(":path is missing"))?.as_str().as_bytes();
    if path.len() > limits.uri {
        return Err(Refusal::UriTooLong);
    }
    // The library drops the scheme of a request without an authority.
    if uri.scheme().is_some_and(|scheme| !matches!(scheme.as_str(), "http" | "https")) {
        return Err(Refusal::Bad(":scheme is neither http nor https"));
    }
    match path {
        b"*" if head.method != Method::Options => {
            return Err(Refusal::Bad("the target * is for OPTIONS only"));
        }
        b"*" | [b'/', ..] => {}
        _ => return Err(Refusal::Bad(":path does not begin with a slash")),
    }
    head.target.parse(path, paths).map(|_| ()).map_err(|error| Refusal::Bad(error.as_str()))
}

/// Host and port from `:authority` or `Host`, of which there must be one; if both are there they must say the same. `Host`
/// becomes the first field in any case.
fn read_authority(
    authority: Option<&uri::Authority>,
    headers: &HeaderMap,
    head: &mut RequestHead,
) -> Result<(), Refusal> {
    const BAD: Refusal = Refusal::Bad("Host is malformed");
    let mut hosts = headers.get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Refusal::Bad("Host occurs twice"));
    }
    let host = host.map(HeaderValue::as_bytes);
    let Some(text) = authority.map(|authority| authority.as_str().as_bytes()).or(host) else {
        return Err(Refusal::Bad("Host is missing"));
    };
    head.authority
        .parse(text)
        .map_err(|_| if authority.is_some() { Refusal::Bad(":authority is malformed") } else { BAD })?;
    if let (Some(_), Some(host)) = (authority, host) {
        let mut named = Authority::default();
        named.parse(host).map_err(|_| BAD)?;
        if named != head.authority {
            return Err(Refusal::Bad("Host and :authority name different hosts"));
        }
    }
    head.fields.append_known(Known::Host, text);
    Ok(())
}

/// Makes an extended CONNECT the GET that asks for the same in HTTP/1.1 (RFC 8441 section 5), without the key, which
/// HTTP/2 does not have: who opens the connection to the service makes one.
fn as_upgrade(head: &mut RequestHead) -> Result<(), Refusal> {
    if head.fields.has(Known::ContentLength) {
        return Err(Refusal::Bad("CONNECT has no content"));
    }
    head.fields.remove_bytes(b"sec-websocket-key");
    head.fields.append_known(Known::Upgrade, WEBSOCKET.as_bytes());
    Ok(())
}

fn framing_of(head: &RequestHead, is_whole: bool, wants_upgrade: bool) -> Result<RequestFraming, Refusal> {
    let length = match announced(&head.fields, head.version)? {
        // What follows the head of an extended CONNECT is no body.
        BodyLength::None if !is_whole && !wants_upgrade => BodyLength::Unknown,
        length => length,
    };
    let expects_continue = expects_continue(head)?;
    Ok(RequestFraming { length, keep_alive: true, expects_continue, wants_upgrade })
}

/// Fields that are written anew, or not at all.
const WRITTEN_ANEW: KnownSet = OF_THE_CONNECTION.with(Known::Host);

/// The library's form of a request to a service.
pub(super) fn write_request(
    head: &RequestHead,
    scheme: Scheme,
    length: BodyLength,
) -> Result<::http::Request<()>, Refusal> {
    let mut headers = header_map(&head.fields, WRITTEN_ANEW)?;
    if let BodyLength::Known(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if head.fields.has_item(Known::Te, "trailers") {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let mut request = ::http::Request::new(());
    *request.method_mut() = method_of(head.method)?;
    *request.uri_mut() = uri_of(head, scheme)?;
    *request.version_mut() = ::http::Version::HTTP_2;
    *request.headers_mut() = headers;
    Ok(request)
}

fn method_of(method: Method) -> Result<::http::Method, Refusal> {
    Ok(match method {
        Method::Get => ::http::Method::GET,
        Method::Head => ::http::Method::HEAD,
        Method::Post => ::http::Method::POST,
        Method::Put => ::http::Method::PUT,
        Method::Delete => ::http::Method::DELETE,
        Method::Patch => ::http::Method::PATCH,
        Method::Options => ::http::Method::OPTIONS,
        other => ::http::Method::from_bytes(other.as_str().as_bytes())
            .map_err(|_| Refusal::Bad("the method is malformed"))?,
    })
}

fn uri_of(head: &RequestHead, scheme: Scheme) -> Result<Uri, Refusal> {
    const BAD: Refusal = Refusal::Bad("the request has no host that HTTP/2 can name");
    let host = head.fields.known(Known::Host).unwrap_or(head.authority.as_str().as_bytes());
    let mut parts = uri::Parts::default();
    parts.scheme = Some(match scheme {
        Scheme::Http => uri::Scheme::HTTP,
        Scheme::Https => uri::Scheme::HTTPS,
    });
    parts.authority = Some(uri::Authority::try_from(host).map_err(|_| BAD)?);
    parts.path_and_query = Some(path_of(head.target.as_str())?);
    Uri::from_parts(parts).map_err(|_| BAD)
}

/// The library is stricter with targets than clients are: what it refuses is percent-encoded, which means the same.
fn path_of(target: &str) -> Result<PathAndQuery, Refusal> {
    if let Ok(path) = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(target.as_bytes())) {
        return Ok(path);
    }
    let mut encoded = String::with_capacity(target.len() + 16);
    for byte in target.bytes() {
        if is_uri_byte(byte) {
            encoded.push(char::from(byte));
        } else {
            push_percent_encoded(&mut encoded, &[byte]);
        }
    }
    PathAndQuery::try_from(encoded).map_err(|_| Refusal::Bad("the request target cannot be sent over HTTP/2"))
}

/// What RFC 3986 section 3.3 and 3.4 let stand in a path or query, and the percent sign.
const fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'
                ..=b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'%'
        )
}

#[cfg(test)]
mod tests;
