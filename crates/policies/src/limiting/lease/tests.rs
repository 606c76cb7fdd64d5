//! Several gateways that share a store, and lease from it: by a model, never more and never less than is promised.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use maitred_policy::harness::Harness;
use maitred_store::{Decision, Moment, Standing};
use proptest::prelude::*;

use super::Leases;
use crate::limiting::testing::FarStore;
use crate::rate_limit::RateLimitPolicy;

const LEASE: u64 = 5;

fn is_allowed(harness: &Harness) -> bool {
    harness.request("GET /", &[]).answer(200, &[]).response.status == 200
}

/// So many gateways, and one store.
fn replicas(count: usize, yaml: &str) -> (Arc<FarStore>, Vec<Harness>) {
    let store = FarStore::new();
    let first = Harness::with_store::<RateLimitPolicy>(Arc::clone(&store) as _, yaml);
    let mut gateways: Vec<_> = (1..count).map(|_| first.replica::<RateLimitPolicy>(yaml)).collect();
    gateways.push(first);
    (store, gateways)
}

#[test]
fn most_requests_ask_nobody() {
    let (store, gateways) = replicas(1, "{ limit: 100/h, lease: 20 }");
    let remaining = || {
        let outcome = gateways[0].request("GET /", &[]).answer(200, &[]);
        outcome.field("X-RateLimit-Remaining").unwrap().parse::<u64>().unwrap()
    };
    // The first asks for itself, the second for twenty.
    let told: Vec<u64> = (0..41).map(|_| remaining()).collect();
    assert_eq!(told, (59..100).rev().collect::<Vec<_>>());
    assert_eq!(store.takes.load(Relaxed), 3);
    assert_eq!((0..100).filter(|_| is_allowed(&gateways[0])).count(), 59);
}

#[test]
fn what_is_away_leases_nothing() {
    let (store, gateways) = replicas(1, "{ limit: 10/h, lease: 5 }");
    assert!(is_allowed(&gateways[0]) && is_allowed(&gateways[0]));
    store.is_away.store(true, Relaxed);
    // Four are held; then the process counts for itself.
    assert_eq!((0..30).filter(|_| is_allowed(&gateways[0])).count(), 4 + 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn never_more_and_never_less_than_is_promised(
        count in 1_usize..4,
        requests in prop::collection::vec((0_usize..4, 0_u64..60), 1..250),
    ) {
        let (_, gateways) = replicas(count, "{ limit: 20/s, burst: 10, lease: 5 }");
        let (_, exact) = replicas(1, "{ limit: 20/s, burst: 10 }");
        let held = LEASE * count as u64;
        let (mut now, mut allowed, mut permitted) = (0_u64, Vec::new(), 0_u64);
        for (which, pause) in requests {
            for harness in [&gateways[0], &exact[0]] {
                harness.advance(Duration::from_millis(pause));
            }
            now += pause;
            if is_allowed(&gateways[which % count]) {
                allowed.push(now);
            }
            permitted += u64::from(is_allowed(&exact[0]));
            prop_assert!(allowed.len() as u64 + held >= permitted, "{} of {permitted} at {now}", allowed.len());
        }
        for (first, from) in allowed.iter().enumerate() {
            for (last, to) in allowed.iter().enumerate().skip(first) {
                let most = 10 + 20 * (to - from) / 1000 + held;
                prop_assert!((last - first + 1) as u64 <= most, "{from} to {to}");
            }
        }
    }
}

#[test]
fn one_at_a_time_asks_for_a_lease() {
    const KEY: u128 = 1;
    let leases = Leases::default();
    let at = |micros: u64| Moment { steady: micros, wall: micros };
    let standing = |retry| Standing { remaining: 9, reset: Duration::from_secs(1), retry: Some(retry) };
    let decision = |is_allowed: bool, retry| Decision {
        is_allowed,
        delay: Duration::ZERO,
        standings: [standing(retry)].into_iter().collect(),
    };
    let granted = decision(true, Duration::ZERO);
    assert_eq!(leases.more(KEY, 1, 5, at(0)), 0, "the first takes none");
    leases.note(KEY, 0, 5, &granted, at(0));
    assert_eq!((leases.more(KEY, 1, 5, at(1)), leases.more(KEY, 1, 5, at(2))), (4, 0));
    leases.note(KEY, 4, 5, &granted, at(3));
    assert_eq!((0..9).filter(|_| leases.give(KEY, 1, &[], at(4)).is_some()).count(), 4);
    // Refused a whole lease, requests ask for themselves until there is one again.
    assert_eq!(leases.more(KEY, 1, 5, at(5)), 4);
    leases.note(KEY, 4, 5, &decision(false, Duration::from_micros(100)), at(5));
    assert_eq!((leases.more(KEY, 1, 5, at(104)), leases.more(KEY, 1, 5, at(105))), (0, 4));
    // One that went without an answer is not waited for.
    assert_eq!((leases.more(KEY, 1, 5, at(106)), leases.more(KEY, 1, 5, at(1_000_105))), (0, 4));
    // Where both are answered in the end, no more than one is held.
    leases.note(KEY, 4, 5, &granted, at(1_000_106));
    leases.note(KEY, 4, 5, &granted, at(1_000_107));
    assert_eq!((0..9).filter(|_| leases.give(KEY, 1, &[], at(1_000_108)).is_some()).count(), 5);
    assert_ne!(leases.key("a", b"bc"), leases.key("ab", b"c"));
}
