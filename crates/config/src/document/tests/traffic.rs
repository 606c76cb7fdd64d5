//! What `split`, `mirror` and `degrade` come to, in their short and long forms.

use std::time::{Duration, SystemTime};

use super::document;
use crate::document::{Ramp, Route, UpstreamRef, Weight};
use crate::read::ByteSize;
use crate::scalar::Percent;

fn route(keys: &str) -> Route {
    let text = format!(
        "maitred: 1\nupstreams: {{ a: http://a, b: http://b, c: http://c }}\nroutes:\n  all: {{ {keys} }}\n  rest: {{ match: /rest, split: {{ variants: {{ A: a, B: b, C: c }} }} }}\n"
    );
    document(&text).routes.get("all").expect("the route").clone()
}

fn name(upstream: &UpstreamRef) -> &str {
    match upstream {
        UpstreamRef::Name(name) => name,
        UpstreamRef::Url(_) => "a URL",
    }
}

#[test]
fn a_split_is_read() {
    let route = route(
        "split: { by: header.X-User-ID, sticky: ab, override: query.variant, experiment: e1, variants: { A: { weight: 9, upstream: a }, B: http://b, \
         C: { upstream: c, weight: { from: 1%, over: 1h, starting: 2026-12-01T09:00:00Z } }, D: false } }",
    );
    let split = route.split.as_ref().expect("a split");
    assert_eq!(split.by.as_ref().map(|by| by.to_string()).as_deref(), Some("header.X-User-ID"));
    assert_eq!(split.r#override.as_ref().map(|by| by.to_string()).as_deref(), Some("query.variant"));
    assert_eq!(split.experiment.as_deref(), Some("e1"));
    let sticky = split.sticky.as_ref().expect("a cookie");
    assert_eq!((sticky.cookie.0.as_str(), sticky.max_age), ("ab", Duration::from_hours(30 * 24)));
    let weights: Vec<_> = split.variants.iter().map(|variant| &variant.value.weight).collect();
    let percent = |millionths| Percent { millionths };
    let (over, starting) = (Duration::from_hours(1), SystemTime::UNIX_EPOCH + Duration::from_hours(498_921));
    let ramp = Ramp { from: percent(10_000), to: percent(1_000_000), over, starting: Some(starting) };
    assert_eq!(weights, [&Weight::Share(9), &Weight::Share(1), &Weight::Ramp(ramp)]);
    assert_eq!(route.upstreams().map(name).collect::<Vec<_>>(), ["a", "a URL", "c"]);
}

#[test]
fn a_mirror_and_what_stands_in_are_read() {
    let all = route(
        "upstream: a, mirror: { upstream: b, sample: 5%, buffer: 1MiB }, degrade: [{ cache: true }, { upstream: c }, { respond: later }]",
    );
    let mirror = all.mirror.as_ref().expect("a mirror");
    assert_eq!((mirror.sample.millionths, mirror.buffer), (50_000, ByteSize(1 << 20)));
    assert_eq!(all.upstreams().map(name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(all.degrade[0].cache.as_ref().map(|cache| cache.ttl), Some(Duration::from_hours(1)));
    let respond = all.degrade[2].respond.as_ref().expect("an answer");
    assert_eq!((respond.status.0, respond.methods.len()), (200, 0));
    let short = route("upstream: a, mirror: b, degrade: { cache: 5m }");
    let mirror = short.mirror.as_ref().expect("a mirror");
    assert_eq!((mirror.sample.millionths, mirror.buffer), (1_000_000, ByteSize(64 << 10)));
    assert_eq!(short.degrade[0].cache.as_ref().map(|cache| cache.ttl), Some(Duration::from_mins(5)));
    let none = route("upstream: a, mirror: false, degrade: false");
    assert!(none.mirror.is_none() && none.degrade.is_empty());
}
