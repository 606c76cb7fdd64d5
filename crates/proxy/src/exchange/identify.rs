//! Who sent a request: the peer, or the client that a trusted proxy names. What anybody else says of it is not believed.
//! The same knowledge is told to services, in `X-Forwarded-*` and `Forwarded`.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use maitred_http::{Fields, Known, RequestHead, Scheme, list_items};
use maitred_policy::{Facts, PathParams, Reached, RequestId, TableRef};
use maitred_wire::h1::RequestFraming;

use crate::clock::unix_micros;
use crate::connection::Connection;
use crate::error_format::grpc_type;
use crate::listener::ListenerSettings;
use crate::local::{Heads, LocalSnapshot};
use crate::worker::Worker;

/// What is known of a request when its head was read. The route is the built-in one until another is chosen.
pub(crate) fn facts(
    worker: &Worker,
    snapshot: &LocalSnapshot,
    settings: &ListenerSettings,
    connection: &Connection,
    (Heads { request, .. }, announced): (&mut Heads, &RequestFraming),
    at: Instant,
) -> Facts {
    let peer = connection.peer;
    let received = worker.wall(at);
    let trusted = !settings.trusted.is_empty() && settings.trusts(peer);
    let (client, scheme) =
        if trusted { told_by_proxies(settings, peer, request) } else { (peer, settings.scheme) };
    Facts {
        client,
        peer,
        peer_is_trusted: trusted,
        scheme,
        listener: Rc::clone(&connection.admitted.listener),
        certificate: connection.arrival.as_ref().and_then(|arrival| arrival.certificate.clone()),
        consumer: None,
        claims: None,
        token: None,
        decided_by: None,
        is_decided_unseen: false,
        speaks_grpc: grpc_type(request).is_some(),
        request_id: RequestId::new(unix_micros(received) / 1000, worker.random()),
        received,
        route: TableRef::new(&snapshot.route_facts, snapshot.shared.unmatched()),
        asked: None,
        params: PathParams::default(),
        upstream: None,
        sent_at: None,
        reached: Reached::Nothing,
        is_once: false,
        body_limit: None,
        has_body: !announced.length.is_empty(),
        stores: None,
        is_refresh: false,
    }
}

/// The client and its scheme as trusted proxies tell them. Addresses are read from the last to the first; the first one
/// that is not a trusted proxy is the client, because everything before it may be made up.
fn told_by_proxies(listener: &ListenerSettings, peer: IpAddr, request: &RequestHead) -> (IpAddr, Scheme) {
    let fields = &request.fields;
    let scheme = match fields.known(Known::XForwardedProto) {
        Some(proto) if proto.eq_ignore_ascii_case(b"https") => Scheme::Https,
        Some(proto) if proto.eq_ignore_ascii_case(b"http") => Scheme::Http,
        _ => listener.scheme,
    };
    let mut client = peer;
    let name = if fields.has(Known::XForwardedFor) { Known::XForwardedFor } else { Known::Forwarded };
    let values: Vec<&[u8]> = fields.all_known(name).flat_map(list_items).collect();
    for value in values.into_iter().rev() {
        let address =
            if name == Known::Forwarded { forwarded_for(value) } else { std::str::from_utf8(value).ok() };
        let Some(address) = address.and_then(parse_address) else { break };
        client = address;
        if !listener.trusts(address) {
            break;
        }
    }
    (client, scheme)
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239 section 4).
fn forwarded_for(element: &[u8]) -> Option<&str> {
    let element = std::str::from_utf8(element).ok()?;
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

/// An address, perhaps with a port, perhaps in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with| with.ip()))?;
    Some(address.to_canonical())
}

/// Removes what only trusted proxies may say of a client.
pub(crate) fn remove_claims(request: &mut RequestHead) {
    for name in [
        Known::XForwardedFor,
        Known::XForwardedHost,
        Known::XForwardedProto,
        Known::Forwarded,
        Known::XRealIp,
    ] {
        request.fields.remove_known(name);
    }
    request
        .fields
        .remove_where(|name| name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-")));
}

/// Tells the service who the client is. What trusted proxies said is kept and added to.
pub(crate) fn tell(request: &mut RequestHead, facts: &Facts) {
    if !facts.peer_is_trusted {
        remove_claims(request);
    }
    let fields = &mut request.fields;
    let peer = AddressText::of(facts.peer);
    let client = if facts.client == facts.peer { peer } else { AddressText::of(facts.client) };
    add_hop(fields, Known::XForwardedFor, |out| out.extend_from_slice(peer.as_bytes()));
    fields.remove_known(Known::XRealIp);
    fields.append_known(Known::XRealIp, client.as_bytes());
    if !fields.has(Known::XForwardedProto) {
        fields.append_known(Known::XForwardedProto, facts.scheme.as_str().as_bytes());
    }
    let host = request.authority.as_str();
    if !fields.has(Known::XForwardedHost) && !host.is_empty() {
        fields.append_known(Known::XForwardedHost, host.as_bytes());
    }
    add_hop(fields, Known::Forwarded, |out| push_forwarded(out, facts, peer, host));
}

/// Adds one element behind those that are there.
fn add_hop(fields: &mut Fields, name: Known, element: impl FnOnce(&mut Vec<u8>)) {
    if fields.has(name) {
        // Several lines are one list (RFC 9110 section 5.3).
        let before = fields.all_known(name).collect::<Vec<_>>().join(&b", "[..]);
        fields.remove_known(name);
        fields.append_known_with(name, |out| {
            out.extend_from_slice(&before);
            out.extend_from_slice(b", ");
            element(out);
        });
    } else {
        fields.append_known_with(name, element);
    }
}

/// This hop as an element of `Forwarded` (RFC 7239): an IPv6 address stands in brackets and quotes.
fn push_forwarded(out: &mut Vec<u8>, facts: &Facts, peer: AddressText, host: &str) {
    out.extend_from_slice(b"for=");
    if facts.peer.is_ipv6() {
        out.extend_from_slice(b"\"[");
        out.extend_from_slice(peer.as_bytes());
        out.extend_from_slice(b"]\"");
    } else {
        out.extend_from_slice(peer.as_bytes());
    }
    if !host.is_empty() {
        out.extend_from_slice(b";host=\"");
        out.extend_from_slice(host.as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(facts.scheme.as_str().as_bytes());
}

/// An address as text: written once, and told in several fields.
#[derive(Clone, Copy)]
struct AddressText {
    /// As long as the longest IPv6 address, with an IPv4 address at its end.
    text: [u8; 45],
    len: usize,
}

impl AddressText {
    /// IPv4 is written by hand, since the general way costs as much as parsing a head.
    fn of(address: IpAddr) -> Self {
        let mut written = Self { text: [0; 45], len: 0 };
        match address {
            IpAddr::V4(v4) => {
                for (i, octet) in v4.octets().into_iter().enumerate() {
                    if i > 0 {
                        written.push(b".");
                    }
                    written.push(itoa::Buffer::new().format(octet).as_bytes());
                }
            }
            IpAddr::V6(v6) => written.push(v6.to_string().as_bytes()),
        }
        written
    }

    fn push(&mut self, bytes: &[u8]) {
        self.text[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_in_every_usual_form() {
        for (text, address) in [
            ("10.0.0.1", Some("10.0.0.1")),
            ("10.0.0.1:80", Some("10.0.0.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("::ffff:10.0.0.1", Some("10.0.0.1")),
            ("unknown", None),
            ("_hidden", None),
        ] {
            assert_eq!(parse_address(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
        for text in ["0.0.0.0", "10.200.3.255", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert_eq!(AddressText::of(text.parse().unwrap()).as_bytes(), text.as_bytes());
        }
        assert_eq!(forwarded_for(b"proto=http; For=\"[2001:db8::1]:80\""), Some("[2001:db8::1]:80"));
    }
}
