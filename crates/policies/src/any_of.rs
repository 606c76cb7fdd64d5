//! Lets a request choose by which of several policies it is identified.
//!
//! It holds other policies, all of which identify. The first of them, as they are written, whose credential a request shows takes it,
//! and it alone: what it refuses is refused, and no other is asked. Keys and passwords that the request shows besides do not reach the
//! service: they are removed once the policy that takes the request is done, so what that one puts into the field of another, such as an `Authorization` that `forward_auth` copies
//! beside `basic_auth`, does not either. Two of a kind are told apart by labels, as in `{ api_key: true, api_key/partners: header.X-Partner-Key }`.
//!
//! A request that shows none of the credentials is taken to each policy in its turn, until one lets it pass or answers it: so does
//! one that is `optional`, and the request is that of nobody. Where none does, the answer is 401, with the `WWW-Authenticate` of all
//! of them (RFC 9110 section 11.6.1).
//!
//! `NAME: false` takes one of them away, where `any_of` itself is inherited.

mod config;
mod together;

use std::any::Any;
use std::cell::OnceCell;
use std::sync::Arc;

use maitred_config::Problem;
use maitred_http::RequestHead;
use maitred_policy::identity::MISSING_CREDENTIALS;
use maitred_policy::{
    Build, DynPolicy, Facts, Fault, Fetching, Needs, Outcome, OwnRequest, Phase, Policy, PolicyKind,
    RequestCx, ResponseCx, Slot, Step, Verdict,
};
use maitred_telemetry::Measured;

use config::AnyOfConfig;
use together::Together;

/// See the top of this file.
pub(crate) struct AnyOf {
    policies: Box<[Held]>,
    measured: Option<Arc<Together>>,
}

/// One of the policies, under its name.
struct Held {
    name: Box<str>,
    policy: Box<dyn DynPolicy>,
}

/// What those remember of one exchange whose request hook ran, by their numbers.
#[derive(Default)]
pub(crate) struct Remembered(Vec<(usize, Box<dyn Any>)>);

/// What each owns on one worker.
#[derive(Default)]
pub(crate) struct Locals(OnceCell<Box<[Box<dyn Any>]>>);

impl PolicyKind for AnyOf {
    const NAME: &'static str = "any_of";
    type Config = AnyOfConfig;
    type Compiled = Self;

    fn phase(_: &AnyOfConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: AnyOfConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let entries = config.0.entries.iter();
        let written: Vec<_> = entries.filter(|entry| entry.node.as_bool() != Some(false)).collect();
        if written.is_empty() {
            let problem = Problem::error("this names no policy").at(build.span());
            build.report(problem.help("write some that identify: `any_of: { jwt: true, api_key: true }`"));
        }
        let mut policies = Vec::new();
        for entry in &written {
            let name = entry.name();
            let old = previous.and_then(|previous| previous.held(&name)).map(|old| &*old.policy);
            match build.policy(entry, old) {
                Some((Phase::Identify, policy)) => policies.push(Held { name: name.into(), policy }),
                Some(_) => {
                    let problem = Problem::error(format!("`{name}` identifies nobody")).at(entry.span);
                    build.report(
                        problem.help("write it beside `any_of`, which chooses among policies that identify"),
                    );
                }
                None => {}
            }
        }
        let is_good = !policies.is_empty() && policies.len() == written.len();
        let parts = policies.iter().filter_map(|held| held.policy.measured()).collect();
        let measured = Together::of(parts, previous.and_then(|previous| previous.measured.as_ref()));
        is_good.then(|| Self { policies: policies.into(), measured })
    }
}

impl AnyOf {
    fn held(&self, name: &str) -> Option<&Held> {
        self.policies.iter().find(|held| *held.name == *name)
    }

    /// The number of the first whose credential a request shows.
    fn shown(&self, request: &RequestHead, facts: &Facts) -> Option<usize> {
        self.policies.iter().position(|held| held.policy.shows(request, facts))
    }

    fn locals<'a>(&self, local: &'a Locals) -> &'a [Box<dyn Any>] {
        local.0.get_or_init(|| self.policies.iter().map(|held| held.policy.new_local()).collect())
    }

    /// Takes a request that shows several credentials to one policy, and keeps those of the others from the service and from logs.
    async fn ask_one(&self, at: usize, cx: RequestCx<'_, Self>) -> Verdict {
        let RequestCx { request, facts, body, state, local, runtime } = cx;
        let held = &self.policies[at];
        let slot = Slot { state: state.of(at, held), local: &*self.locals(local)[at], runtime };
        let verdict = finish(held.policy.on_request(request, facts, body, slot)).await;
        for other in &self.policies[at + 1..] {
            other.policy.withhold(request, facts);
        }
        held.named(verdict)
    }

    /// Takes a request that shows nothing to each in its turn.
    async fn ask_each(&self, cx: RequestCx<'_, Self>) -> Verdict {
        let RequestCx { request, facts, body, state, local, runtime } = cx;
        let locals = self.locals(local);
        let mut refused = Fault::client(401, MISSING_CREDENTIALS, "Missing credentials");
        for (at, held) in self.policies.iter().enumerate() {
            let slot = Slot { state: state.of(at, held), local: &*locals[at], runtime };
            match finish(held.policy.on_request(request, facts, body, slot)).await {
                Verdict::Fail(fault) if fault.cause() == MISSING_CREDENTIALS => {
                    refused = with_challenges(refused, &fault);
                }
                verdict => return held.named(verdict),
            }
        }
        Verdict::Fail(refused)
    }

    /// Runs the response hooks of these, until one of them has another answer.
    async fn rise(&self, rising: Vec<usize>, cx: ResponseCx<'_, Self>) -> Verdict {
        let ResponseCx { response, request, facts, body, state, local, runtime } = cx;
        let locals = self.locals(local);
        for at in rising {
            let held = &self.policies[at];
            let slot = Slot { state: state.of(at, held), local: &*locals[at], runtime };
            let verdict = finish(held.policy.on_response(response, request, facts, body, slot)).await;
            if !matches!(verdict, Verdict::Continue) {
                return held.named(verdict);
            }
        }
        Verdict::Continue
    }

    /// The numbers of those whose response hook is to run, last first.
    fn rising(&self, state: &Remembered) -> Vec<usize> {
        let ran = |at: &usize| state.0.iter().any(|(number, _)| number == at);
        let rises = |at: &usize| ran(at) || self.policies[*at].policy.needs().every_answer;
        (0..self.policies.len()).rev().filter(rises).collect()
    }
}

/// The fault with the challenges of another one, each once.
fn with_challenges(fault: Fault, other: &Fault) -> Fault {
    other.fields().iter().fold(fault, |fault, (name, value)| {
        let is_known = fault.fields().iter().any(|field| field == (name, value));
        if is_known { fault } else { fault.field(name, value) }
    })
}

impl Held {
    /// The verdict, with the name of the policy where it is a fault.
    fn named(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Fail(fault) => Verdict::Fail(fault.in_policy(&self.name)),
            verdict => verdict,
        }
    }

    fn name_step<'a>(&'a self, step: Step<'a, Verdict>) -> Step<'a, Verdict> {
        match step {
            Step::Ready(verdict) => Step::Ready(self.named(verdict)),
            Step::Later(later) => Step::Later(Box::pin(async move { self.named(later.await) })),
        }
    }
}

impl Remembered {
    /// What policy number `at` remembers: nothing yet, where none of its hooks ran before.
    fn of(&mut self, at: usize, held: &Held) -> &mut dyn Any {
        let known = self.0.iter().position(|(number, _)| *number == at);
        let place = known.unwrap_or_else(|| {
            self.0.push((at, held.policy.new_state()));
            self.0.len() - 1
        });
        &mut *self.0[place].1
    }
}

async fn finish(step: Step<'_, Verdict>) -> Verdict {
    match step {
        Step::Ready(verdict) => verdict,
        Step::Later(later) => later.await,
    }
}

impl Policy for AnyOf {
    type State = Remembered;
    type Local = Locals;

    fn needs(&self) -> Needs {
        self.policies.iter().fold(Needs::default(), |needs, held| {
            let Needs { preflights, every_answer, request_body, upstream, identity } = held.policy.needs();
            Needs {
                preflights: needs.preflights || preflights,
                every_answer: needs.every_answer || every_answer,
                request_body: needs.request_body || request_body,
                upstream: needs.upstream || upstream,
                identity: needs.identity || identity,
            }
        })
    }

    fn wants_body(&self, request: &RequestHead, facts: &Facts) -> Option<u64> {
        let wants = |held: &Held| {
            let may = held.policy.needs().request_body;
            may.then(|| held.policy.wants_body(request, facts)).flatten()
        };
        match self.shown(request, facts) {
            Some(at) => wants(&self.policies[at]),
            None => self.policies.iter().filter_map(wants).max(),
        }
    }

    fn fetched(&self) -> Vec<Fetching> {
        self.policies.iter().flat_map(|held| held.policy.fetched()).collect()
    }

    fn own_requests(&self) -> Vec<OwnRequest> {
        self.policies.iter().flat_map(|held| held.policy.own_requests()).collect()
    }

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        self.measured.clone().map(|together| together as Arc<dyn Measured>)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let Some(at) = self.shown(cx.request, cx.facts) else {
            return Step::Later(Box::pin(self.ask_each(cx)));
        };
        if self.policies[at + 1..].iter().any(|held| held.policy.shows(cx.request, cx.facts)) {
            return Step::Later(Box::pin(self.ask_one(at, cx)));
        }
        let held = &self.policies[at];
        let RequestCx { request, facts, body, state, local, runtime } = cx;
        let slot = Slot { state: state.of(at, held), local: &*self.locals(local)[at], runtime };
        held.name_step(held.policy.on_request(request, facts, body, slot))
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let rising = self.rising(cx.state);
        let [at] = rising[..] else {
            if rising.is_empty() {
                return Step::CONTINUE;
            }
            return Step::Later(Box::pin(self.rise(rising, cx)));
        };
        let held = &self.policies[at];
        let ResponseCx { response, request, facts, body, state, local, runtime } = cx;
        let slot = Slot { state: state.of(at, held), local: &*self.locals(local)[at], runtime };
        held.name_step(held.policy.on_response(response, request, facts, body, slot))
    }

    fn on_end(&self, state: &mut Remembered, local: &Locals, outcome: &Outcome) {
        let locals = self.locals(local);
        for (at, state) in &mut state.0 {
            self.policies[*at].policy.on_end(&mut **state, &*locals[*at], outcome);
        }
    }

    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool {
        self.shown(request, facts).is_some()
    }

    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        self.policies.iter().for_each(|held| held.policy.withhold(request, facts));
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        if let Some(at) = self.shown(request, facts) {
            self.policies[at].policy.identify(request, facts);
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        let says = |held: &Held| format!("`{}` {}", held.name, held.policy.explain(request, facts));
        match self.shown(request, facts) {
            Some(at) => says(&self.policies[at]),
            None => self.policies.iter().map(says).collect::<Vec<_>>().join("; "),
        }
    }
}

#[cfg(test)]
mod tests;
