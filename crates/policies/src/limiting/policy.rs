//! The hooks of limiters: a request is counted on its way down, and its answer tells how the limits stand.
//! What a request costs beyond that by its answer is taken beside it.

use std::sync::Arc;
use std::time::Duration;

use maitred_http::RequestHead;
use maitred_policy::values::View;
use maitred_policy::{
    AdminResource, Facts, Fault, Needs, Policy, RequestCx, ResponseCx, Runtime, Step, Verdict,
};
use maitred_store::{Moment, Seat};
use maitred_telemetry::Measured;
use smallvec::SmallVec;

use super::counter::{Asked, Counted, Counter};
use super::lease::Leases;
use super::tiers::{self, Group};
use super::told::{self, Told};
use super::{Limiter, at_once, limit};

/// What a limiter remembers of a request.
#[derive(Default)]
pub(crate) struct Passed {
    /// How its limits stand, a class each.
    told: SmallVec<[Told; 2]>,
    /// What its answer may say that it costs, beside what was taken.
    due: Option<Due>,
}

/// A request of which the cost is known only when it is answered.
struct Due {
    group: Group,
    key: Vec<u8>,
}

impl Due {
    /// Takes what the request cost beyond what it was counted for at first.
    async fn take(self, cost: u64, seat: Seat, now: Moment) {
        for counter in &*self.group {
            // Nobody waits for what comes of it; that the store is away is logged there.
            counter.count_beside(seat, Asked { key: &self.key, cost, more: 0, is_due: true, now }).await;
        }
    }
}

/// A request that is being counted.
struct Counting<'a> {
    limiter: &'a Limiter,
    group: &'a Group,
    key: Vec<u8>,
    cost: u64,
    facts: &'a mut Facts,
    passed: &'a mut Passed,
    leases: &'a Leases,
    runtime: &'a dyn Runtime,
}

impl Counting<'_> {
    /// Counts it, until a limit refuses: how long it is to wait, if it passes.
    async fn count(&mut self) -> Result<Duration, Fault> {
        let mut delay = Duration::ZERO;
        let counts = self.limiter.counts.at(self.runtime.seat());
        let now = self.runtime.moment();
        let (group, key) = (self.group, std::mem::take(&mut self.key));
        for (number, counter) in group.iter().enumerate() {
            let most = counter.limits.iter().map(limit::capacity).min().unwrap_or(u64::MAX);
            // One that costs more than there can ever be takes all there is: else it could never pass.
            let asked = Asked { key: &key, cost: self.cost.min(most), more: 0, is_due: false, now };
            let (counted, is_in_store) = match self.limiter.lease.filter(|_| counter.may_lease()) {
                Some(size) => self.count_by_lease(counter, asked, size).await,
                None => counter.count(self.runtime.seat(), asked, self.facts).await,
            };
            if !is_in_store {
                counts.failures.inc();
            }
            let decision = match counted {
                Counted::Decided(decision) => decision,
                Counted::Unknown => continue,
                Counted::Denied => return Err(Fault::shed("limit_store")),
            };
            let whose = std::ptr::from_ref(self.limiter).addr();
            if let Some(style) = self.limiter.headers
                && let Some(told) = Told::new(counter.class, &counter.limits, &decision, now, whose)
            {
                told.note(style, self.facts.told_limits());
                self.passed.told.push(told);
            }
            if !decision.is_allowed {
                counts.refused.inc();
                // What comes behind was not asked, and may refuse for longer.
                let seat = self.runtime.seat();
                let rest = group[number + 1..].iter().filter_map(|counter| counter.look(seat, &key, now));
                let wait =
                    rest.filter(|decision| !decision.is_allowed).map(|decision| told::wait(&decision)).max();
                return Err(counter.class.refuse(told::wait(&decision).max(wait.unwrap_or_default())));
            }
            delay = delay.max(decision.delay);
        }
        counts.allowed.inc();
        if self.limiter.cost.is_by_answer() {
            self.passed.due = Some(Due { group: Group::clone(group), key });
        }
        Ok(delay)
    }

    /// Counts it by what the worker holds; else asks for more than it needs, and where there is not so much, for what it needs.
    async fn count_by_lease(&mut self, counter: &Counter, asked: Asked<'_>, size: u64) -> (Counted, bool) {
        let Asked { cost, now, .. } = asked;
        let key = self.leases.key(&counter.scope.name, asked.key);
        if let Some(decision) = self.leases.give(key, cost, &counter.limits, now) {
            return (Counted::Decided(decision), true);
        }
        let more = self.leases.more(key, cost, size, now);
        let mut counted = counter.count(self.runtime.seat(), Asked { more, ..asked }, self.facts).await;
        if let (Counted::Decided(decision), true) = &mut counted {
            self.leases.note(key, more, size, decision, now);
            if !decision.is_allowed && more > 0 {
                return counter.count(self.runtime.seat(), asked, self.facts).await;
            }
            for standing in &mut decision.standings {
                standing.remaining = standing.remaining.saturating_add(more);
            }
        }
        counted
    }

    /// The same, and waits for its turn.
    async fn pass(mut self) -> Verdict {
        match self.count().await {
            Ok(delay) => {
                if !delay.is_zero() {
                    self.runtime.sleep_until(self.runtime.now() + delay).await;
                }
                Verdict::Continue
            }
            Err(fault) => Verdict::Fail(fault),
        }
    }
}

impl Policy for Limiter {
    type State = Passed;
    type Local = Leases;

    /// Its fields stand on every answer.
    fn needs(&self) -> Needs {
        Needs { every_answer: self.headers.is_some(), ..Needs::default() }
    }

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Some(Arc::clone(&self.counts) as Arc<dyn Measured>)
    }

    fn admin(&self) -> Option<Arc<dyn AdminResource>> {
        self.quotas.as_ref().map(|quotas| Arc::clone(quotas) as Arc<dyn AdminResource>)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, state, local, runtime, .. } = cx;
        let view = View::of_request(request, facts);
        if !self.counts(&view) {
            return Step::CONTINUE;
        }
        let mut key = Vec::with_capacity(64);
        let (group, _) = self.tiers.of(&view, &mut key);
        self.callers.write(&view, &mut key);
        let cost = self.cost.of_request(&view);
        let mut counting =
            Counting { limiter: self, group, key, cost, facts, passed: state, leases: local, runtime };
        if !self.is_at_hand {
            return Step::Later(Box::pin(counting.pass()));
        }
        match at_once(counting.count()) {
            Ok(Duration::ZERO) => Step::CONTINUE,
            Ok(delay) => {
                let turn = runtime.sleep_until(runtime.now() + delay);
                Step::Later(Box::pin(async move {
                    turn.await;
                    Verdict::Continue
                }))
            }
            Err(fault) => Step::fail(fault),
        }
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        // Once: another answer may take the place of this one.
        if let Some(due) = cx.state.due.take()
            && let Some(cost @ 1..) =
                self.cost.of_answer(&cx.response.fields).map(|cost| cost.saturating_sub(1))
        {
            let taking = due.take(cost, cx.runtime.seat(), cx.runtime.moment());
            // Where so much goes on already that it is given up, the request has cost what it was counted for at first.
            let _ = cx.runtime.beside().detach(Box::pin(taking));
        }
        if let (Some(style), Some(stores)) = (self.headers, &cx.facts.stores) {
            for told in &cx.state.told {
                told.write(style, stores.told_limits, &mut cx.response.fields);
            }
        }
        Step::CONTINUE
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        let view = View::of_request(request, facts);
        if !self.counts(&view) {
            return "does not count it".to_owned();
        }
        let mut key = Vec::new();
        let (group, tier) = self.tiers.of(&view, &mut key);
        let tier = tier.map(|tier| format!(" of `{tier}`")).unwrap_or_default();
        if group.is_empty() {
            return format!("does not count it: the limits{tier} are off");
        }
        self.callers.write(&view, &mut key);
        let key = String::from_utf8_lossy(&key);
        format!("counts it for `{key}` by the limits{tier}: {}", tiers::describe(group))
    }
}
