//! What the service is told of a request (`CheckRequest`).
//! Who decides what becomes of it is not here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use maitred_http::{RequestHead, Version};
use maitred_policy::Facts;
use prost_types::Timestamp;

use super::messages::{Address, AttributeContext, CheckRequest, HttpRequest, Peer, Request, SocketAddress};
use crate::asking;

/// The question about a request, with its body where that is told.
pub(super) fn question(
    request: &RequestHead,
    facts: &Facts,
    body: Option<&[u8]>,
    context: &[(String, String)],
) -> CheckRequest {
    let source = Peer { principal: principal(facts), ..peer(facts.client) };
    // To which of the gateway's doors it came.
    let destination = Peer { service: facts.listener.to_string(), ..Peer::default() };
    let since = facts.received.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    };
    let mut http = HttpRequest {
        id: facts.request_id.as_str().to_owned(),
        method: request.method.as_str().to_owned(),
        headers: headers(request),
        path: request.target.as_str().to_owned(),
        host: request.authority.as_str().to_owned(),
        scheme: facts.scheme.as_str().to_owned(),
        size: body.map_or(-1, |body| i64::try_from(body.len()).unwrap_or(i64::MAX)),
        protocol: protocol(request.version).to_owned(),
        ..HttpRequest::default()
    };
    match body.map(std::str::from_utf8) {
        None => {}
        Some(Ok(text)) => text.clone_into(&mut http.body),
        Some(Err(_)) => http.raw_body = body.unwrap_or_default().to_vec(),
    }
    let request = Request { time: Some(time), http: Some(http) };
    let attributes = AttributeContext {
        source: Some(source),
        destination: Some(destination),
        request: Some(request),
        context_extensions: context.iter().cloned().collect(),
    };
    CheckRequest { attributes: Some(attributes) }
}

fn peer(address: IpAddr) -> Peer {
    let socket_address = Some(SocketAddress { address: address.to_string() });
    Peer { address: Some(Address { socket_address }), ..Peer::default() }
}

/// Who the client's certificate says that it is: a URI before another name before its subject.
fn principal(facts: &Facts) -> String {
    let Some(shown) = &facts.certificate else { return String::new() };
    let uri = shown.names.iter().find(|name| name.contains("://"));
    uri.or_else(|| shown.names.first()).unwrap_or(&shown.subject).clone()
}

/// The fields by their names in lower case; several of one name are one list (RFC 9110 section 5.3).
fn headers(request: &RequestHead) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in &request.fields {
        if asking::is_of_connection(name) {
            continue;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        // Cookies in several lines are one list of another kind (RFC 9113 section 8.2.3).
        let between = if name == "cookie" { "; " } else { "," };
        let value = String::from_utf8_lossy(value);
        headers
            .entry(name)
            .and_modify(|before| {
                before.push_str(between);
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::H2 => "HTTP/2",
        Version::H3 => "HTTP/3",
    }
}
