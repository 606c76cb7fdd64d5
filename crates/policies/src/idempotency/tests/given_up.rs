//! Requests that the gateway gives up: before the service had them, while it may be at work, and after it has done them.

use maitred_config::config_map;
use maitred_http::RequestHead;
use maitred_policy::{Facts, Policy, RequestCx, ResponseCx, Step, Verdict};

use super::*;

config_map! {
    /// Cannot make anything of what the service answers.
    struct ChokesConfig {
        /// Or whether it refuses the request before.
        refuses: bool,
    }
}

struct Chokes(ChokesConfig);

impl PolicyKind for Chokes {
    const NAME: &'static str = "chokes";
    type Config = ChokesConfig;
    type Compiled = Self;

    fn phase(_: &ChokesConfig) -> Phase {
        Phase::Prepare
    }

    fn compile(config: ChokesConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self(config))
    }
}

impl Policy for Chokes {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, _: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if self.0.refuses { Step::fail(Fault::client(400, "chokes", "No")) } else { Step::CONTINUE }
    }

    fn on_response<'a>(&'a self, _: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        if self.0.refuses { Step::CONTINUE } else { Step::fail(Fault::bad_gateway("chokes")) }
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        "chokes".to_owned()
    }
}

#[test]
fn what_the_service_may_have_done_leaves_the_key_taken() {
    for fault in [Fault::timeout("upstream_timeout"), Fault::bad_gateway("upstream_reset")] {
        let harness = harness("{ lock_ttl: 30s }");
        order(&harness, "x").fail(fault);
        harness.advance(Duration::from_secs(29));
        is_refused(&order(&harness, "x").answer(200, &[]), 409, "idempotency_in_flight");
        harness.advance(Duration::from_secs(1));
        is_new(&order(&harness, "x").answer(200, &[]));
    }
}

#[test]
fn what_the_service_has_done_and_nobody_gets_is_lost() {
    let chokes = harness("true").and::<Chokes>("{ refuses: false }");
    let first = order(&chokes, "x").answer(201, &[]);
    assert_eq!((first.response.status, first.cause()), (502, Some("chokes")));
    is_refused(&order(&chokes, "x").answer(200, &[]), 409, "idempotency_answer_lost");
    chokes.advance(Duration::from_hours(23));
    is_refused(&order(&chokes, "x").answer(200, &[]), 409, "idempotency_answer_lost");
    // What it has refused is as good as not done.
    for refused in [404, 503] {
        let chokes = harness("true").and::<Chokes>("{ refuses: false }");
        order(&chokes, "x").answer(refused, &[]);
        assert!(order(&chokes, "x").answer(200, &[]).sent.is_some());
    }
}

#[test]
fn what_never_came_to_the_service_frees_the_key() {
    let refuses = harness("true").and::<Chokes>("{ refuses: true }");
    for _ in 0..2 {
        is_refused(&order(&refuses, "x").answer(200, &[]), 400, "chokes");
    }
}
