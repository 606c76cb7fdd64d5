//! A store on another machine: two gateways that share it, and what is done while it is away.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::limiting::testing::FarStore;

fn far(yaml: &str) -> (Arc<FarStore>, Harness) {
    let store = FarStore::new();
    let harness = Harness::with_store::<RateLimitPolicy>(Arc::clone(&store) as _, yaml);
    (store, harness)
}

fn statuses(harness: &Harness, times: usize) -> Vec<u16> {
    (0..times).map(|_| get(harness).response.status).collect()
}

#[test]
fn replicas_count_together() {
    let (_, one) = far("3/h");
    let other = one.replica::<RateLimitPolicy>("3/h");
    assert_eq!((told(&get(&one)).1, told(&get(&other)).1, told(&get(&one)).1), (2, 1, 0));
    assert_eq!(get(&other).response.status, 429);
}

#[test]
fn while_the_store_is_away_the_process_counts_for_itself() {
    let (store, harness) = far("2/h");
    assert_eq!(statuses(&harness, 3), [200, 200, 429]);
    store.is_away.store(true, Relaxed);
    assert_eq!(told(&get(&harness)).1, 1, "by a count of its own");
    assert_eq!(statuses(&harness, 2), [200, 429]);
    store.is_away.store(false, Relaxed);
    assert_eq!(get(&harness).response.status, 429, "as before");
    assert_eq!(measured(&harness, "maitred_rate_limit_store_failures_total", None), 3);
}

#[test]
fn or_all_pass_or_none() {
    let (store, harness) = far("{ limit: 1/h, on_store_failure: allow }");
    store.is_away.store(true, Relaxed);
    assert_eq!(statuses(&harness, 3), [200, 200, 200]);
    assert_eq!(get(&harness).field("X-RateLimit-Limit"), None);
    let (store, harness) = far("{ limit: 9/h, on_store_failure: deny }");
    store.is_away.store(true, Relaxed);
    let refused = get(&harness);
    assert_eq!((refused.response.status, refused.cause()), (503, Some("limit_store")));
    assert_eq!(refused.field("Retry-After").as_deref(), Some("1"));
    store.is_away.store(false, Relaxed);
    assert_eq!(get(&harness).response.status, 200);
}

#[test]
fn a_request_waits_once_for_a_store_that_hangs() {
    let store = FarStore::new();
    let first = Harness::with_store::<RateLimitPolicy>(Arc::clone(&store) as _, "5/h");
    let all = first.and::<RateLimitPolicy>("{ limit: 6/h, by: false, lease: 3 }").and::<QuotaPolicy>("7/d");
    let all = all.and::<crate::idempotency::Idempotency>("{ on_store_failure: allow }");
    store.is_late.store(true, Relaxed);
    let ask = || all.request("POST /", &[("Idempotency-Key", "k")]).answer(200, &[]);
    assert_eq!((ask().response.status, store.asked.load(Relaxed)), (200, 1));
    assert_eq!((ask().response.status, store.asked.load(Relaxed)), (200, 2), "each request asks anew");
    store.is_late.store(false, Relaxed);
    store.is_away.store(true, Relaxed);
    ask();
    assert_eq!(store.asked.load(Relaxed), 2 + 4, "what says at once that it is away costs nobody time");
}

#[test]
fn what_answers_say_is_taken_beside_the_request() {
    let (_, harness) = far("{ limit: 10/h, cost: { response: header.X-Cost } }");
    harness.request("GET /", &[]).answer(200, &[("X-Cost", "6")]);
    assert_eq!(told(&get(&harness)).1, 3);
}

#[test]
fn leaky_buckets_delay_here_too() {
    let (_, harness) = far("{ limit: 10/s, burst: 2, algorithm: leaky_bucket }");
    get(&harness);
    let mut second = harness.request("GET /2", &[]).begin();
    assert!(!second.is_at_service());
    harness.advance(Duration::from_millis(100));
    assert!(second.is_at_service());
}
