//! The ordered policies of a route, and one run of them: down to the action, up with the response, and to the end.
//!
//! Response hooks run for the policies whose request hook ran, last first, and for those of the phase Render, which have their turn behind
//! Lookup: so what looks up sees what the service said. Those that render every answer run again, where another answer
//! takes the place of the one that they have seen. The end hook runs once for each policy that ran, whatever becomes of the exchange: it hangs on the drop of the run.

use std::any::Any;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::{
    CompiledPolicy, DynPolicy, Facts, Fault, Outcome, Phase, RequestBody, ResponseBody, Runtime, Slot, Step,
    Verdict, rising,
};
use maitred_telemetry::{Metrics, RefusalSeries};
use smallvec::SmallVec;

/// A policy where it is written: shared by all routes that inherit it.
pub struct PolicyInstance {
    /// Where it is written.
    pub place: Arc<str>,
    /// Its name there, with its label.
    pub name: Arc<str>,
    /// The upstream that it is made for, where it is made for one.
    pub upstream: Option<Arc<str>>,
    /// When it runs.
    pub phase: Phase,
    /// Its number in the snapshot, under which workers keep what it owns there.
    pub number: usize,
    /// What was compiled.
    pub policy: Box<dyn DynPolicy>,
    /// Where is counted what it refuses.
    pub(crate) refusals: Arc<RefusalSeries>,
    renders: bool,
    /// Whether the whole body of the request must be there before it runs.
    needs_body: bool,
}

impl PolicyInstance {
    /// An instance of what is written at `place` under `name`, with this number in its snapshot.
    pub fn new(
        (place, name): (&str, &str),
        upstream: Option<Arc<str>>,
        number: usize,
        (phase, policy): CompiledPolicy,
        metrics: &Metrics,
    ) -> Self {
        let refusals = metrics.refusals(place, name);
        let (place, name, needs) = (place.into(), name.into(), policy.needs());
        let renders = phase == Phase::Render || needs.every_answer;
        let needs_body = needs.request_body;
        Self { place, name, upstream, phase, number, policy, refusals, renders, needs_body }
    }
}

impl std::fmt::Debug for PolicyInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.place)
    }
}

/// The policies of a route, in the order of their phases.
#[derive(Debug, Default)]
pub struct Pipeline {
    policies: Vec<Arc<PolicyInstance>>,
    /// Their numbers, in the order of the way up.
    rising: Box<[usize]>,
    /// Whether one of them answers CORS preflights.
    pub(crate) answers_preflights: bool,
}

impl Pipeline {
    /// Orders the policies by phase; inside a phase they stay as written.
    pub fn new(mut policies: Vec<Arc<PolicyInstance>>) -> Self {
        policies.sort_by_key(|instance| instance.phase);
        let answers_preflights = policies.iter().any(|instance| instance.policy.needs().preflights);
        let rising = rising(policies.iter().map(|instance| instance.phase));
        Self { policies, rising, answers_preflights }
    }

    /// The policies in the order in which they run.
    pub fn policies(&self) -> &[Arc<PolicyInstance>] {
        &self.policies
    }
}

/// What came of the way down.
pub(crate) enum Down<'a> {
    /// The next policy needs the whole body of the request, of so many bytes at the most: read it, and go on.
    NeedsBody(u64),
    Decided(Verdict),
    /// A policy has found this fault.
    Refused(&'a PolicyInstance, Fault),
}

/// What hooks are given of the worker, which is told whose turn it is.
pub(crate) trait Turns: Runtime {
    /// It is the turn of the policy of this number in its pipeline.
    fn turn(&self, number: usize);
}

/// One run of a pipeline, from some policy on. What it gives to hooks of the worker is known by its type, so that it costs a run no more than a pointer would.
pub(crate) struct Run<'a, R: Turns> {
    pipeline: &'a Pipeline,
    locals: &'a [Box<dyn Any>],
    runtime: R,
    states: SmallVec<[Box<dyn Any>; 8]>,
    /// The first policy that takes part.
    first: usize,
    /// The policy whose request hook runs next.
    ran: usize,
    /// How many of the way up have had their turn.
    risen: usize,
    /// The policies whose answers took the place of others on the way up.
    answered: SmallVec<[usize; 2]>,
    /// What the end hooks are told; set when it is known.
    pub(crate) outcome: Outcome,
}

impl<'a, R: Turns> Run<'a, R> {
    /// A run that begins at policy number `first`.
    pub(crate) fn new(
        (pipeline, first): (&'a Pipeline, usize),
        locals: &'a [Box<dyn Any>],
        runtime: R,
    ) -> Self {
        let states = pipeline.policies.iter().map(|instance| instance.policy.new_state()).collect();
        let outcome = Outcome { status: 0, complete: false, duration: std::time::Duration::ZERO };
        let (risen, answered) = (0, SmallVec::new());
        Self { pipeline, locals, runtime, states, first, ran: first, risen, answered, outcome }
    }

    /// Runs the request hooks, from where it stopped the last time, until one answers or fails. While one waits, `gone` is asked whether
    /// anybody still waits for what comes of it.
    pub(crate) async fn down(
        &mut self,
        request: &mut RequestHead,
        facts: &mut Facts,
        body: &mut RequestBody,
        mut gone: impl FnMut(&mut Context<'_>) -> Poll<Verdict>,
    ) -> Down<'a> {
        while let Some(instance) = self.pipeline.policies.get(self.ran) {
            if instance.needs_body
                && body.whole.is_none()
                && let Some(most) = instance.policy.wants_body(request, facts)
            {
                return Down::NeedsBody(most);
            }
            let state = &mut self.states[self.ran];
            self.runtime.turn(self.ran);
            self.ran += 1;
            let local = &*self.locals[instance.number];
            let slot = Slot { state: &mut **state, local, runtime: &self.runtime };
            let decided = match instance.policy.on_request(request, facts, body, slot) {
                Step::Ready(verdict) => Ok(verdict),
                Step::Later(mut later) => {
                    poll_fn(|cx| match later.as_mut().poll(cx) {
                        Poll::Ready(verdict) => Poll::Ready(Ok(verdict)),
                        Poll::Pending => gone(cx).map(Err),
                    })
                    .await
                }
            };
            let verdict = match decided {
                Ok(verdict) => verdict,
                Err(gone) => {
                    // It counts as one that ran, and was stopped before it could do this itself.
                    instance.policy.withhold(request, facts);
                    return Down::Decided(gone);
                }
            };
            match verdict {
                Verdict::Continue => {}
                Verdict::Fail(fault) => return Down::Refused(instance, fault.in_policy(&instance.name)),
                Verdict::Respond(_) => return Down::Decided(verdict),
            }
        }
        Down::Decided(Verdict::Continue)
    }

    /// Keeps what the policies that did not run identify by from services and logs.
    pub(crate) fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        for instance in &self.pipeline.policies[self.ran..] {
            instance.policy.withhold(request, facts);
        }
    }

    /// Runs the response hooks upwards until one answers or fails: with that answer this is to be called again. Policies that
    /// have had their turn then stay out, but for those that render every answer; who answered has said all it has to say.
    pub(crate) async fn up(
        &mut self,
        response: &mut ResponseHead,
        request: &RequestHead,
        facts: &Facts,
        body: &mut ResponseBody,
    ) -> Verdict {
        for (turn, &index) in self.pipeline.rising.iter().enumerate() {
            let instance = &self.pipeline.policies[index];
            let had_its_turn = turn < self.risen;
            if (had_its_turn || index >= self.ran) && !instance.renders
                || had_its_turn && self.answered.contains(&index)
                || index < self.first
            {
                continue;
            }
            self.runtime.turn(index);
            self.risen = self.risen.max(turn + 1);
            let local = &*self.locals[instance.number];
            let slot = Slot { state: &mut *self.states[index], local, runtime: &self.runtime };
            let verdict = match instance.policy.on_response(response, request, facts, body, slot) {
                Step::Ready(verdict) => verdict,
                Step::Later(later) => later.await,
            };
            if !matches!(verdict, Verdict::Continue) {
                self.answered.push(index);
                return match verdict {
                    Verdict::Fail(fault) => Verdict::Fail(fault.in_policy(&instance.name)),
                    verdict => verdict,
                };
            }
        }
        Verdict::Continue
    }
}

impl<R: Turns> Drop for Run<'_, R> {
    fn drop(&mut self) {
        let ran = self.first..self.ran;
        for (instance, state) in self.pipeline.policies[ran.clone()].iter().zip(&mut self.states[ran]) {
            let local = &*self.locals[instance.number];
            instance.policy.on_end(&mut **state, local, &self.outcome);
        }
    }
}
