//! What the gateway says in a request to a service, and in its answer to a client, beside what both sent.
//! Policies add their own before and after.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maitred_http::{FieldName, Known, RequestHead, ResponseHead, Scheme, Version, list_items};
use maitred_policy::{Facts, Fault};
use maitred_upstream::{HostHeader, LocalCluster, LocalEndpoint};

use crate::exchange::{Exchange, identify};

/// Makes a client's request one of the gateway's. Fields of the connection are left out when it is written.
pub(super) fn prepare(request: &mut RequestHead, facts: &Facts) {
    identify::tell(request, facts);
    // How the gateway names itself to services, and in which version the request came to it (RFC 9110 section 7.6.3).
    let via: &[u8] = match request.version {
        Version::Http10 => b"1.0 maitred",
        Version::Http11 => b"1.1 maitred",
        Version::H2 => b"2 maitred",
        Version::H3 => b"3 maitred",
    };
    request.fields.append_known(Known::Via, via);
}

/// Puts the `Host` of this endpoint into the request, where it is not to be the client's.
pub(super) fn set_host(request: &mut RequestHead, cluster: &LocalCluster, endpoint: &LocalEndpoint) {
    let fields = &mut request.fields;
    match &cluster.cluster().settings().host {
        HostHeader::Client if fields.has(Known::Host) => {}
        HostHeader::Client | HostHeader::Endpoint => {
            fields.set_known(Known::Host, endpoint.endpoint.authority.as_bytes());
        }
        HostHeader::Fixed(host) => fields.set_known(Known::Host, host.as_bytes()),
    }
}

/// The protocol that a client asks to change to, if the route lists it: any other would open a tunnel past every policy.
pub(super) fn upgrade(
    exchange: &Exchange<'_>,
    listed: &[Box<str>],
    request: &mut RequestHead,
) -> Result<Option<Vec<u8>>, Fault> {
    if !exchange.is_upgrade(request.method) {
        return Ok(None);
    }
    let is_listed =
        |protocol: &&[u8]| listed.iter().any(|token| token.as_bytes().eq_ignore_ascii_case(protocol));
    let wanted = request.fields.all_known(Known::Upgrade).flat_map(list_items).find(is_listed);
    let Some(protocol) = wanted.map(<[u8]>::to_vec) else {
        // A server may ignore an upgrade that it does not want (RFC 9110 section 7.8).
        return Ok(None);
    };
    if !protocol.eq_ignore_ascii_case(b"websocket") {
        return Ok(Some(protocol));
    }
    let version = FieldName::parse("Sec-WebSocket-Version").map_err(|_| Fault::gateway("field_name"))?;
    if request.fields.first(&version).is_some_and(|version| version != b"13") {
        // RFC 6455 section 4.4: tell the versions that are spoken.
        return Err(Fault::client(426, "websocket_version", "Upgrade required")
            .field(b"Sec-WebSocket-Version", b"13")
            .field(b"Upgrade", b"websocket"));
    }
    let key = FieldName::parse("Sec-WebSocket-Key").map_err(|_| Fault::gateway("field_name"))?;
    if !request.fields.contains(&key) {
        // A stream of HTTP/2 needs none (RFC 8441 section 5); a connection of HTTP/1.1 does (RFC 6455 section 4.1).
        let nonce: [u8; 16] = exchange.worker.random();
        request.fields.append(&key, BASE64_STANDARD.encode(nonce).as_bytes());
    }
    Ok(Some(protocol))
}

/// Makes a service's answer one of the gateway's: its `Via` is not the client's business, and a redirect to the
/// endpoint becomes one to where the client came.
pub(super) fn render(
    response: &mut ResponseHead,
    request: &RequestHead,
    facts: &Facts,
    endpoint: &LocalEndpoint,
) {
    response.fields.remove_known(Known::Via);
    let Some(location) = response.fields.known(Known::Location) else { return };
    if let Some(turned) =
        turn_location(location, &endpoint.endpoint.authority, facts.scheme, &request.authority)
    {
        response.fields.set_known(Known::Location, &turned);
    }
}

/// The client's address in place of the endpoint's, where a location begins with that.
fn turn_location(
    location: &[u8],
    endpoint: &str,
    scheme: Scheme,
    client: &maitred_http::Authority,
) -> Option<Vec<u8>> {
    let rest = [&b"http://"[..], b"https://"].iter().find_map(|scheme| {
        (location.len() > scheme.len() && location[..scheme.len()].eq_ignore_ascii_case(scheme))
            .then(|| &location[scheme.len()..])
    })?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let named = rest[..end].strip_suffix(b":80").unwrap_or(&rest[..end]);
    if client.is_empty() || !named.eq_ignore_ascii_case(endpoint.as_bytes()) {
        return None;
    }
    let mut turned = format!("{}://{}", scheme.as_str(), client.as_str()).into_bytes();
    turned.extend_from_slice(&rest[end..]);
    Some(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_redirects_to_the_endpoint_and_no_others() {
        let mut client = maitred_http::Authority::default();
        client.parse(b"api.example.com").unwrap();
        let turn = |location: &str, endpoint: &str| {
            turn_location(location.as_bytes(), endpoint, Scheme::Https, &client)
                .map(|turned| String::from_utf8(turned).unwrap())
        };
        assert_eq!(turn("http://users:8080/a?b", "users:8080").unwrap(), "https://api.example.com/a?b");
        assert_eq!(turn("HTTP://Users:80/a", "users").unwrap(), "https://api.example.com/a");
        assert_eq!(turn("http://users:8080", "users:8080").unwrap(), "https://api.example.com");
        assert_eq!(turn("http://users:8081/a", "users:8080"), None);
        assert_eq!(turn("/a", "users:8080"), None);
        assert_eq!(turn("http://users:8080.evil.example/", "users:8080"), None);
    }
}
