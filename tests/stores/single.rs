//! One server: every operation, and what happens while it is away.

use std::time::Duration;

use bytes::Bytes;
use maitred_store::{Algorithm, Away, Hold, Key, Scope, Store};
use maitred_tests::{Redis, eventually};

use crate::stage::{NOW, SEAT, Stage, per_day, take};

const LONG: Duration = Duration::from_hours(1);

#[test]
fn limits_take_all_or_nothing() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let (scope, limits) =
        (Scope::new("limit:a"), [per_day(Algorithm::TokenBucket, 3), per_day(Algorithm::FixedWindow, 2)]);
    let ask = |cost| stage.run(stage.store.take(SEAT, take(&scope, "k", &limits, cost)).wait()).unwrap();
    let remaining = |cost| {
        let decision = ask(cost);
        (
            decision.is_allowed,
            decision.standings.iter().map(|standing| standing.remaining).collect::<Vec<_>>(),
        )
    };
    assert_eq!(remaining(0), (true, vec![3, 2]));
    assert_eq!(remaining(1), (true, vec![2, 1]));
    assert_eq!(remaining(2), (false, vec![2, 1]));
    assert_eq!(remaining(1), (true, vec![1, 0]));
    let refused = ask(1);
    assert!(!refused.is_allowed);
    assert_eq!(refused.standings[0].retry, Some(Duration::ZERO));
    assert!(refused.standings[1].retry.unwrap() > Duration::ZERO);
    stage.run(stage.store.reset(SEAT, take(&scope, "k", &limits, 1).key, &limits).wait()).unwrap();
    assert_eq!(remaining(1), (true, vec![2, 1]));
}

#[test]
fn entries_are_put_found_and_gone() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let scope = Scope::new("cache:a");
    let key = Key { scope: &scope, value: b"\0 odd {key}" };
    let (one, none) = (Bytes::from_static(b"one"), Bytes::new());
    let get = || stage.run(stage.store.get(SEAT, key, NOW).wait()).unwrap();
    let put =
        |entry: &Bytes, ttl| stage.run(stage.store.put(SEAT, key, entry.clone(), ttl, NOW).wait()).unwrap();
    let put_new =
        |entry: &Bytes| stage.run(stage.store.put_new(SEAT, key, entry.clone(), LONG, NOW).wait()).unwrap();
    assert_eq!(get(), None);
    put(&one, LONG);
    assert_eq!(get(), Some(one.clone()));
    assert_eq!(put_new(&none), Some(one.clone()));
    assert!(stage.run(stage.store.remove(SEAT, key).wait()).unwrap());
    assert!(!stage.run(stage.store.remove(SEAT, key).wait()).unwrap());
    assert_eq!(put_new(&none), None);
    assert_eq!(get(), Some(none.clone()), "an empty one is one");
    put(&one, Duration::from_millis(1));
    eventually("it ends", || get().is_none().then_some(()));
}

#[test]
fn slots_are_held_and_given_back() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let scope = Scope::new("slots");
    let key = Key { scope: &scope, value: b"k" };
    let hold = |holder, lease| {
        let hold = Hold { key, holder, most: 2, lease, now: NOW };
        stage.run(stage.store.hold(SEAT, hold).wait()).unwrap()
    };
    assert!(hold(1, LONG));
    assert!(hold(2, LONG));
    assert!(!hold(3, LONG));
    assert!(hold(1, LONG), "it has one");
    stage.run(async { stage.store.release(SEAT, key, 2) });
    eventually("there is a place", || hold(3, Duration::from_millis(1)).then_some(()));
    eventually("its lease ends", || hold(4, LONG).then_some(()));
    assert!(!hold(5, LONG));
}

#[test]
fn a_killed_server_is_told_at_once_and_asked_again_when_it_is_back_and_empty() {
    let mut redis = Redis::default();
    let stage = Stage::single(&redis);
    let limit = per_day(Algorithm::SlidingWindow, 1);
    assert!(stage.take("k", limit).unwrap().is_allowed);
    assert!(!stage.take("k", limit).unwrap().is_allowed);
    redis.kill();
    eventually("it is known to be away", || (stage.take("k", limit) == Err(Away::Open)).then_some(()));
    redis.restart();
    let again = eventually("it is asked again", || stage.take("k", limit).ok());
    assert!(again.is_allowed, "limits begin anew");
    assert!(!stage.take("k", limit).unwrap().is_allowed);
}

#[test]
fn scripts_that_a_server_has_forgotten_are_sent_again() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    assert!(stage.is_well());
    redis.ask(&["SCRIPT", "FLUSH", "SYNC"]);
    assert!(stage.is_well());
}

#[test]
fn a_connection_that_the_server_closes_is_made_anew() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    assert!(stage.is_well());
    redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    eventually("there is another", || stage.is_well().then_some(()));
}

#[test]
fn what_others_have_written_under_a_key_is_refused() {
    let redis = Redis::default();
    let stage = Stage::single(&redis);
    let scope = Scope::new("x");
    let key = Key { scope: &scope, value: b"k" };
    redis.ask(&["SET", "maitred:x:{k}", "anything"]);
    assert_eq!(stage.run(stage.store.get(SEAT, key, NOW).wait()), Err(Away::Refused));
    redis.ask(&["DEL", "maitred:x:{k}"]);
    redis.ask(&["LPUSH", "maitred:x:{k}", "anything"]);
    assert_eq!(stage.run(stage.store.get(SEAT, key, NOW).wait()), Err(Away::Refused));
    let limit = per_day(Algorithm::SlidingWindow, 5);
    redis.ask(&["RPUSH", "maitred:limit:test:{k}:sliding_window:5/86400000000us", "x", "1 2", ""]);
    let _ = stage.take("k", limit);
    assert!(stage.is_well(), "others do not suffer");
}
