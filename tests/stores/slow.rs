//! Servers that answer, and too late; and those that stand still for a moment.

#![expect(clippy::disallowed_methods, reason = "a time-out is real time")]

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use maitred_store::{Algorithm, Away, RedisPlace, RedisServers, RedisSettings, Scope, Store};
use maitred_tests::{Forwarder, Redis, eventually};

use crate::stage::{SEAT, Stage, per_day, place, settings, take};

#[test]
fn a_server_that_is_only_slow_is_left_alone_until_it_is_fast_enough() {
    let redis = Redis::default();
    let far = Forwarder::start(redis.port());
    let place = RedisPlace::Tcp("127.0.0.1".into(), far.port());
    let timeout = Duration::from_millis(100);
    let stage = Stage::of(&RedisSettings { timeout, ..settings(RedisServers::Single(place)) });
    let limit = per_day(Algorithm::TokenBucket, 1_000_000);
    eventually("it is there", || stage.take("k", limit).ok());
    far.slow(Duration::from_millis(60));
    eventually("it is known to be away", || (stage.take("k", limit) == Err(Away::Open)).then_some(()));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(stage.take("k", limit), Err(Away::Open), "nobody waits for it again");
        std::thread::yield_now();
    }
    far.mend();
    eventually("it is asked again", || stage.take("k", limit).ok());
}

#[test]
fn what_a_server_leaves_waiting_in_one_moment_is_one_failure() {
    let redis = Redis::default();
    let timeout = Duration::from_millis(200);
    let stage = Stage::of(&RedisSettings { timeout, ..settings(RedisServers::Single(place(&redis))) });
    let (scope, limits) = (Scope::new("limit:test"), [per_day(Algorithm::TokenBucket, 1_000_000)]);
    eventually("it is there", || stage.take("k", limits[0]).ok());
    redis.pause();
    let asks = (0..50).map(|_| stage.store.take(SEAT, take(&scope, "k", &limits, 1)).wait());
    let mut asks: Vec<_> = asks.map(Box::pin).collect();
    let asking = poll_fn(|cx| {
        asks.retain_mut(|ask| match ask.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(said) => {
                assert_eq!(said, Err(Away::Late));
                false
            }
        });
        if asks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    });
    stage.run(asking);
    redis.resume();
    assert_ne!(stage.take("k", limits[0]), Err(Away::Open), "it went on");
}

#[test]
fn a_server_that_hangs_costs_three_time_outs_and_nothing_more() {
    let redis = Redis::default();
    let timeout = Duration::from_millis(100);
    let stage = Stage::of(&RedisSettings { timeout, ..settings(RedisServers::Single(place(&redis))) });
    let limit = per_day(Algorithm::TokenBucket, 1_000_000);
    eventually("it is there", || stage.take("k", limit).ok());
    redis.pause();
    let waits: Vec<_> = (0..1000)
        .map(|_| {
            let began = Instant::now();
            let said = stage.take("k", limit).unwrap_err();
            (said, began.elapsed())
        })
        .collect();
    let late = waits.iter().filter(|(said, _)| *said == Away::Late).count();
    assert_eq!(late, 3, "three wait, and nobody after them");
    // A machine that runs tests is busy, and never for five time-outs.
    let longest = waits.iter().map(|(_, waited)| *waited).max().unwrap();
    assert!(longest < timeout * 5, "{longest:?}");
    redis.resume();
    eventually("it is asked again", || stage.take("k", limit).ok());
}
