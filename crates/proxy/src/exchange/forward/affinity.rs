//! What the next endpoint is chosen by, of what the request says; and the cookie that leads a client back to it.
//! The rules are those of crate upstream.

use std::rc::Rc;
use std::time::Instant;

use maitred_http::{Known, RequestHead, Scheme, cookies};
use maitred_policy::values::View;
use maitred_upstream::{Choice, LocalCluster, LocalEndpoint, StickyValue, hash_key};

use crate::cookie::SetCookie;
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

/// The cookie that leads the client back to the endpoint that answered, unless it has shown it.
pub(super) fn cookie(
    exchange: &Exchange<'_>,
    cluster: &LocalCluster,
    endpoint: &Rc<LocalEndpoint>,
    shown: Option<StickyValue>,
) -> Option<Vec<u8>> {
    let sticky = cluster.cluster().settings().balance.sticky()?;
    // One that has left meanwhile has none.
    let value = cluster.cookie_of(endpoint).filter(|value| shown != Some(*value))?;
    let cookie = SetCookie {
        name: &sticky.cookie,
        value: value.as_bytes(),
        max_age: sticky.max_age,
        is_secure: exchange.facts.scheme == Scheme::Https,
    };
    let mut field = Vec::new();
    cookie.write(&mut field);
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cookie_of_the_name_that_can_be_ours_counts() {
        let mut request = RequestHead::default();
        request.fields.append_known(Known::Cookie, b"a=1; srv=short; Srv=ABCDEFGHIJKLMNOPQRSTUV");
        assert_eq!(shown(&request, "srv"), None);
        request.fields.append_known(Known::Cookie, b"srv=abcdefghijklmnopqrstuv");
        assert_eq!(shown(&request, "srv"), StickyValue::parse(b"abcdefghijklmnopqrstuv"));
    }
}
