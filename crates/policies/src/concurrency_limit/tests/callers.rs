//! Places that each caller has: in the memory of the process, in a store, and while that is away.

use std::sync::atomic::Ordering::Relaxed;

use maitred_config::read_text;
use maitred_policy::Phase;
use maitred_store::{MemorySettings, MemoryStore};

use super::*;
use crate::api_key::ApiKey;
use crate::limiting::testing::FarStore;

const TWO_EACH: &str = "{ limit: 2, by: header.X-Tenant }";

fn of<'h>(harness: &'h Harness, tenant: &str) -> Begun<'h> {
    harness.request("GET /", &[("X-Tenant", tenant)]).begin()
}

fn is_too_many(mut begun: Begun<'_>) {
    let outcome = begun.ended().expect("it is refused at once");
    assert_eq!((outcome.response.status, outcome.cause()), (429, Some("concurrency_limit")));
    assert_eq!(outcome.fault().unwrap().detail(), "Too many requests at once");
    assert_eq!(outcome.field("Retry-After").as_deref(), Some("1"));
    assert!(outcome.sent.is_none());
}

fn far(yaml: &str) -> (Arc<FarStore>, Harness) {
    let store = FarStore::new();
    let harness = Harness::with_store::<ConcurrencyLimit>(Arc::clone(&store) as _, yaml);
    (store, harness)
}

#[test]
fn each_caller_has_so_many_and_does_not_disturb_others() {
    let harness = limited(TWO_EACH);
    let (mut one, mut two) = (of(&harness, "a"), of(&harness, "a"));
    assert!(one.is_at_service() && two.is_at_service());
    is_too_many(of(&harness, "a"));
    let (mut other, mut another) = (of(&harness, "b"), of(&harness, "b"));
    assert!(other.is_at_service() && another.is_at_service());
    is_too_many(of(&harness, "b"));
    assert_eq!(measured(&harness, "_refused_total", Some("caller")), 2);
    assert_eq!(measured(&harness, "_refused_total", Some("full")), 0);
    assert_eq!((measured(&harness, "_in_flight", None), measured(&harness, "_slots", None)), (4, 2));
    assert_eq!(one.finish(200).response.status, 200);
    is_too_many(of(&harness, "b"));
    let mut three = of(&harness, "a");
    assert!(three.is_at_service());
    is_too_many(of(&harness, "a"));
    // One whose client goes gives its place back as well.
    drop(three);
    assert!(of(&harness, "a").is_at_service());
}

#[test]
fn who_leaves_the_value_out_is_told_apart_by_the_address() {
    let harness = limited("{ limit: 1, by: header.X-Tenant }");
    let mut nameless = begin(&harness, "/");
    assert!(nameless.is_at_service());
    is_too_many(begin(&harness, "/"));
    assert!(of(&harness, "192.0.2.7").is_at_service(), "a name is not an address");
}

#[test]
fn the_network_and_the_route_count_where_it_is_written() {
    let on =
        |yaml: &str, address: &str| limited(yaml).client(address).request("GET /", &[]).explain().remove(0);
    let told = on("{ limit: 3, by: client.ip, ipv6_prefix: 56, scope: route }", "2001:db8:1:2ff::1");
    assert_eq!(
        told,
        "lets it through with up to 3 at once for `route:orders,ip:2001:db8:1:200::/56`, and refuses it beyond"
    );
    let (_store, harness) = far("{ limit: 3, by: client.ip, store: default }");
    let told = harness.request("GET /", &[]).explain().remove(0);
    assert_eq!(
        told,
        "lets it through with up to 3 at once for `ip:192.0.2.7` on all replicas together, and refuses it beyond"
    );
}

#[test]
fn long_requests_keep_their_places_in_memory() {
    let harness = limited("{ limit: 1, by: header.X-Tenant }");
    let mut long = of(&harness, "a");
    assert!(long.is_at_service());
    for _ in 0..30 {
        harness.advance(Duration::from_secs(2));
        is_too_many(of(&harness, "a"));
        of(&harness, "b").finish(200);
    }
    long.finish(200);
    assert!(of(&harness, "a").is_at_service());
}

#[test]
fn replicas_that_share_a_store_count_callers_together() {
    let (_store, one) = far("{ limit: 2, by: header.X-Tenant, store: default }");
    let other = one.replica::<ConcurrencyLimit>("{ limit: 2, by: header.X-Tenant, store: default }");
    let (mut first, mut second) = (of(&one, "a"), of(&other, "a"));
    assert!(first.is_at_service() && second.is_at_service());
    is_too_many(of(&one, "a"));
    is_too_many(of(&other, "a"));
    assert!(of(&one, "b").is_at_service());
    first.finish(200);
    assert!(of(&other, "a").is_at_service());
}

#[test]
fn while_the_store_is_away_each_caller_has_places_in_memory() {
    let (store, harness) = far("{ limit: 2, by: header.X-Tenant, store: default }");
    store.is_away.store(true, Relaxed);
    let mut held: Vec<_> = ["a", "a", "b", "b", "c"].map(|tenant| of(&harness, tenant)).into();
    assert!(held.iter_mut().all(Begun::is_at_service), "they are more than two together");
    is_too_many(of(&harness, "a"));
    is_too_many(of(&harness, "b"));
    // Those in memory are kept for as long as those in the store, which is back meanwhile.
    store.is_away.store(false, Relaxed);
    let mut long = of(&harness, "a");
    assert!(long.is_at_service());
    for _ in 0..10 {
        harness.advance(Duration::from_secs(2));
    }
    store.is_away.store(true, Relaxed);
    is_too_many(of(&harness, "a"));
    drop(held);
    assert!(of(&harness, "a").is_at_service());
}

#[test]
fn or_nobody_goes_on() {
    let (store, harness) = far("{ limit: 2, by: header.X-Tenant, store: default, on_store_failure: deny }");
    store.is_away.store(true, Relaxed);
    let refused = of(&harness, "a").finish(200);
    assert_eq!((refused.response.status, refused.cause()), (503, Some("store_unavailable")));
    assert_eq!(measured(&harness, "_in_flight", None), 0);
    store.is_away.store(false, Relaxed);
    assert!(of(&harness, "a").is_at_service());
}

#[test]
fn a_request_waits_once_for_a_store_that_hangs() {
    let (store, harness) = far("{ limit: 9, store: default }");
    let harness = harness.and::<ConcurrencyLimit>("{ limit: 2, by: header.X-Tenant, store: default }");
    store.is_late.store(true, Relaxed);
    assert!(of(&harness, "a").is_at_service());
    assert_eq!(store.asked.load(Relaxed), 1);
}

#[test]
fn a_store_without_room_for_another_caller_gives_way_to_memory() {
    // A sixteenth of it is for slots: three callers.
    let small = Arc::new(MemoryStore::new(MemorySettings { size: 16 << 10, path: None }));
    let yaml = "{ limit: 1, by: header.X-Tenant, store: default }";
    let harness = Harness::with_store::<ConcurrencyLimit>(small, yaml);
    let mut held: Vec<_> = (0..20).map(|tenant| of(&harness, &tenant.to_string())).collect();
    assert!(held.iter_mut().all(Begun::is_at_service));
    for tenant in 0..20 {
        is_too_many(of(&harness, &tenant.to_string()));
    }
    let strict = harness.replica::<ConcurrencyLimit>(
        "{ limit: 1, by: header.X-Tenant, store: default, on_store_failure: deny }",
    );
    let refused = of(&strict, "another").finish(200);
    assert_eq!((refused.response.status, refused.cause()), (503, Some("store_unavailable")));
}

#[test]
fn a_reload_turns_places_of_all_into_places_of_each_and_back() {
    let before = limited("{ limit: 1, queue: 1 }");
    let one = begin(&before, "/1");
    let mut waiting = begin(&before, "/2");
    let each = before.reloaded::<ConcurrencyLimit>(TWO_EACH);
    let (mut a, mut b) = (of(&each, "a"), of(&each, "b"));
    assert!(a.is_at_service() && b.is_at_service() && waiting.is_at_service());
    let after = each.reloaded::<ConcurrencyLimit>("1");
    is_shed(begin(&after, "/3").ended().unwrap());
    for begun in [one, waiting, a, b] {
        begun.finish(200);
    }
    assert!(begin(&after, "/4").is_at_service());
}

#[test]
fn consumers_have_places_once_they_are_known() {
    for (yaml, phase) in [
        ("5", Phase::Admit),
        ("{ limit: 5, by: false }", Phase::Admit),
        ("{ limit: 5, by: client.ip }", Phase::Screen),
        ("{ limit: 5, by: [route, header.X-A] }", Phase::Screen),
        ("{ limit: 5, by: caller }", Phase::Admit),
        ("{ limit: 5, by: [client.ip, claim.org_id] }", Phase::Admit),
        ("{ limit: 5, by: '{consumer.name}' }", Phase::Admit),
    ] {
        assert_eq!(ConcurrencyLimit::phase(&read_text(yaml).unwrap()), phase, "{yaml}");
    }
    // By SHA-256: of `test`, and of `password`.
    let consumers = "{ acme: { api_keys: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08' }, \
                     globex: { api_keys: 'sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8' } }";
    let harness =
        Harness::knowing::<ConcurrencyLimit>(consumers, "{ limit: 1, by: caller }").and::<ApiKey>("true");
    let with = |key: &str| harness.request("GET /", &[("X-API-Key", key)]).begin();
    let (mut acme, mut globex) = (with("test"), with("password"));
    assert!(acme.is_at_service() && globex.is_at_service(), "from one address");
    is_too_many(with("test"));
    is_too_many(with("password"));
}

#[test]
fn what_callers_cannot_have_is_a_mistake() {
    for (yaml, told) in [
        ("{ limit: adaptive, by: client.ip }", "found out for all callers together"),
        ("{ limit: 5, by: client.ip, queue: 5 }", "nobody can wait for a place of a caller's"),
        ("{ limit: 5, by: client.ip, priority: { high: 'true' } }", "`priority` sorts nothing"),
        ("{ limit: 5, by: client.ip, on_store_failure: deny }", "there is no `store` that could be away"),
        ("{ limit: 5, by: client.ip, store: defualt }", "there is no store `defualt`"),
        ("{ limit: 5, by: client.ip, ipv6_prefix: 129 }", "an IPv6 address has 128 bits"),
        ("{ limit: 5, by: request.id }", "`request.id` is another for each request"),
        ("{ limit: 5, by: response.status }", "is not known before there is a response"),
        ("{ limit: 5, scope: route }", "`scope` is for limits of each caller"),
        ("{ limit: 5, by: false, ipv6_prefix: 56 }", "`ipv6_prefix` is for limits of each caller"),
    ] {
        let problems = problems_of::<ConcurrencyLimit>(yaml);
        assert!(problems.contains(told), "{yaml}: {problems}");
    }
}
