//! What the contract of stores says, in memory.

#![expect(clippy::disallowed_types, reason = "an ear may be asked from any thread")]

mod bounds;
mod saved;

use std::sync::Mutex;

use super::*;
use crate::answer::Said;
use crate::limit::{Algorithm, Period};

const SEAT: Seat = Seat::Control;
const SECOND: u64 = 1_000_000;

fn store(size: u64) -> MemoryStore {
    MemoryStore::new(MemorySettings { size, path: None })
}

fn at(steady: u64) -> Moment {
    Moment { steady, wall: 1_767_225_600 * SECOND + steady }
}

fn said<T>(answer: Answer<'_, T>) -> Said<T> {
    match answer {
        Answer::Ready(said) => said,
        Answer::Later(_) => panic!("memory answers at once"),
    }
}

fn limit(algorithm: Algorithm, count: u64, seconds: u64) -> Limit {
    Limit { algorithm, count, period: Period::Length(Duration::from_secs(seconds)), burst: count }
}

fn take(
    store: &MemoryStore,
    (scope, value): (&Scope, &[u8]),
    limits: &[Limit],
    cost: u64,
    now: Moment,
) -> Said<Decision> {
    let key = Key { scope, value };
    said(store.take(SEAT, Take { key, limits, cost, is_due: false, now }))
}

const ALL: [Algorithm; 5] = [
    Algorithm::TokenBucket,
    Algorithm::SlidingWindow,
    Algorithm::SlidingWindowEstimate,
    Algorithm::FixedWindow,
    Algorithm::LeakyBucket,
];

#[test]
fn keys_scopes_and_limits_are_counted_apart_and_reset_forgets() {
    let store = store(1 << 20);
    for scope in [Scope::new("a"), Scope::new("b"), Scope::durable("a"), Scope::durable("b")] {
        for algorithm in ALL {
            let limits = [limit(algorithm, 1, 60), limit(algorithm, 10, 3600)];
            let allowed = |value: &[u8]| take(&store, (&scope, value), &limits, 1, at(0)).unwrap().is_allowed;
            let burst = if algorithm == Algorithm::LeakyBucket { 2 } else { 1 };
            for value in [&b"x"[..], b"y", b""] {
                for _ in 0..burst {
                    assert!(allowed(value), "{scope:?} {algorithm:?}");
                }
                assert!(!allowed(value));
            }
            said(store.reset(SEAT, Key { scope: &scope, value: b"x" }, &limits)).unwrap();
            assert!(allowed(b"x") && !allowed(b"y"));
        }
    }
}

#[test]
fn threads_together_are_allowed_no_more_than_one_alone() {
    let store = store(1 << 20);
    let scope = Scope::new("a");
    for algorithm in ALL {
        let limits = [limit(algorithm, 100, 1), limit(algorithm, 1000, 3600)];
        let allowed: usize = std::thread::scope(|threads| {
            let one = || {
                let allowed = |_: &u64| take(&store, (&scope, b"x"), &limits, 1, at(0)).unwrap().is_allowed;
                (0..200).filter(allowed).count()
            };
            let all: Vec<_> = (0..4).map(|_| threads.spawn(one)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, if algorithm == Algorithm::LeakyBucket { 101 } else { 100 });
    }
}

#[test]
fn entries_end_and_new_ones_take_the_place_of_none() {
    let (store, scope) = (store(1 << 20), Scope::new("a"));
    let key = Key { scope: &scope, value: b"x" };
    let ttl = Duration::from_secs(1);
    let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two"));
    assert_eq!(said(store.get(SEAT, key, at(0))), Ok(None));
    assert_eq!(said(store.put_new(SEAT, key, one.clone(), ttl, at(0))), Ok(None));
    assert_eq!(said(store.put_new(SEAT, key, two.clone(), ttl, at(SECOND - 1))), Ok(Some(one.clone())));
    assert_eq!(said(store.get(SEAT, key, at(SECOND - 1))), Ok(Some(one)));
    assert_eq!(said(store.get(SEAT, key, at(SECOND))), Ok(None));
    assert_eq!(said(store.put_new(SEAT, key, two.clone(), ttl, at(SECOND))), Ok(None));
    assert_eq!(said(store.remove(SEAT, key)), Ok(true));
    assert_eq!(said(store.remove(SEAT, key)), Ok(false));
    assert_eq!(said(store.put(SEAT, key, two, ttl, at(0))), Ok(()));
    assert_eq!(said(store.get(SEAT, Key { value: b"y", ..key }, at(0))), Ok(None));
    assert_eq!(said(store.get(SEAT, key, at(2 * SECOND))), Ok(None));
    assert_eq!(said(store.remove(SEAT, key)), Ok(false), "it has ended");
}

#[test]
fn slots_are_held_by_so_many_until_they_are_released_or_their_leases_end() {
    let (store, scope) = (store(1 << 20), Scope::new("a"));
    let key = Key { scope: &scope, value: b"x" };
    let hold = |holder, now| {
        let lease = Duration::from_secs(1);
        said(store.hold(SEAT, Hold { key, holder, most: 2, lease, now: at(now) })).unwrap()
    };
    assert!(hold(1, 0) && hold(2, SECOND / 2) && !hold(3, SECOND / 2));
    assert!(hold(1, SECOND / 2), "who has one keeps it");
    store.release(SEAT, key, 2);
    store.release(SEAT, key, 2);
    assert!(hold(3, SECOND) && !hold(2, SECOND));
    assert!(hold(2, SECOND * 3 / 2), "the lease of 1 has ended");
    assert!(!hold(1, SECOND * 3 / 2));
}

#[test]
fn what_is_told_on_a_channel_is_heard_there() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<Vec<u8>>>);
    impl Ear for Heard {
        fn hear(&self, message: &[u8]) {
            self.0.lock().unwrap().push(message.to_vec());
        }
        fn gap(&self) {}
    }
    let (store, ear) = (store(1 << 20), Arc::new(Heard::default()));
    let listening: Arc<dyn Ear> = Arc::clone(&ear) as _;
    store.listen("purge", Arc::downgrade(&listening));
    store.tell(SEAT, "purge", Bytes::from_static(b"one"));
    store.tell(SEAT, "other", Bytes::from_static(b"two"));
    assert_eq!(*ear.0.lock().unwrap(), [b"one"]);
    // An ear that nobody has any more hears nothing, and is not kept.
    drop(listening);
    let gone = Arc::downgrade(&ear);
    drop(ear);
    assert!(gone.upgrade().is_none());
    store.tell(SEAT, "purge", Bytes::from_static(b"three"));
}

#[test]
fn durable_keys_are_listed() {
    let store = store(4 << 20);
    let (scope, other) = (Scope::durable("a"), Scope::durable("b"));
    let limits = [limit(Algorithm::FixedWindow, 1, 60)];
    for value in [&b"x"[..], b"y", b"z"] {
        take(&store, (&scope, value), &limits, 1, at(0)).unwrap();
    }
    take(&store, (&other, b"w"), &limits, 1, at(0)).unwrap();
    take(&store, (&scope, b"looked at"), &limits, 0, at(0)).unwrap();
    let list = |most| {
        let mut values = said(store.list(SEAT, &scope, most)).unwrap();
        values.sort();
        values
    };
    assert_eq!(list(9), [&b"x"[..], b"y", b"z"].map(Box::from));
    assert_eq!(list(2).len(), 2);
}
