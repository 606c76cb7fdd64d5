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
            let said = stage.run(stage.store.take_at(SEAT, take, now, None)).unwrap();
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

/// All algorithms at 5 in a minute.
fn per_minute() -> impl Iterator<Item = Limit> {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, SlidingWindowEstimate, TokenBucket};
    let all = [TokenBucket, LeakyBucket, FixedWindow, SlidingWindow, SlidingWindowEstimate];
    let period = Period::Length(Duration::from_mins(1));
    all.into_iter().map(move |algorithm| Limit { algorithm, count: 5, period, burst: 5 })
}

#[test]
fn the_largest_costs_lock_nobody_out_for_ages_and_open_no_limit() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    for (index, (limit, cost)) in per_minute()
        .flat_map(|limit| [1 << 40, 1 << 53, u64::MAX / 2, u64::MAX].map(|cost| (limit, cost)))
        .enumerate()
    {
        let memory = MemoryStore::new(MemorySettings::default());
        let scope = Scope::new(format!("limit:{index}"));
        let ask = |cost, is_due, now| {
            let key = Key { scope: &scope, value: b"" };
            let moment = Moment { steady: now, wall: now };
            let take = Take { key, limits: &[limit], cost, is_due, now: moment };
            let said = stage.run(stage.store.take_at(SEAT, take, now, None)).unwrap();
            assert_eq!(said, stage.run(memory.take(SEAT, take).wait()).unwrap(), "{limit:?} {cost}");
            said
        };
        assert!(ask(cost, true, BEGIN).is_allowed);
        let refused = ask(1, false, BEGIN);
        assert!(!refused.is_allowed && refused.standings[0].retry > Some(Duration::ZERO));
        assert!(refused.standings[0].reset <= Duration::from_mins(1201), "{limit:?} {refused:?}");
        let then = BEGIN + u64::try_from(refused.standings[0].reset.as_micros()).unwrap();
        assert!((0..5).all(|_| ask(1, false, then).is_allowed), "{limit:?}");
        ask(1, false, then);
    }
}

#[test]
fn sums_of_an_exact_window_that_never_rests_stay_exact() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let memory = MemoryStore::new(MemorySettings::default());
    let scope = Scope::new("limit:sums");
    let period = Period::Length(Duration::from_mins(1));
    let limits = [Limit { algorithm: Algorithm::SlidingWindow, count: 4 << 40, period, burst: 1 }];
    let mut now = BEGIN;
    for _ in 0..10_000 {
        now += 20_000_000;
        let key = Key { scope: &scope, value: b"" };
        let moment = Moment { steady: now, wall: now };
        let take = Take { key, limits: &limits, cost: (1 << 40) + 1, is_due: false, now: moment };
        let said = stage.run(stage.store.take_at(SEAT, take, now, None)).unwrap();
        assert_eq!(said, stage.run(memory.take(SEAT, take).wait()).unwrap());
    }
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out_and_grants_nothing_twice() {
    const MINUTE: u64 = 60_000_000;
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    for (index, (limit, back)) in per_minute()
        .flat_map(|limit| [10, MINUTE / 2, 3 * MINUTE, 1_000_000 * MINUTE].map(|back| (limit, back)))
        .enumerate()
    {
        let scope = Scope::new(format!("limit:{index}"));
        let ask = |now| {
            let taking = take(&scope, "k", std::slice::from_ref(&limit), 1);
            stage.run(stage.store.take_at(SEAT, taking, now, None)).unwrap()
        };
        let began = BEGIN + 10 * MINUTE;
        assert!((0..5).all(|_| ask(began).is_allowed));
        let behind = began - back;
        let said = ask(behind);
        if back < MINUTE && limit.algorithm != Algorithm::LeakyBucket {
            assert!(!said.is_allowed, "{limit:?} {back}");
        }
        let longest = Duration::from_micros(2 * MINUTE);
        assert!(said.standings[0].retry.unwrap() <= longest, "{limit:?} {back} {said:?}");
        assert!(ask(behind + 3 * MINUTE).is_allowed, "{limit:?} {back}");
    }
}

#[test]
fn an_exact_window_keeps_few_times_and_is_a_little_stricter_for_it() {
    const PERIOD: u64 = 1_000_000_000;
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let cases = AtomicU64::new(0);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let asks = (1u64..100, 8usize..30, vec(0u64..PERIOD / 25, 1..200));
    let strict = runner.run(&asks, |(count, most, pauses)| {
        let scope = Scope::new(format!("few {}", cases.fetch_add(1, Ordering::Relaxed)));
        let period = Period::Length(Duration::from_micros(PERIOD));
        let limits = [Limit { algorithm: Algorithm::SlidingWindow, count, period, burst: 1 }];
        let (mut now, mut taken) = (BEGIN, Vec::new());
        let longer = PERIOD + PERIOD.div_ceil(most as u64 / 2 - 1);
        for pause in pauses {
            now += pause;
            let said =
                stage.run(stage.store.take_at(SEAT, take(&scope, "k", &limits, 1), now, Some(most))).unwrap();
            let within = |period| taken.iter().filter(|at| *at + period > now).count() as u64;
            if said.is_allowed {
                prop_assert!(within(PERIOD) < count);
                taken.push(now);
            } else {
                prop_assert!(within(longer) >= count);
            }
        }
        let scope = scope.name.replace(' ', "%20");
        let log = format!("maitred:{scope}:{{k}}:sliding_window:{count}/{PERIOD}us");
        let kept: usize = redis.ask(&["LLEN", &log]).parse().unwrap();
        prop_assert!((1..=most).contains(&kept), "{} of {}", kept, most);
        Ok(())
    });
    strict.unwrap();
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
