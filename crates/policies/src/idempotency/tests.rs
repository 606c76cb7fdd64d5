//! What is answered to the first request with a key, to those beside and after it, and to those of others.

use std::sync::Arc;
use std::time::Duration;

use maitred_policy::harness::{Answered, Begun, Exchange, Harness, Outcome, problems_of};
use maitred_policy::identity::{Claims, Consumer, ShownToken};
use maitred_policy::{Fault, Retry};

use super::*;

mod away;
mod callers;
mod failing_store;
mod given_up;

const KEY: (&str, &str) = ("Idempotency-Key", "\"8e03978e\"");

fn harness(yaml: &str) -> Harness {
    Harness::of::<Idempotency>(yaml)
}

fn order<'h>(harness: &'h Harness, body: &str) -> Exchange<'h> {
    harness.request("POST /orders", &[KEY, ("Host", "shop.test")]).body(body)
}

/// The service has placed an order.
fn placed(exchange: Exchange<'_>, number: &str) -> Outcome {
    let fields =
        [("Location", "/orders/7"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Connection", "close")];
    exchange.answer_with(201, &fields, number, &[])
}

fn is_replayed(outcome: &Outcome, number: &str) {
    assert!(outcome.sent.is_none() && matches!(outcome.answered, Answered::Policy), "{outcome:?}");
    assert_eq!((outcome.response.status, &*outcome.body), (201, number.as_bytes()));
    assert_eq!(outcome.field("Location").as_deref(), Some("/orders/7"));
    assert_eq!(outcome.field("Set-Cookie").as_deref(), Some("a=1 | b=2"));
    assert_eq!(outcome.field("Idempotency-Replayed").as_deref(), Some("true"));
    assert_eq!(outcome.field("Connection"), None);
}

fn is_refused(outcome: &Outcome, status: u16, cause: &str) {
    assert_eq!((outcome.response.status, outcome.cause()), (status, Some(cause)));
    assert!(outcome.sent.is_none());
}

/// Whether the service got it.
fn is_new(outcome: &Outcome) {
    assert!(outcome.sent.is_some() && outcome.field("Idempotency-Replayed").is_none(), "{outcome:?}");
}

#[test]
fn the_first_answer_is_given_again() {
    let harness = harness("true");
    let first = placed(order(&harness, "pizza"), "seven");
    is_new(&first);
    assert_eq!((&*first.body, first.sent_body.as_slice()), (&b"seven"[..], &b"pizza"[..]));
    assert_eq!(
        first.sent_field("Idempotency-Key").as_deref(),
        Some("\"8e03978e\""),
        "the service may look, too"
    );
    is_replayed(&placed(order(&harness, "pizza"), "eight"), "seven");
    // Quotes are how the draft writes a text.
    let bare = harness.request("POST /orders", &[("idempotency-key", "8e03978e"), ("Host", "SHOP.test")]);
    is_replayed(&placed(bare.body("pizza"), "eight"), "seven");
    harness.advance(Duration::from_hours(24));
    is_new(&placed(order(&harness, "pizza"), "eight"));
}

#[test]
fn an_answer_outlives_a_reload() {
    let before = harness("true");
    placed(order(&before, "pizza"), "seven");
    let after = before.reloaded::<Idempotency>("{ required: true }");
    is_replayed(&placed(order(&after, "pizza"), "eight"), "seven");
}

#[test]
fn one_key_is_for_one_request() {
    let harness = harness("true");
    placed(order(&harness, "pizza"), "seven");
    let others = [
        order(&harness, "pasta"),
        order(&harness, ""),
        harness.request("POST /orders?x=1", &[KEY, ("Host", "shop.test")]).body("pizza"),
        harness.request("PATCH /orders", &[KEY, ("Host", "shop.test")]).body("pizza"),
        harness.request("POST /orders", &[KEY, ("Host", "other.test")]).body("pizza"),
    ];
    for other in others {
        is_refused(&placed(other, "eight"), 422, "idempotency_key_reused");
    }
    // Also while the first is under way.
    let key = [("Idempotency-Key", "2"), ("Host", "shop.test")];
    let _first = harness.request("POST /orders", &key).body("pizza").begin();
    let second = harness.request("POST /orders", &key).body("pasta");
    is_refused(&placed(second, "eight"), 422, "idempotency_key_reused");
}

#[test]
fn the_second_of_two_at_once_is_told_to_come_again() {
    let harness = harness("true");
    let mut first = order(&harness, "pizza").begin();
    assert!(first.is_at_service());
    let second = placed(order(&harness, "pizza"), "eight");
    is_refused(&second, 409, "idempotency_in_flight");
    assert_eq!(second.field("Retry-After").as_deref(), Some("1"));
    assert_eq!(first.finish(200).response.status, 200);
    assert_eq!(placed(order(&harness, "pizza"), "eight").response.status, 200);
}

#[test]
fn who_goes_leaves_the_key_taken_for_a_while() {
    let harness = harness("{ lock_ttl: 30s }");
    let mut first = order(&harness, "pizza").begin();
    assert!(first.is_at_service());
    drop(first);
    harness.advance(Duration::from_secs(29));
    is_refused(&placed(order(&harness, "pizza"), "eight"), 409, "idempotency_in_flight");
    harness.advance(Duration::from_secs(1));
    is_new(&placed(order(&harness, "pizza"), "eight"));
}

#[test]
fn who_resets_the_stream_leaves_the_key_taken_too() {
    let harness = harness("true");
    order(&harness, "x").fail(Fault::client(400, "client_closed", "Bad request"));
    is_refused(&order(&harness, "x").answer(200, &[]), 409, "idempotency_in_flight");
    harness.advance(Duration::from_mins(1));
    is_new(&order(&harness, "x").answer(200, &[]));
}

fn outlive(harness: &Harness) -> (Begun<'_>, Begun<'_>) {
    let first = order(harness, "pizza").begin();
    harness.advance(Duration::from_mins(1));
    let mut second = order(harness, "pizza").begin();
    assert!(second.is_at_service(), "the first has taken too long");
    (first, second)
}

#[test]
fn one_that_takes_too_long_takes_nothing_from_the_next() {
    let fresh = harness("true");
    let (first, second) = outlive(&fresh);
    first.finish(503);
    is_refused(&placed(order(&fresh, "pizza"), ""), 409, "idempotency_in_flight");
    second.finish(200);
    assert_eq!(placed(order(&fresh, "pizza"), "").response.status, 200);
    let fresh = harness("true");
    let (first, second) = outlive(&fresh);
    first.finish(204);
    is_refused(&placed(order(&fresh, "pizza"), ""), 409, "idempotency_in_flight");
    second.finish(200);
    assert_eq!(placed(order(&fresh, "pizza"), "").response.status, 200);
}

#[test]
fn what_is_not_final_frees_the_key() {
    for status in [200, 204, 303, 400, 404, 410, 422] {
        let harness = harness("true");
        order(&harness, "x").answer(status, &[]);
        let again = order(&harness, "x").answer(200, &[]);
        assert_eq!((again.response.status, again.sent.is_none()), (status, true));
    }
    for status in [401, 403, 407, 408, 409, 425, 429, 499, 500, 502, 503, 504] {
        let harness = harness("true");
        order(&harness, "x").answer(status, &[]);
        is_new(&order(&harness, "x").answer(200, &[]));
    }
    let harness = harness("true");
    order(&harness, "x").fail(Fault::bad_gateway("upstream_connect").retry(Retry::Safe));
    is_new(&order(&harness, "x").answer(200, &[]));
}

#[test]
fn what_cannot_be_given_again_is_not_done_again() {
    let harness = harness("{ max_body: 8B }");
    let whole = order(&harness, "x").answer_with(200, &[("Content-Length", "8")], "12345678", &[]);
    assert_eq!(whole.body.len(), 8);
    assert_eq!(order(&harness, "x").answer(500, &[]).body, whole.body);
    let long = |key| harness.request("POST /", &[("Idempotency-Key", key)]);
    for (key, body, trailers) in [("long", "123456789", &[][..]), ("trailers", "1", &[("X-Sum", "1")])] {
        let first = long(key).answer_with(200, &[], body, trailers);
        assert_eq!(&*first.body, body.as_bytes(), "who asked first gets all of it");
        is_refused(&long(key).answer(200, &[]), 409, "idempotency_answer_lost");
        harness.advance(Duration::from_hours(1));
        is_refused(&long(key).answer(200, &[]), 409, "idempotency_answer_lost");
    }
    harness.advance(Duration::from_hours(23));
    is_new(&long("long").answer(200, &[]));
}

#[test]
fn an_answer_that_breaks_off_is_lost() {
    use maitred_policy::BodyFilter as _;

    let harness = harness("true");
    let policy = harness.policy::<Idempotency>();
    let beside = harness.beside();
    let taken = || {
        std::rc::Rc::new(taken::Taken {
            shelf: Arc::clone(&policy.shelf),
            beside: std::rc::Rc::clone(&beside),
            place: [7; 32],
            fingerprint: [9; 32],
            holder: 7,
            until: u64::MAX,
        })
    };
    let found = || {
        let key = maitred_store::Key { scope: &policy.shelf.scope, value: &[7; 32] };
        let maitred_store::Answer::Ready(said) = policy.shelf.store.get(beside.seat(), key, beside.moment())
        else {
            panic!("it is in memory")
        };
        entry::parse(&said.unwrap()?).map(|(_, found)| found)
    };
    let head = || {
        entry::answered(&[9; 32], &maitred_http::ResponseHead { status: 200, ..Default::default() }).unwrap()
    };
    let mut out = Vec::new();
    let mut capture = capture::Capture::new(taken(), head(), Some(5), 100);
    capture.push(b"hel", &mut out).unwrap();
    assert!(found().is_none());
    drop(capture);
    assert!(matches!(found(), Some(entry::Found::Lost)));
    // What is whole is kept before it is sent.
    let mut capture = capture::Capture::new(taken(), head(), Some(5), 100);
    capture.push(b"hel", &mut out).unwrap();
    capture.push(b"lo", &mut out).unwrap();
    assert!(
        matches!(found(), Some(entry::Found::Answered(reply)) if &**reply.body.as_whole().unwrap() == b"hello")
    );
    drop(capture);
    assert!(matches!(found(), Some(entry::Found::Answered(_))));
    assert_eq!(out, b"helhello");
}

#[test]
fn keys_are_asked_for_and_looked_at() {
    let lenient = harness("true");
    for exchange in
        [lenient.request("POST /", &[]), lenient.request("GET /", &[KEY]), lenient.request("PUT /", &[KEY])]
    {
        is_new(&exchange.answer(200, &[]));
    }
    is_new(&lenient.request("PUT /", &[KEY]).answer(200, &[]));
    is_new(&lenient.request("PUT /", &[("Idempotency-Key", "a, b")]).answer(200, &[]));
    is_refused(
        &lenient.request("POST /", &[("Idempotency-Key", "a, b")]).answer(200, &[]),
        400,
        "idempotency_key_malformed",
    );
    is_refused(&lenient.request("POST /", &[KEY, KEY]).answer(200, &[]), 400, "idempotency_key_malformed");
    let strict =
        harness("{ header: X-Once, required: true, methods: [PUT], documentation: https://shop.test/once }");
    let missing = strict.request("PUT /", &[KEY]).answer(200, &[]);
    is_refused(&missing, 400, "idempotency_key_missing");
    assert_eq!(
        missing.field("Link").as_deref(),
        Some("<https://shop.test/once>; rel=\"describedby\"; type=\"text/html\"")
    );
    is_new(&strict.request("POST /", &[]).answer(200, &[]));
    is_new(&strict.request("PUT /", &[("X-Once", "1")]).answer(200, &[]));
    assert_eq!(strict.request("PUT /", &[("X-Once", "1")]).answer(500, &[]).response.status, 200);
}

#[test]
fn large_bodies_are_told_apart_too() {
    let harness = harness("true");
    let large = "x".repeat(200_000);
    assert_eq!(placed(order(&harness, &large), "seven").sent_body.len(), 200_000);
    assert_eq!(harness.jobs_done(), 1, "a worker has no time for that");
    is_replayed(&placed(order(&harness, &large), "eight"), "seven");
    is_refused(&placed(order(&harness, &large[1..]), "eight"), 422, "idempotency_key_reused");
}

#[test]
fn it_tells_what_it_would_do() {
    let harness = harness("{ required: true }");
    let explained = |line: &str, fields: &[_]| harness.request(line, fields).explain().remove(0);
    assert_eq!(explained("GET /", &[KEY]), "lets it through: there is no key that counts");
    assert_eq!(explained("POST /", &[]), "refuses: `Idempotency-Key` is missing");
    assert_eq!(explained("POST /", &[KEY, KEY]), "refuses: the key in `Idempotency-Key` is malformed");
    assert_eq!(
        explained("POST /", &[KEY]),
        "lets the first request with this key through, and gives its answer again for 1d"
    );
}

#[test]
fn what_has_no_effect_is_a_mistake() {
    for (yaml, told) in [
        ("{ methods: [] }", "no request is done once"),
        ("{ methods: [POST, GET] }", "`GET` changes nothing"),
        ("{ ttl: 0s }", "`ttl` cannot be zero"),
        ("{ lock_ttl: 0s }", "`lock_ttl` cannot be zero"),
        ("{ lock_ttl: 2d }", "no request takes longer than a day"),
        ("{ max_body: 17MiB }", "this is more than 16MiB"),
        ("{ store: defualt }", "there is no store `defualt`"),
    ] {
        let problems = problems_of::<Idempotency>(yaml);
        assert!(problems.contains(told), "{yaml}: {problems}");
    }
}
