//! The adaptive limit through the policy: what it takes for the latency of the service, and what not.

use std::time::Duration;

use maitred_policy::harness::{Begun, Harness};

use super::{limited, measured};
use crate::fault::FaultPolicy;

/// How many requests are under way at once in these tests: more than half the limit to begin with.
const CLIENTS: usize = 15;

/// Serves so many windows of requests that reach the service at once, and are answered after so long.
fn serve(harness: &Harness, windows: usize, took: Duration, status: u16) {
    for _ in 0..2 * windows {
        let under_way: Vec<Begun<'_>> = (0..CLIENTS).map(|_| harness.request("GET /", &[]).begin()).collect();
        harness.advance(took);
        for one in under_way {
            one.finish(status);
        }
        harness.advance(Duration::from_millis(100));
    }
}

fn slots(harness: &Harness) -> u64 {
    measured(harness, "_slots", None)
}

const USUAL: Duration = Duration::from_millis(50);

#[test]
fn the_limit_follows_what_the_policy_sees_of_the_service() {
    let harness = limited("adaptive");
    serve(&harness, 5, USUAL, 200);
    let grown = slots(&harness);
    assert!(grown > 20, "{grown}");
    serve(&harness, 5, 10 * USUAL, 200);
    assert!(slots(&harness) < grown, "{} of {grown}", slots(&harness));
}

#[test]
fn that_no_answer_came_in_time_says_something_and_other_errors_do_not() {
    for (status, says) in [(500, false), (503, false), (504, true)] {
        let harness = limited("adaptive");
        serve(&harness, 5, USUAL, 200);
        let before = slots(&harness);
        serve(&harness, 5, 10 * USUAL, status);
        assert_eq!(slots(&harness) < before, says, "{status}: {} of {before}", slots(&harness));
    }
}

#[test]
fn a_client_that_is_slow_to_send_does_not_make_the_service_look_slow() {
    let harness = limited("adaptive");
    serve(&harness, 5, USUAL, 200);
    let before = slots(&harness);
    for _ in 0..20 {
        let upload = Duration::from_mins(1);
        let mut slow = harness.request("POST /", &[]).body("slow").uploading(upload).begin();
        harness.advance(upload);
        assert!(slow.is_at_service());
        harness.advance(USUAL);
        slow.finish(200);
        serve(&harness, 1, USUAL, 200);
    }
    assert!(slots(&harness) >= before, "{} of {before}", slots(&harness));
}

#[test]
fn an_answer_that_no_service_gave_does_not_make_the_service_look_fast() {
    let harness =
        limited("adaptive").and::<FaultPolicy>("{ abort: 429, when: 'request.path == \"/refused\"' }");
    serve(&harness, 5, USUAL, 200);
    let before = slots(&harness);
    for _ in 0..20 {
        let under_way: Vec<_> =
            (0..CLIENTS).map(|_| harness.request("GET /refused", &[]).answer(200, &[])).collect();
        assert!(under_way.iter().all(|one| one.response.status == 429));
        harness.advance(Duration::from_millis(100));
    }
    serve(&harness, 3, USUAL, 200);
    assert!(slots(&harness) >= before, "{} of {before}", slots(&harness));
}
