//! Memory is bounded, and nobody's counters are displaced for free.

use super::*;

/// Asks with so many different keys.
fn flood(count: u64, mut ask: impl FnMut(&[u8])) {
    for number in 0..count {
        ask(&number.to_le_bytes());
    }
}

/// Of all lines of a family.
fn measured(store: &MemoryStore, family: &str, kind: &str) -> u64 {
    let lines = store.measured().measures();
    let of = |line: &&maitred_telemetry::Measure| line.family == family && line.label == Some(("kind", kind));
    lines.iter().find(of).map_or(0, |line| line.value)
}

#[test]
fn a_million_keys_of_every_kind_take_no_more_memory_than_is_granted() {
    const SIZE: u64 = 4 << 20;
    let taken = allocation_counter::measure(|| {
        let (store, scope, quota) = (store(SIZE), Scope::new("a"), Scope::durable("b"));
        let take = |scope, algorithm, value: &[u8]| {
            let limits = [limit(algorithm, 1000, 3600)];
            take(&store, (scope, value), &limits, 1, at(0)).map(|decision| decision.is_allowed)
        };
        flood(1_000_000, |value| assert!(take(&scope, Algorithm::TokenBucket, value).unwrap()));
        flood(100_000, |value| assert!(take(&scope, Algorithm::SlidingWindow, value).unwrap()));
        // Logs that grow.
        flood(300_000, |value| assert!(take(&scope, Algorithm::SlidingWindow, &value[..1]).is_ok()));
        flood(100_000, |value| {
            let _full = take(&quota, Algorithm::FixedWindow, value);
            let key = Key { scope: &scope, value };
            let entry = Bytes::copy_from_slice(&[0; 100][..usize::from(value[0]) % 100]);
            said(store.put(SEAT, key, entry, Duration::from_hours(1), at(0))).unwrap();
            let lease = Duration::from_hours(1);
            let _full = said(store.hold(SEAT, Hold { key, holder: 1, most: 1, lease, now: at(0) }));
        });
        for kind in ["counter", "log", "durable", "slot", "entry"] {
            let bytes = measured(&store, "maitred_store_bytes", kind);
            assert!(bytes > SIZE / 40, "{kind}: {bytes} bytes, so it was never full");
        }
    });
    assert!(taken.bytes_max <= SIZE, "{} bytes", taken.bytes_max);
}

#[test]
fn who_is_over_a_limit_stays_so_though_a_million_others_come() {
    for algorithm in ALL {
        let (store, scope) = (store(1 << 20), Scope::new("a"));
        let limits = [limit(algorithm, 20, 3600)];
        let allowed = |value: &[u8]| take(&store, (&scope, value), &limits, 1, at(0)).unwrap().is_allowed;
        // One after the other, so that they lie beside each other wherever that is told by who came first.
        let over: Vec<[u8; 3]> = (0..10).map(|number| [b'#', b'0' + number, b'#']).collect();
        for one in &over {
            while allowed(one) {}
        }
        let count = if algorithm == Algorithm::TokenBucket { 1_000_000 } else { 100_000 };
        flood(count, |value| assert!(allowed(value)));
        for one in &over {
            assert!(!allowed(one), "{algorithm:?} {one:?}");
        }
        let kind = if algorithm == Algorithm::SlidingWindow { "log" } else { "counter" };
        assert!(measured(&store, "maitred_store_evictions_total", kind) > 10_000, "{algorithm:?}");
    }
}

#[test]
fn counters_that_are_fresh_again_make_room_for_others() {
    for algorithm in ALL {
        let (store, scope) = (store(1 << 20), Scope::new("a"));
        let limits = [limit(algorithm, 2, 1)];
        for round in 0..4 {
            let now = at(round * 2 * SECOND);
            let count = if algorithm == Algorithm::SlidingWindow { 300 } else { 2000 };
            flood(count, |value| assert!(take(&store, (&scope, value), &limits, 2, now).unwrap().is_allowed));
        }
        for kind in ["counter", "log"] {
            assert_eq!(measured(&store, "maitred_store_evictions_total", kind), 0, "{algorithm:?}");
        }
    }
}

#[test]
fn buckets_and_windows_allocate_nothing_for_a_request() {
    let (store, scope) = (store(1 << 20), Scope::new("limit:global/rate_limit"));
    let algorithms = ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::SlidingWindow);
    for algorithm in algorithms {
        let limits = [limit(algorithm, 10, 1), limit(algorithm, 100, 3600)];
        let ask = |value: &[u8]| drop(take(&store, (&scope, value), &limits, 1, at(0)));
        // The first counters of a part take its memory.
        flood(100, ask);
        let taken = allocation_counter::measure(|| flood(1000, ask));
        assert_eq!(taken.count_total, 0, "{algorithm:?}");
    }
}

#[test]
fn where_durable_counters_find_no_room_new_ones_are_refused_and_old_ones_count_on() {
    let (store, scope) = (store(1 << 20), Scope::durable("a"));
    let limits = [limit(Algorithm::FixedWindow, 3, 60)];
    let allowed = |value: &[u8], now| take(&store, (&scope, value), &limits, 1, at(now));
    let mut known = 0;
    flood(10_000, |value| known += u64::from(take(&store, (&scope, value), &limits, 2, at(0)).is_ok()));
    assert!((100..1000).contains(&known), "{known}");
    assert_eq!(measured(&store, "maitred_store_refused_total", "durable"), 10_000 - known);
    assert_eq!(allowed(b"new", SECOND), Err(Away::Refused));
    let [third, fourth] = [(); 2].map(|()| allowed(&0u64.to_le_bytes(), SECOND).unwrap().is_allowed);
    assert!(third && !fourth);
    assert!(allowed(b"new", 60 * SECOND).unwrap().is_allowed, "the window of the others is over");
    assert_eq!(said(store.list(SEAT, &scope, 10)).unwrap(), [Box::from(&b"new"[..])]);
}

#[test]
fn durable_counters_that_are_hardly_used_give_way() {
    let (store, scope) = (store(1 << 20), Scope::durable("a"));
    let limits = [limit(Algorithm::FixedWindow, 1000, 60)];
    let take = |value: &[u8], cost| take(&store, (&scope, value), &limits, cost, at(0));
    let tenants = [(&b"spent"[..], 1000), (b"half", 500), (b"some", 120)];
    for (tenant, used) in tenants {
        assert!(take(tenant, used).unwrap().is_allowed);
    }
    // Whoever comes new is counted, though most of those before came once.
    flood(10_000, |value| assert!(take(value, 1).unwrap().is_allowed));
    for (tenant, used) in tenants {
        assert_eq!(take(tenant, 0).unwrap().standings[0].remaining, 1000 - used);
    }
    assert_eq!(measured(&store, "maitred_store_refused_total", "durable"), 0);
    assert!(measured(&store, "maitred_store_evictions_total", "durable") > 8000);
}

#[test]
fn limits_of_one_request_displace_nobody_elses_counters() {
    for algorithm in [Algorithm::TokenBucket, Algorithm::SlidingWindow] {
        let (store, scope, login) = (store(1 << 20), Scope::new("a"), Scope::new("login"));
        let (limits, of_login) = ([limit(algorithm, 20, 3600)], [limit(algorithm, 1, 3600)]);
        let allowed = |value: &[u8]| take(&store, (&scope, value), &limits, 1, at(0)).unwrap().is_allowed;
        let over: Vec<[u8; 3]> = (0..10).map(|number| [b'#', b'0' + number, b'#']).collect();
        for one in &over {
            while allowed(one) {}
        }
        flood(100_000, |value| drop(take(&store, (&login, value), &of_login, 1, at(0))));
        for one in &over {
            assert!(!allowed(one), "{algorithm:?} {one:?}");
        }
    }
}

#[test]
fn slots_are_refused_where_there_is_no_room_and_make_some_when_their_leases_end() {
    let (store, scope) = (store(1 << 20), Scope::new("a"));
    let hold = |value: &[u8], now| {
        let (key, lease) = (Key { scope: &scope, value }, Duration::from_secs(1));
        said(store.hold(SEAT, Hold { key, holder: 1, most: 1, lease, now: at(now) }))
    };
    let mut held = 0;
    flood(10_000, |value| held += u64::from(hold(value, 0) == Ok(true)));
    assert_eq!(measured(&store, "maitred_store_refused_total", "slot"), 10_000 - held);
    assert_eq!(hold(b"new", SECOND / 2), Err(Away::Refused));
    assert_eq!(hold(&0u64.to_le_bytes(), SECOND / 2), Ok(true), "it is renewed");
    assert_eq!(hold(b"new", SECOND + 1), Ok(true));
    assert_eq!(measured(&store, "maitred_store_held", "slot"), 2);
}

#[test]
fn an_entry_that_is_larger_than_all_room_is_refused_and_the_rest_gives_way() {
    let (store, scope) = (store(1 << 20), Scope::new("a"));
    let put = |value: &[u8], length| {
        let (key, entry) = (Key { scope: &scope, value }, Bytes::from(vec![0; length]));
        said(store.put(SEAT, key, entry, Duration::from_secs(1), at(0)))
    };
    assert_eq!(put(b"x", 1 << 20), Err(Away::Refused));
    assert_eq!(put(b"x", 200 << 10), Ok(()));
    flood(100, |value| assert_eq!(put(value, 100 << 10), Ok(())));
    assert_eq!(measured(&store, "maitred_store_refused_total", "entry"), 1);
    let held = measured(&store, "maitred_store_held", "entry");
    assert!(held <= 2 && measured(&store, "maitred_store_evictions_total", "entry") == 101 - held);
}
