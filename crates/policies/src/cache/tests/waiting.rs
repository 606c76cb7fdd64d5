//! Who asks the same at the same time waits for the first, and for nothing else.

use super::*;
use maitred_policy::harness::Begun;

fn begin<'h>(harness: &'h Harness, fields: &[(&str, &str)]) -> Begun<'h> {
    let mut all = vec![HOST];
    all.extend_from_slice(fields);
    harness.request("GET /x", &all).begin()
}

#[test]
fn many_who_ask_the_same_ask_the_service_once() {
    let harness = cached("true");
    let mut first = begin(&harness, &[]);
    assert!(first.is_at_service());
    let mut others: Vec<_> = (0..50).map(|_| begin(&harness, &[])).collect();
    assert!(others.iter_mut().all(|other| !other.is_at_service() && other.ended().is_none()));
    first.finish_as(200, FRESH, "body");
    for other in &mut others {
        let outcome = other.ended().expect("it was answered");
        assert_eq!((&outcome.body[..], outcome.sent.is_none()), (&b"body"[..], true));
        assert_eq!(outcome.field("Cache-Status").as_deref(), Some("maitred; hit; ttl=60; collapsed"));
    }
}

#[test]
fn what_is_for_nobody_else_lets_all_go_on_at_once() {
    let harness = cached("true");
    let first = begin(&harness, &[]);
    let mut others: Vec<_> = (0..3).map(|_| begin(&harness, &[])).collect();
    first.finish_as(200, &[("Cache-Control", "private")], "mine");
    assert!(others.iter_mut().all(Begun::is_at_service));
}

#[test]
fn a_client_that_goes_away_holds_up_nobody() {
    let harness = cached("true");
    let first = begin(&harness, &[]);
    let (mut second, mut third) = (begin(&harness, &[]), begin(&harness, &[]));
    drop(first);
    // One of them asks, and the other waits for that.
    assert!(second.is_at_service() && !third.is_at_service());
    second.finish_as(200, FRESH, "body");
    assert_eq!(third.ended().unwrap().body, "body");
}

#[test]
fn a_failing_service_is_asked_once_for_all_who_wait() {
    let harness = cached("{ ttl: 5s, stale_if_error: 60s }");
    get(&harness, &[], &[], "body");
    seconds(&harness, 6);
    let first = begin(&harness, &[]);
    let mut others: Vec<_> = (0..3).map(|_| begin(&harness, &[])).collect();
    assert_eq!(first.finish(503).body, "body");
    for other in &mut others {
        let outcome = other.ended().expect("it was answered");
        assert_eq!((outcome.sent.is_none(), outcome.field("X-Cache").as_deref()), (true, Some("STALE")));
    }
}

#[test]
fn nobody_waits_for_too_long() {
    let harness = cached("{ coalesce_timeout: 2s }");
    let _first = begin(&harness, &[]);
    let mut second = begin(&harness, &[]);
    seconds(&harness, 1);
    assert!(!second.is_at_service());
    seconds(&harness, 1);
    assert!(second.is_at_service());
}

#[test]
fn those_who_cannot_share_do_not_wait() {
    let harness = cached("true");
    let _first = begin(&harness, &[]);
    for fields in [("Authorization", "a"), ("Range", "bytes=0-1"), ("If-None-Match", "\"a\"")] {
        assert!(begin(&harness, &[fields]).is_at_service(), "{fields:?}");
    }
    assert!(harness.request("HEAD /x", &[HOST]).begin().is_at_service());
    assert!(harness.request("GET /y", &[HOST]).begin().is_at_service());
    let harness = cached("{ coalesce: false }");
    let _first = begin(&harness, &[]);
    assert!(begin(&harness, &[]).is_at_service());
}

#[test]
fn who_varies_asks_for_its_own() {
    let harness = cached("true");
    let first = begin(&harness, &[("A", "1")]);
    let (mut same, mut other) = (begin(&harness, &[("A", "1")]), begin(&harness, &[("A", "2")]));
    first.finish_as(200, &[("Cache-Control", "max-age=60"), ("Vary", "A")], "one");
    assert_eq!(same.ended().unwrap().body, "one");
    assert!(other.is_at_service());
}

#[test]
fn nobody_queues_for_what_is_never_kept() {
    let unkept: &[&[(&str, &str)]] = &[
        &[("Cache-Control", "private")],
        &[("Cache-Control", "max-age=60"), ("Vary", "*")],
        &[("Content-Type", "Text/Event-Stream; charset=utf-8")],
        &[("Cache-Control", "max-age=60"), ("Content-Length", "99999999")],
    ];
    for answer in unkept {
        let harness = cached("true");
        begin(&harness, &[]).finish_as(200, answer, "mine");
        let _one = begin(&harness, &[]);
        assert!(begin(&harness, &[]).is_at_service(), "{answer:?}");
        // After a while it is tried again.
        seconds(&harness, 11);
        let _one = begin(&harness, &[]);
        assert!(!begin(&harness, &[]).is_at_service(), "{answer:?}");
    }
    // Once something is kept, they wait again.
    let harness = cached("true");
    begin(&harness, &[]).finish_as(200, unkept[0], "mine");
    begin(&harness, &[]).finish_as(200, &[("Cache-Control", "max-age=1")], "ours");
    seconds(&harness, 2);
    let _one = begin(&harness, &[]);
    assert!(!begin(&harness, &[]).is_at_service());
}

#[test]
fn a_body_too_large_for_the_cache_is_not_waited_for_again() {
    let harness = cached("{ max_body: 10B }");
    begin(&harness, &[]).finish_as(200, FRESH, vec![b'x'; 11]);
    let _one = begin(&harness, &[]);
    assert!(begin(&harness, &[]).is_at_service());
}
