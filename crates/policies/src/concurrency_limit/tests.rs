//! Who goes on, who waits and who is refused: by the harness for the policy, by a model and by threads for the places.

use std::time::Duration;

use maitred_policy::harness::{Begun, Harness, Outcome, problems_of};

use super::*;

mod adaptive;
mod callers;
mod policy;
mod shared;
mod slots;

const QUEUED: &str = "{ limit: 1, queue: 2, queue_timeout: 1s, priority: { high: 'header[\"X-Tier\"] == \"gold\"', low: 'request.path == \"/crawl\"' } }";

fn limited(yaml: &str) -> Harness {
    Harness::of::<ConcurrencyLimit>(yaml)
}

fn begin<'h>(harness: &'h Harness, path: &str) -> Begun<'h> {
    harness.request(&format!("GET {path}"), &[]).begin()
}

fn gold(harness: &Harness) -> Begun<'_> {
    harness.request("GET /", &[("X-Tier", "gold")]).begin()
}

fn is_shed(outcome: &Outcome) {
    assert_eq!((outcome.response.status, outcome.cause()), (503, Some("concurrency_limit")));
    assert_eq!(outcome.field("Retry-After").as_deref(), Some("1"));
    assert!(outcome.sent.is_none());
}

fn measured(harness: &Harness, family: &str, reason: Option<&str>) -> u64 {
    let all = harness.measures();
    let of = |label: Option<(&str, &'static str)>| label.map(|(_, word)| word) == reason;
    let found = all.iter().find(|one| one.family.ends_with(family) && of(one.label));
    found.expect("it is measured").value
}

#[test]
fn so_many_go_on_at_once_and_the_next_is_refused() {
    let harness = limited("2");
    assert_eq!(measured(&harness, "_slots", None), 2);
    let (mut one, mut two) = (begin(&harness, "/1"), begin(&harness, "/2"));
    assert!(one.is_at_service() && two.is_at_service());
    is_shed(begin(&harness, "/3").ended().unwrap());
    assert_eq!(measured(&harness, "_in_flight", None), 2);
    assert_eq!(
        (measured(&harness, "_slots", None), measured(&harness, "_refused_total", Some("full"))),
        (2, 1)
    );
    assert_eq!(one.finish(200).response.status, 200);
    let mut four = begin(&harness, "/4");
    assert!(four.is_at_service());
    assert_eq!(measured(&harness, "_in_flight", None), 2);
}

#[test]
fn a_place_comes_back_when_the_client_goes() {
    let harness = limited("1");
    let mut one = begin(&harness, "/1");
    assert!(one.is_at_service());
    drop(one);
    assert!(begin(&harness, "/2").is_at_service());
    assert_eq!(measured(&harness, "_in_flight", None), 0);
}

#[test]
fn those_that_wait_go_on_in_their_order() {
    let harness = limited(QUEUED);
    let one = begin(&harness, "/1");
    let (mut two, mut three) = (begin(&harness, "/2"), begin(&harness, "/3"));
    assert!(!two.is_at_service() && !three.is_at_service());
    assert_eq!(measured(&harness, "_queued", None), 2);
    is_shed(begin(&harness, "/4").ended().unwrap());
    one.finish(200);
    assert!(two.is_at_service() && !three.is_at_service());
    two.finish(200);
    assert!(three.is_at_service());
    three.finish(200);
    assert_eq!((measured(&harness, "_in_flight", None), measured(&harness, "_queued", None)), (0, 0));
}

#[test]
fn nobody_waits_for_too_long() {
    let harness = limited(QUEUED);
    let one = begin(&harness, "/1");
    let mut two = begin(&harness, "/2");
    harness.advance(Duration::from_millis(999));
    assert!(two.ended().is_none());
    harness.advance(Duration::from_millis(1));
    is_shed(two.ended().unwrap());
    assert_eq!(measured(&harness, "_refused_total", Some("timeout")), 1);
    // It takes no place that comes later.
    one.finish(200);
    assert_eq!(measured(&harness, "_in_flight", None), 0);
}

#[test]
fn who_gives_up_is_passed_over_and_leaves_room() {
    let harness = limited(QUEUED);
    let one = begin(&harness, "/1");
    let (two, mut three) = (begin(&harness, "/2"), begin(&harness, "/3"));
    drop(two);
    let mut four = begin(&harness, "/4");
    assert!(four.ended().is_none(), "there is room for it");
    one.finish(200);
    assert!(three.is_at_service() && !four.is_at_service());
}

#[test]
fn a_place_that_was_given_to_one_who_goes_is_given_to_the_next() {
    let harness = limited(QUEUED);
    let one = begin(&harness, "/1");
    let (two, mut three) = (begin(&harness, "/2"), begin(&harness, "/3"));
    one.finish(200);
    // It has the place, and does not know it yet.
    drop(two);
    assert!(three.is_at_service());
}

#[test]
fn higher_classes_go_first() {
    let harness = limited(
        "{ limit: 1, queue: 3, priority: { high: 'header[\"X-Tier\"] == \"gold\"', low: 'request.path == \"/crawl\"' } }",
    );
    let one = begin(&harness, "/1");
    let (mut low, mut normal, mut high) = (begin(&harness, "/crawl"), begin(&harness, "/2"), gold(&harness));
    one.finish(200);
    assert!(high.is_at_service() && !normal.is_at_service());
    high.finish(200);
    assert!(normal.is_at_service() && !low.is_at_service());
    normal.finish(200);
    assert!(low.is_at_service());
}

#[test]
fn in_a_full_queue_the_lower_gives_way() {
    let harness = limited(QUEUED);
    let _one = begin(&harness, "/1");
    let (mut normal, mut low) = (begin(&harness, "/2"), begin(&harness, "/crawl"));
    let mut high = gold(&harness);
    assert!(high.ended().is_none() && normal.ended().is_none());
    is_shed(low.ended().unwrap());
    let mut higher = gold(&harness);
    is_shed(normal.ended().unwrap());
    assert!(higher.ended().is_none());
    is_shed(gold(&harness).ended().unwrap());
    assert_eq!(measured(&harness, "_refused_total", Some("displaced")), 2);
    assert_eq!(measured(&harness, "_refused_total", Some("full")), 1);
}

#[test]
fn a_reload_keeps_the_count_and_who_waits() {
    let before = limited("{ limit: 1, queue: 1 }");
    let one = begin(&before, "/1");
    let mut two = begin(&before, "/2");
    let after = before.reloaded::<ConcurrencyLimit>("2");
    let mut three = begin(&after, "/3");
    assert!(two.is_at_service(), "there is a place more, and it waited for longer");
    is_shed(three.ended().unwrap());
    one.finish(200);
    assert!(begin(&after, "/4").is_at_service());
    two.finish(200);
    assert_eq!(measured(&after, "_in_flight", None), 0);
}

#[test]
fn a_reload_lowers_the_limit_also_while_others_wait() {
    let before = limited("{ limit: 2, queue: 2 }");
    let (one, two) = (begin(&before, "/1"), begin(&before, "/2"));
    let (mut three, mut four) = (begin(&before, "/3"), begin(&before, "/4"));
    let after = before.reloaded::<ConcurrencyLimit>("{ limit: 1, queue: 2 }");
    is_shed(begin(&after, "/5").ended().unwrap());
    assert_eq!(measured(&after, "_slots", None), 1);
    one.finish(200);
    assert!(!three.is_at_service(), "one is enough now");
    two.finish(200);
    assert!(three.is_at_service() && !four.is_at_service());
    // One that came before the reload and asks only now does not bring the old limit back.
    let six = begin(&before, "/6");
    assert!(!four.is_at_service());
    drop(six);
    three.finish(200);
    assert!(four.is_at_service());
    assert_eq!((measured(&after, "_in_flight", None), measured(&after, "_slots", None)), (1, 1));
}

#[test]
fn it_tells_what_it_would_do() {
    let explained = |yaml: &str| limited(yaml).request("GET /crawl", &[]).explain().remove(0);
    assert_eq!(explained("7"), "lets it through with up to 7 at once, and refuses it beyond");
    assert_eq!(
        explained("{ limit: adaptive, max: 8 }"),
        "lets it through with as many at once as go well, 8 to 8, and refuses it beyond"
    );
    assert_eq!(
        explained(QUEUED),
        "lets it through with up to 1 at once; beyond, up to 2 wait for 1s, this one in class `low`"
    );
}

#[test]
fn what_has_no_effect_is_a_mistake() {
    for (yaml, told) in [
        ("true", "`limit` is missing"),
        ("0", "a whole number from 1"),
        ("many", "a number of requests, or `adaptive`, is wanted here"),
        ("{ limit: 5, max: 9 }", "`max` is for `limit: adaptive`"),
        ("{ limit: adaptive, min: 9, max: 5 }", "`min` is more than `max`"),
        ("{ limit: 5, priority: { high: 'true' } }", "`priority` sorts nothing"),
        ("{ limit: 5, queue: 5, priority: true }", "this sorts nothing"),
        ("{ limit: 5, queue: 10001 }", "no more than 10000 can wait"),
        ("{ limit: 5, queue: 5, queue_timeout: 0s }", "`queue_timeout` cannot be zero"),
        ("{ limit: 5, on_store_failure: deny }", "there is no `store` that could be away"),
        ("{ limit: adaptive, store: default }", "found out by each gateway for itself"),
        ("{ limit: 5, queue: 5, store: default }", "nobody can wait for a place in a store"),
        ("{ limit: 5, store: defualt }", "there is no store `defualt`"),
        ("{ limit: 5, queue: 5, priority: { high: 'headers.a' } }", "headers"),
    ] {
        let problems = problems_of::<ConcurrencyLimit>(yaml);
        assert!(problems.contains(told), "{yaml}: {problems}");
    }
}
