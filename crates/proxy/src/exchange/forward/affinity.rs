//! What the next endpoint is chosen by, of what the request says; and the cookie that leads a client back to it.
//! The rules are those of crate upstream.

use std::rc::Rc;
use std::time::Instant;

use maitred_http::{Known, RequestHead, ResponseHead, Scheme, cookies};
use maitred_policy::values::View;
use maitred_upstream::{Choice, LocalCluster, LocalEndpoint, StickySettings, StickyValue, hash_key};

use crate::exchange::Exchange;
use crate::worker::Worker;

/// What the endpoint of this upstream is chosen by for a request, at `now`.
pub(super) fn choice<'w>(
    exchange: &Exchange<'w>,
    upstream: usize,
    cluster: &LocalCluster,
    request: &RequestHead,
    now: Instant,
) -> Choice<'w> {
    let worker: &'w Worker = exchange.worker;
    let mut choice = Choice { now, key: None, cookie: None, random: worker.chance() };
    let balance = &cluster.cluster().settings().balance;
    if balance.goes_by_key() {
        choice.key = key(exchange, upstream, request);
    } else if let Some(sticky) = balance.sticky() {
        choice.cookie = shown(request, &sticky.cookie);
    }
    choice
}

/// The hash of the value that the upstream goes by; none where the request does not have it.
fn key(exchange: &Exchange<'_>, upstream: usize, request: &RequestHead) -> Option<u64> {
    let value = exchange.snapshot.shared.upstreams[upstream].key.as_ref()?;
    let mut text = Vec::new();
    value.write(&View::of_request(request, &exchange.facts), &mut text).then(|| hash_key(&text))
}

/// What the client's cookie of this name says, if it can be one of ours.
fn shown(request: &RequestHead, name: &str) -> Option<StickyValue> {
    let all = request.fields.all_known(Known::Cookie).flat_map(cookies);
    let mut named = all.filter(|(candidate, _)| *candidate == name.as_bytes());
    named.find_map(|(_, value)| StickyValue::parse(value))
}

/// Gives the client the cookie of the endpoint that answered, unless it has shown it.
pub(super) fn stick(
    exchange: &Exchange<'_>,
    cluster: &LocalCluster,
    endpoint: &Rc<LocalEndpoint>,
    shown: Option<StickyValue>,
    response: &mut ResponseHead,
) {
    let Some(sticky) = cluster.cluster().settings().balance.sticky() else { return };
    // One that has left meanwhile has none.
    let Some(value) = cluster.cookie_of(endpoint).filter(|value| shown != Some(*value)) else { return };
    let is_secure = exchange.facts.scheme == Scheme::Https;
    response.fields.append_known_with(Known::SetCookie, |out| write_cookie(sticky, value, is_secure, out));
}

/// A cookie as RFC 6265 section 4.1 writes it. Scripts of pages have no use for it, nor have other sites.
fn write_cookie(sticky: &StickySettings, value: StickyValue, is_secure: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(sticky.cookie.as_bytes());
    out.push(b'=');
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"; Path=/");
    if let Some(max_age) = sticky.max_age {
        out.extend_from_slice(b"; Max-Age=");
        // Less than a second would be 0, which deletes it.
        out.extend_from_slice(itoa::Buffer::new().format(max_age.as_secs().max(1)).as_bytes());
    }
    out.extend_from_slice(b"; HttpOnly; SameSite=Lax");
    if is_secure {
        out.extend_from_slice(b"; Secure");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_cookie_has_its_attributes() {
        let value = StickyValue::parse(b"abcdefghijklmnopqrstuv").unwrap();
        let written = |max_age: Option<Duration>, is_secure: bool| {
            let mut out = Vec::new();
            let sticky = StickySettings { cookie: "srv".into(), max_age, secret: None };
            write_cookie(&sticky, value, is_secure, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(None, false), "srv=abcdefghijklmnopqrstuv; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(
            written(Some(Duration::from_millis(3_600_900)), true),
            "srv=abcdefghijklmnopqrstuv; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"
        );
        assert!(written(Some(Duration::from_millis(1)), false).contains("; Max-Age=1;"));
    }

    #[test]
    fn the_first_cookie_of_the_name_that_can_be_ours_counts() {
        let mut request = RequestHead::default();
        request.fields.append_known(Known::Cookie, b"a=1; srv=short; Srv=ABCDEFGHIJKLMNOPQRSTUV");
        assert_eq!(shown(&request, "srv"), None);
        request.fields.append_known(Known::Cookie, b"srv=abcdefghijklmnopqrstuv");
        assert_eq!(shown(&request, "srv"), StickyValue::parse(b"abcdefghijklmnopqrstuv"));
    }
}
