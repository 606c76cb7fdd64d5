//! The order in which the harness, like the engine, runs the hooks.

use std::cell::RefCell;
use std::task::{Context, Poll};

use bytes::Bytes;

use maitred_config::config_map;

use super::*;
use crate::build::Build;
use crate::contract::{self, Needs, Policy, RequestCx, ResponseCx};
use crate::verdict::{Pieces, Reply, Step, Verdict};

config_map! {
    /// Leaves its name on everything that passes.
    struct TraceConfig {
        /// Its name.
        #[main]
        name: String,
        /// When it runs.
        at: String = "admit",
        /// What it does with requests: `go`, `answer`, `fail`, `pour`, `spill` or `refresh`.
        down: String = "go",
        /// What it does with responses: `go` or `answer`.
        up: String = "go",
        /// Whether its response hook runs on every answer.
        every: bool = false,
    }
}

struct Trace(TraceConfig);

/// So many pieces of one byte; at the end of which something may be missing.
struct Poured {
    left: u64,
    spills: bool,
}

impl Pieces for Poured {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        if self.left == 0 {
            return Poll::Ready(self.spills.then(|| Err(Fault::bad_gateway("spilt"))));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
    }

    fn length(&self) -> Option<u64> {
        (!self.spills).then_some(self.left)
    }
}

impl PolicyKind for Trace {
    const NAME: &'static str = "trace";
    type Config = TraceConfig;
    type Compiled = Self;

    fn phase(config: &TraceConfig) -> Phase {
        match config.at.as_str() {
            "screen" => Phase::Screen,
            "lookup" => Phase::Lookup,
            "render" => Phase::Render,
            _ => Phase::Admit,
        }
    }

    fn compile(config: TraceConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self(config))
    }
}

thread_local! {
    static ENDED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Policy for Trace {
    type State = bool;
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { every_answer: self.0.every, ..Needs::default() }
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        *cx.state = true;
        cx.request.fields.append_bytes(b"Down", self.0.name.as_bytes());
        match self.0.down.as_str() {
            "answer" => Step::respond(Reply::new(299)),
            down @ ("pour" | "spill") => {
                let pieces: Box<dyn Pieces> = Box::new(Poured { left: 3, spills: down == "spill" });
                Step::respond(Reply { body: pieces.into(), ..Reply::new(200) })
            }
            "refresh" => {
                let (request, facts) = (cx.request.clone(), cx.facts.clone());
                // It may ask itself, in vain.
                Step::Later(Box::pin(async move {
                    cx.runtime.refresh(request, facts);
                    Verdict::Continue
                }))
            }
            "fail" => Step::Later(Box::pin(async {
                Verdict::Fail(Fault::client(418, "teapot", "No").field(b"X-Fault", b"yes"))
            })),
            _ => Step::CONTINUE,
        }
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let name = if *cx.state { self.0.name.clone() } else { format!("({})", self.0.name) };
        cx.response.fields.append_bytes(b"Up", name.as_bytes());
        match self.0.up.as_str() {
            "answer" => Step::respond(Reply::new(298)),
            _ => Step::CONTINUE,
        }
    }

    fn on_end(&self, _: &mut bool, (): &(), outcome: &contract::Outcome) {
        ENDED.with_borrow_mut(|ended| ended.push(format!("{} {}", self.0.name, outcome.status)));
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        self.0.name.clone()
    }
}

#[test]
fn hooks_run_down_by_phase_and_up_in_reverse_with_what_renders_behind_what_looks_up() {
    let harness = Harness::of::<Trace>("{ name: r, at: render }")
        .and::<Trace>("a")
        .and::<Trace>("{ name: s, at: screen }")
        .and::<Trace>("{ name: l, at: lookup }")
        .and::<Trace>("b");
    let exchange = harness.request("GET /x?y", &[("Host", "a.example")]);
    assert_eq!(exchange.explain(), ["s", "a", "b", "l", "r"]);
    let outcome = exchange.answer(201, &[("X-A", "1")]);
    assert_eq!(outcome.sent_field("down").as_deref(), Some("s | a | b | l | r"));
    assert_eq!(outcome.sent_target(), "/x?y");
    assert_eq!(outcome.field("UP").as_deref(), Some("l | r | b | a | s"));
    assert_eq!((outcome.response.status, outcome.field("x-a").as_deref()), (201, Some("1")));
    assert_eq!(ENDED.take(), ["s 201", "a 201", "b 201", "l 201", "r 201"]);
}

#[test]
fn what_answers_ends_the_way_down_and_rendering_still_runs() {
    let harness = Harness::of::<Trace>("{ name: stop, down: answer }")
        .and::<Trace>("skipped")
        .and::<Trace>("{ name: every, every: true }")
        .and::<Trace>("{ name: r, at: render }");
    let outcome = harness.request("GET /", &[]).answer(200, &[]);
    assert!(outcome.sent.is_none() && matches!(outcome.answered, Answered::Policy));
    assert_eq!(outcome.field("Up").as_deref(), Some("(r) | (every) | stop"));
    assert_eq!(outcome.response.status, 299);
    assert_eq!(ENDED.take(), ["stop 299"]);
}

#[test]
fn an_answer_that_takes_the_place_of_another_is_rendered_too() {
    let harness = Harness::of::<Trace>("{ name: s, at: screen }")
        .and::<Trace>("{ name: takes, up: answer }")
        .and::<Trace>("once")
        .and::<Trace>("{ name: every, every: true }")
        .and::<Trace>("{ name: r, at: render }");
    let outcome = harness.request("GET /", &[]).answer(200, &[]);
    assert_eq!(outcome.response.status, 298);
    // Of the last answer: `once` has had its turn, and who answers does so once.
    assert_eq!(outcome.field("Up").as_deref(), Some("r | every | s"));
    let harness = harness.and::<Trace>("{ name: stubborn, at: render, up: answer }");
    let outcome = harness.request("GET /", &[]).answer(200, &[]);
    assert_eq!(outcome.field("Up").as_deref(), Some("r | every | s"));
}

#[test]
fn faults_become_answers() {
    let refuses = Harness::of::<Trace>("{ name: no, down: fail }").request("GET /", &[]).answer(200, &[]);
    assert_eq!((refuses.response.status, refuses.cause()), (418, Some("teapot")));
    assert_eq!(refuses.field("X-Fault").as_deref(), Some("yes"));
    let broken = Harness::of::<Trace>("a").request("GET /", &[]).fail(Fault::timeout("late"));
    assert_eq!((broken.response.status, broken.field("Up").as_deref()), (504, Some("a")));
    assert!(broken.sent.is_some());
}

#[test]
fn problems_are_drawn_with_their_place() {
    let drawn = problems_of::<Trace>("name: a\nda: b");
    assert!(drawn.contains("unknown key `da`") && drawn.contains("policy.yaml:3:3"), "{drawn}");
    assert_eq!(problems_of::<Trace>("a"), "");
}

#[test]
fn answers_come_piece_by_piece() {
    let poured = Harness::of::<Trace>("{ name: a, down: pour }").request("GET /", &[]).answer(200, &[]);
    assert_eq!((&*poured.body, poured.cause()), (&b"xxx"[..], None));
    let spilt = Harness::of::<Trace>("{ name: a, down: spill }").request("GET /", &[]).answer(200, &[]);
    assert_eq!((spilt.response.status, &*spilt.body, spilt.cause()), (200, &b"xxx"[..], Some("spilt")));
}

#[test]
fn a_refresh_begins_at_the_policy_that_wants_it() {
    let harness = Harness::of::<Trace>("{ name: s, at: screen, every: true }")
        .and::<Trace>("{ name: wants, down: refresh }")
        .and::<Trace>("behind")
        .and::<Trace>("{ name: r, at: render }");
    let asked = harness.request("GET /", &[]).answer(200, &[]);
    assert_eq!(asked.sent_field("Down").as_deref(), Some("s | wants | behind | r"));
    assert!(!asked.facts.is_refresh);
    ENDED.take();
    let [refresh] = &harness.refreshes()[..] else { panic!("one was wanted") };
    let anew = harness.refresh(refresh.clone()).answer(204, &[]);
    // The first two have left their names when it was wanted.
    assert_eq!(anew.sent_field("Down").as_deref(), Some("s | wants | wants | behind | r"));
    assert_eq!(anew.field("Up").as_deref(), Some("r | behind | wants"));
    assert!(anew.facts.is_refresh && harness.refreshes().is_empty(), "a refresh wants no other");
    assert_eq!(ENDED.take(), ["wants 204", "behind 204", "r 204"]);
    let refusing = harness.without_refreshes();
    refusing.request("GET /", &[]).answer(200, &[]);
    assert!(refusing.refreshes().is_empty());
}
