//! A request under way: on its way down, waiting in a policy, or held by the service until the test lets it answer.
//! Dropped before its end it is one whose client has gone.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use maitred_http::ResponseHead;

use super::moved::MovedRuntime;
use super::{Answered, Exchange, Harness, Outcome, Running};
use crate::body::{RequestBody, ResponseBody, WholeBody};
use crate::contract;
use crate::erased::Slot;
use crate::facts::Reached;
use crate::fault::{Fault, Retry, Side};
use crate::runtime::Runtime as _;
use crate::verdict::{ReplyBody, Verdict};

/// What the service does with a request.
type Action = Result<(ResponseHead, WholeBody), Fault>;

/// A request under way.
pub struct Begun<'h> {
    harness: &'h Harness,
    serving: Pin<Box<dyn Future<Output = Outcome> + 'h>>,
    service: Rc<HeldService>,
    ended: Option<Outcome>,
}

/// A service that answers when it is told to.
#[derive(Default)]
struct HeldService {
    has_request: Cell<bool>,
    action: RefCell<Option<Action>>,
}

impl HeldService {
    async fn act(&self) -> Action {
        self.has_request.set(true);
        std::future::poll_fn(|_| self.action.borrow_mut().take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// One run of the policies. Their end hooks hang on its drop.
pub(super) struct Run<'h> {
    pub(super) policies: &'h [Running],
    runtime: MovedRuntime,
    states: Vec<Box<dyn Any>>,
    /// The policy that it begins at.
    pub(super) first: usize,
    /// The policy whose request hook runs next.
    pub(super) ran: usize,
    end: contract::Outcome,
}

impl<'h> Run<'h> {
    fn new(harness: &'h Harness, first: usize) -> Self {
        let policies = &harness.policies[..];
        let states = policies.iter().map(|running| running.policy.new_state()).collect();
        let end = contract::Outcome { status: 0, complete: false, duration: Duration::ZERO };
        Self { policies, runtime: harness.runtime.clone(), states, first, ran: first, end }
    }

    /// What the hooks of policy number `at` are given.
    pub(super) fn slot(&mut self, at: usize) -> Slot<'_> {
        let (state, local) = (&mut *self.states[at], &*self.policies[at].local);
        self.runtime.turn(at);
        Slot { state, local, runtime: &self.runtime }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let (policies, end) = (self.policies, self.end);
        for (at, running) in policies.iter().enumerate().take(self.ran).skip(self.first) {
            let Slot { state, local, .. } = self.slot(at);
            running.policy.on_end(state, local, &end);
        }
    }
}

impl<'h> Begun<'h> {
    pub(super) fn new(exchange: Exchange<'h>) -> Self {
        let (harness, service) = (exchange.harness, Rc::default());
        let serving = Box::pin(serve(exchange, Rc::clone(&service)));
        let mut begun = Self { harness, serving, service, ended: None };
        begun.look();
        begun
    }

    /// Whether it has reached the service.
    pub fn is_at_service(&mut self) -> bool {
        self.look();
        self.service.has_request.get()
    }

    /// What became of it, once it is answered.
    pub fn ended(&mut self) -> Option<&Outcome> {
        self.look();
        self.ended.as_ref()
    }

    /// Lets the service answer with this status, once it has the request, and moves the clock for what waits for that.
    pub fn finish(self, status: u16) -> Outcome {
        let head = ResponseHead { status, ..ResponseHead::default() };
        self.finish_with(Ok((head, WholeBody::default())))
    }

    /// The same with these fields and this body.
    pub fn finish_as(self, status: u16, fields: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Outcome {
        let mut head = ResponseHead { status, ..ResponseHead::default() };
        for (name, value) in fields {
            head.fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        self.finish_with(Ok((head, WholeBody { bytes: body.into(), trailers: None })))
    }

    pub(super) fn finish_with(mut self, action: Action) -> Outcome {
        *self.service.action.borrow_mut() = Some(action);
        loop {
            self.look();
            if let Some(ended) = self.ended.take() {
                return ended;
            }
            assert!(self.harness.runtime.skip(), "a policy waits for something else than the clock");
        }
    }

    fn look(&mut self) {
        if self.ended.is_none()
            && let Poll::Ready(outcome) = self.serving.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.ended = Some(outcome);
        }
    }
}

async fn serve(exchange: Exchange<'_>, service: Rc<HeldService>) -> Outcome {
    let Exchange { harness, facts, first, mut request, body, uploading } = exchange;
    let started = harness.runtime.now();
    let mut run = Run::new(harness, first);
    let mut outcome = Outcome {
        sent: None,
        sent_body: Vec::new(),
        facts,
        response: ResponseHead::default(),
        body: Bytes::new(),
        trailers: None,
        answered: Answered::Service,
        took: Duration::ZERO,
        own: ReplyBody::default(),
    };
    let mut sent = RequestBody::default();
    outcome.go_down(&mut run, &mut request, &mut sent, body).await;
    let mut answer = ResponseBody::default();
    let mut streamed = None;
    if matches!(outcome.answered, Answered::Service) {
        outcome.sent = Some(request.clone());
        if !uploading.is_zero() {
            harness.runtime.sleep_until(harness.runtime.now() + uploading).await;
        }
        let asked = harness.runtime.now();
        let action = service.act().await;
        let is_late = |fault: &Fault| fault.side() == Side::Upstream && fault.status() == 504;
        outcome.facts.reached = match &action {
            Ok((response, _)) => Reached::Answered(response.status),
            Err(fault) if fault.retry_allowed() == Retry::Safe => Reached::Nothing,
            Err(_) => Reached::Sent,
        };
        outcome.facts.sent_at = action.as_ref().map_or_else(is_late, |_| true).then_some(asked);
        match action {
            Ok((response, body)) => {
                outcome.response = response;
                if sent.wants_whole_response {
                    answer.whole = Some(Box::new(body));
                } else {
                    streamed = Some(body);
                }
            }
            Err(fault) => outcome.take(Verdict::Fail(fault), &mut answer),
        }
    }
    outcome.go_up(&mut run, &request, &mut answer).await;
    let complete = outcome.finish_answer(answer, streamed).await;
    outcome.took = harness.runtime.now() - started;
    run.end = contract::Outcome { status: outcome.response.status, complete, duration: outcome.took };
    outcome
}

impl std::fmt::Debug for Begun<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun").field("ended", &self.ended).finish_non_exhaustive()
    }
}
