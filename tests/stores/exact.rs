//! The script of limits decides what the functions decide that the store in memory goes by, and what many ask at once is counted once.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use maitred_store::{
    Algorithm, Key, Limit, MemorySettings, MemoryStore, Moment, Period, Scope, Seat, Store, Take,
};
use maitred_tests::Redis;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::stage::{SEAT, Stage, per_day, take};

/// 2026-01-31, 23:59:50 UTC: soon it is February.
const BEGIN: u64 = 1_769_903_990_000_000;

fn limit() -> impl Strategy<Value = Limit> {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, SlidingWindowEstimate, TokenBucket};
    let algorithm = prop::sample::select(vec![
        TokenBucket,
        LeakyBucket,
        FixedWindow,
        SlidingWindow,
        SlidingWindowEstimate,
    ]);
    // Long enough that no key ends by the clock of the server, which goes on by itself.
    let length = prop_oneof![
        prop::sample::select(vec![30, 60, 3600, 86_400, 604_800]).prop_map(Duration::from_secs),
        (20_000_000u64..4_000_000_000).prop_map(Duration::from_micros),
    ];
    let count = prop_oneof![1u64..12, 1u64..2000];
    (algorithm, count, length, 1u64..20, any::<bool>()).prop_map(
        |(algorithm, count, length, burst, month)| {
            let is_month = month && algorithm == FixedWindow;
            let period = if is_month { Period::Month } else { Period::Length(length) };
            Limit { algorithm, count, period, burst }
        },
    )
}

/// What is asked: microseconds since the last, cost, whether it is due.
fn asks() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let pause = prop_oneof![
        3 => Just(0u64),
        3 => 0u64..3,
        3 => 0u64..2_000_000,
        2 => 0u64..40_000_000,
        1 => 0u64..90_000_000_000,
    ];
    let cost = prop_oneof![5 => Just(1u64), 2 => 0u64..6, 1 => 0u64..3000];
    vec((pause, cost, prop::bool::weighted(0.1)), 1..40)
}

#[test]
fn the_script_decides_what_the_functions_decide() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let cases = AtomicU64::new(0);
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let same = runner.run(&(vec(limit(), 1..4), asks()), |(limits, asks)| {
        let memory = MemoryStore::new(MemorySettings::default());
        let scope = Scope::new(format!("case {}", cases.fetch_add(1, Ordering::Relaxed)));
        let key = Key { scope: &scope, value: b"" };
        let mut now = BEGIN;
        for (pause, cost, is_due) in asks {
            now += pause;
            let take = Take { key, limits: &limits, cost, is_due, now: Moment { steady: now, wall: now } };
            let expected = stage.run(memory.take(SEAT, take).wait()).unwrap();
            let said = stage.run(stage.store.take_at(SEAT, take, now)).unwrap();
            prop_assert_eq!(said, expected, "{:?} at {}", take, now - BEGIN);
        }
        Ok(())
    });
    same.unwrap();
}

#[test]
fn many_connections_at_once_are_counted_exactly() {
    let redis = Redis::default();
    let limits = [
        per_day(Algorithm::TokenBucket, 300),
        per_day(Algorithm::SlidingWindow, 250),
        per_day(Algorithm::SlidingWindowEstimate, 260),
        per_day(Algorithm::FixedWindow, 280),
    ];
    let scope = Scope::new("limit:many");
    let allowed = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let stage = Stage::single(&redis);
                // A hundred asks are under way at once, over one connection.
                let asks = (0..100).map(|_| stage.store.take(SEAT, take(&scope, "k", &limits, 1)).wait());
                let mut asks: Vec<_> = asks.map(Box::pin).collect();
                let asking = poll_fn(|cx| {
                    asks.retain_mut(|ask| match ask.as_mut().poll(cx) {
                        Poll::Pending => true,
                        Poll::Ready(decision) => {
                            allowed.fetch_add(u64::from(decision.unwrap().is_allowed), Ordering::Relaxed);
                            false
                        }
                    });
                    if asks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
                });
                stage.run(asking);
            });
        }
    });
    assert_eq!(allowed.into_inner(), 250);
}

#[test]
fn each_seat_has_one_connection() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    for seat in [Seat::Control, Seat::Worker(0), Seat::Worker(1)] {
        for _ in 0..5 {
            let limits = [per_day(Algorithm::TokenBucket, 100)];
            stage.run(stage.store.take(seat, take(&Scope::new("s"), "k", &limits, 1)).wait()).unwrap();
        }
    }
    let clients = redis.ask(&["CLIENT", "LIST", "TYPE", "normal"]);
    // One of them asks this.
    assert_eq!(clients.lines().count(), 3 + 1, "{clients}");
}
