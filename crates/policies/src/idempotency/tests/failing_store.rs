//! What becomes of keys and answers where the store fails for a while, forgets, or takes no more.

use std::sync::atomic::Ordering::Relaxed;

use maitred_policy::BodyFilter as _;
use maitred_store::{MemorySettings, MemoryStore};

use super::*;
use crate::limiting::testing::FarStore;

fn far(yaml: &str) -> (Arc<FarStore>, Harness) {
    let store = FarStore::new();
    let harness = Harness::with_store::<Idempotency>(Arc::clone(&store) as _, yaml);
    (store, harness)
}

fn unkept(harness: &Harness, reason: &str) -> u64 {
    let all = harness.measures();
    all.iter().find(|measure| measure.label == Some(("reason", reason))).unwrap().value
}

#[test]
fn an_answer_is_put_again_when_the_store_is_back() {
    let (store, harness) = far("{ lock_ttl: 30s }");
    let first = order(&harness, "x").begin();
    store.is_away.store(true, Relaxed);
    first.finish_as(201, &[("Location", "/orders/7")], "seven");
    is_refused(&placed(order(&harness, "x"), ""), 503, "store_unavailable");
    harness.advance(Duration::from_secs(9));
    store.is_away.store(false, Relaxed);
    harness.advance(Duration::from_secs(2));
    harness.advance(Duration::from_mins(1));
    let again = placed(order(&harness, "x"), "eight");
    assert_eq!((again.sent.is_none(), &*again.body), (true, &b"seven"[..]));
    assert_eq!(unkept(&harness, "unkept"), 0);
}

#[test]
fn a_large_one_is_lost_and_not_done_again() {
    let (store, harness) = far("{ lock_ttl: 30s }");
    let first = order(&harness, "x").begin();
    store.is_away.store(true, Relaxed);
    first.finish_as(201, &[], "x".repeat(100_000));
    store.is_away.store(false, Relaxed);
    harness.advance(Duration::from_secs(2));
    harness.advance(Duration::from_hours(23));
    is_refused(&placed(order(&harness, "x"), ""), 409, "idempotency_answer_lost");
}

#[test]
fn what_cannot_be_kept_in_time_is_counted() {
    let (store, harness) = far("{ lock_ttl: 3s }");
    let first = order(&harness, "x").begin();
    store.is_away.store(true, Relaxed);
    first.finish(201);
    for _ in 0..4 {
        harness.advance(Duration::from_secs(2));
    }
    assert_eq!(unkept(&harness, "unkept"), 1);
    store.is_away.store(false, Relaxed);
    is_new(&placed(order(&harness, "x"), ""));
}

#[test]
fn an_answer_on_its_way_keeps_the_key_for_as_long_as_it_takes() {
    let harness = harness("{ lock_ttl: 30s }");
    let policy = harness.policy::<Idempotency>();
    let facts = maitred_policy::harness::facts();
    let request = maitred_policy::harness::request("POST /orders", &[KEY, ("Host", "shop.test")]);
    let taken = taken::Taken {
        shelf: Arc::clone(&policy.shelf),
        beside: harness.beside(),
        place: caller::place("8e03978e", &request, &facts),
        fingerprint: caller::fingerprint(&request, &facts, &caller::digest(b"x")),
        holder: 7,
        until: 30_000_000,
    };
    let head = maitred_http::ResponseHead { status: 200, ..Default::default() };
    let entry = entry::answered(&taken.fingerprint, &head).unwrap();
    let mut capture = capture::Capture::new(std::rc::Rc::new(taken), entry, None, 100);
    capture.begin();
    capture.push(b"slow", &mut Vec::new()).unwrap();
    harness.advance(Duration::from_mins(10));
    is_refused(&placed(order(&harness, "x"), ""), 409, "idempotency_in_flight");
    capture.finish(None, &mut Vec::new()).unwrap();
    let again = placed(order(&harness, "x"), "");
    assert_eq!((again.sent.is_none(), &*again.body), (true, &b"slow"[..]));
}

#[test]
fn answers_of_others_do_not_free_a_key() {
    let store = MemoryStore::new(MemorySettings { size: 4 << 20, path: None });
    let harness = Harness::with_store::<Idempotency>(Arc::new(store), "true");
    let mut first = order(&harness, "x").begin();
    assert!(first.is_at_service());
    let other = |number: usize| {
        let key = format!("k{number}");
        harness.request("POST /", &[("Idempotency-Key", &key)]).answer_with(
            200,
            &[],
            vec![b'x'; 100_000],
            &[],
        )
    };
    for number in 0..100 {
        is_new(&other(number));
    }
    is_new(&other(0));
    is_refused(&placed(order(&harness, "x"), ""), 409, "idempotency_in_flight");
}

#[test]
fn a_key_about_which_the_store_was_silent_is_free() {
    let (store, harness) = far("true");
    // It takes the key, and its word of that gets lost.
    store.loses_words.store(true, Relaxed);
    is_refused(&placed(order(&harness, "x"), ""), 503, "store_unavailable");
    store.loses_words.store(false, Relaxed);
    is_new(&placed(order(&harness, "x"), ""));
}
