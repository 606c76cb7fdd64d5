//! The way down: a request is answered from what is kept, or goes on to the service, alone or behind another that asks the same.
//! Step 6 in the life of a request.

use std::task::Poll;
use std::time::Duration;

use maitred_cache::{
    Entry, Moment, RequestControl, Use, ask_for_changes, is_for_the_service, serve, write_key,
};
use maitred_http::{Known, Method, RequestHead, list_items};
use maitred_policy::values::View;
use maitred_policy::{Facts, Fault, Reply, Runtime, Sleep, Step, Verdict};
use tokio::sync::watch;

use super::Cache;
use super::counts::Outcome;
use super::flights::{Ended, Flight, Followed, Joined};
use super::state::{Asked, Keys, State};
use super::told::{Forward, Told, tell};

/// Who waits looks so often whether the body that it waits for still comes.
const STALLED: Duration = Duration::from_millis(500);

/// The time by both clocks.
pub(super) fn moment(runtime: &dyn Runtime) -> Moment {
    let now = runtime.moment();
    Moment { steady: now.steady, wall: now.wall }
}

impl Cache {
    /// Why a request for GET or HEAD is not for the cache, if it is not.
    pub(super) fn passes_by(
        &self,
        request: &RequestHead,
        facts: &Facts,
        control: &RequestControl,
    ) -> Option<Forward> {
        let fields = &request.fields;
        // What a body asks for is in no key, and what becomes of an upgrade is no answer.
        if facts.has_body || is_upgrade(request) || is_for_the_service(fields) {
            return Some(Forward::Bypass);
        }
        if control.no_store {
            return Some(Forward::Request);
        }
        let view = View::of_request(request, facts);
        let is_for_it = self.when.as_ref().is_none_or(|when| when.holds_when(&view))
            && !self.bypass.as_ref().is_some_and(|bypass| bypass.holds_when(&view));
        (!is_for_it).then_some(Forward::Bypass)
    }

    /// What a client asks of caches, where that counts.
    pub(super) fn control(&self, request: &RequestHead) -> RequestControl {
        let says = self.honours_clients && (request.fields.has(Known::CacheControl) || has_pragma(request));
        if says { RequestControl::read(&request.fields) } else { RequestControl::default() }
    }

    /// The request hook.
    pub(super) fn look_up<'a>(
        &'a self,
        request: &'a mut RequestHead,
        facts: &'a Facts,
        state: &'a mut State,
        keys: &Keys,
        runtime: &'a dyn Runtime,
    ) -> Step<'a, Verdict> {
        let mut keys = keys.0.borrow_mut();
        let (key, secondary) = keys.cleared();
        if !matches!(request.method, Method::Get | Method::Head) {
            *state = State::Passes(Forward::Method);
            if !request.method.is_safe() {
                write_key(key, facts.scheme, request, &self.keying.query);
                *state = State::Changes(key.as_slice().into());
            }
            return Step::CONTINUE;
        }
        // Nobody who could ask for anything waits for a refresh.
        let control = if facts.is_refresh { RequestControl::default() } else { self.control(request) };
        if let Some(why) = self.passes_by(request, facts, &control) {
            *state = State::Passes(why);
            return Step::CONTINUE;
        }
        write_key(key, facts.scheme, request, &self.keying.query);
        self.keying.write_secondary(request, facts, secondary);
        let asker = self.keying.asker(request, facts);
        let now = moment(runtime);
        let found = self.shared.answers.find(key, secondary, &request.fields, asker);
        let mut why = Forward::UriMiss;
        if let Some(entry) = &found {
            if let Some(verdict) = self.answer(entry, request, &control, (runtime, now), false) {
                return Step::Ready(verdict);
            }
            if entry.judge(&control, now) == Use::WhileRevalidating
                && refresh(entry, request, facts, (runtime, now))
            {
                let told = Told { ttl: Some(entry.freshness.ttl(now)), ..Told::default() };
                return Step::Ready(self.reply(entry, request, (runtime, now), Outcome::Stale, told));
            }
            let is_fresh = entry.freshness.is_fresh(now) && !entry.control().no_cache;
            why = if is_fresh { Forward::Request } else { Forward::Stale };
        } else if self.shared.answers.has(key) {
            why = Forward::VaryMiss;
        }
        if control.only_if_cached {
            let detail = "The answer is not in the cache";
            return Step::fail(Fault::client(504, "only_if_cached", detail));
        }
        let asked = Asked {
            request: request.clone(),
            key: key.as_slice().into(),
            secondary: secondary.as_slice().into(),
            asker,
            at: now,
            why,
            stale: found,
            validates: false,
            flight: None,
            collapsed: false,
        };
        drop(keys);
        self.ask(asked, request, state, control, runtime)
    }

    /// Answers from this, if it may: at once.
    fn answer(
        &self,
        entry: &Entry,
        request: &RequestHead,
        control: &RequestControl,
        (runtime, now): (&dyn Runtime, Moment),
        collapsed: bool,
    ) -> Option<Verdict> {
        let outcome = match entry.judge(control, now) {
            Use::Fresh => Outcome::Hit,
            Use::Stale => Outcome::Stale,
            Use::WhileRevalidating | Use::Ask => return None,
        };
        let ttl = Some(entry.freshness.ttl(now));
        let told = Told { collapsed, ttl, ..Told::default() };
        Some(self.reply(entry, request, (runtime, now), outcome, told))
    }

    /// The answer made of this.
    pub(super) fn reply(
        &self,
        entry: &Entry,
        request: &RequestHead,
        (runtime, now): (&dyn Runtime, Moment),
        outcome: Outcome,
        told: Told,
    ) -> Verdict {
        self.shared.counts.count(runtime.seat(), outcome);
        let served = serve(entry, request, now, |head| tell(head, outcome, told));
        Verdict::Respond(Box::new(Reply { head: served.head, body: served.body.into() }))
    }

    /// Sends a request on, or has it wait for who asks the same.
    fn ask<'a>(
        &'a self,
        mut asked: Asked,
        request: &'a mut RequestHead,
        state: &'a mut State,
        control: RequestControl,
        runtime: &'a dyn Runtime,
    ) -> Step<'a, Verdict> {
        match self.join(&asked) {
            Some(Joined::Follows(other)) => {
                Step::Later(Box::pin(self.follow(other, asked, request, state, control, runtime)))
            }
            joined => {
                asked.flight = leads(joined);
                go_on(asked, request, state, runtime);
                Step::CONTINUE
            }
        }
    }

    /// Joins who asks the same; none where the answer cannot be kept, whatever it is. Those whose answers are hardly ever for others do not
    /// wait: nor do those who want a part, or to know what changed, for their answers are not kept.
    fn join(&self, asked: &Asked) -> Option<Joined> {
        let Asked { request, asker, stale, .. } = asked;
        if request.method != Method::Get {
            return None;
        }
        let fields = &request.fields;
        let is_conditional = [Known::Range, Known::IfNoneMatch, Known::IfModifiedSince]
            .iter()
            .any(|&condition| fields.has(condition));
        let is_own = asker.has_authorization || asker.is_identified || is_conditional && stale.is_none();
        let waits = self.coalesce.is_some() && !is_own;
        Some(self.shared.flights.join(&asked.key, &asked.secondary, waits, asked.at))
    }

    /// Waits for who asks the same, and takes what came of that, or asks.
    async fn follow(
        &self,
        mut other: Followed,
        mut asked: Asked,
        request: &mut RequestHead,
        state: &mut State,
        control: RequestControl,
        runtime: &dyn Runtime,
    ) -> Verdict {
        let mut late = runtime.sleep_until(runtime.now() + self.coalesce.unwrap_or_default());
        asked.collapsed = true;
        let shared = &self.shared;
        loop {
            let how = wait(&mut other, &mut late, runtime).await;
            if matches!(how, Ended::NotYet | Ended::Stalled) {
                other.close();
            }
            asked.at = moment(runtime);
            if matches!(how, Ended::Kept | Ended::Stalled) {
                let Asked { key, secondary, asker, .. } = &asked;
                let found = shared.answers.find(key, secondary, &asked.request.fields, *asker);
                if let Some(entry) = found {
                    if let Some(verdict) =
                        self.answer(&entry, &asked.request, &control, (runtime, asked.at), true)
                    {
                        return verdict;
                    }
                    asked.stale = Some(entry);
                }
            }
            match how {
                Ended::Abandoned | Ended::Stalled => match self.join(&asked) {
                    Some(Joined::Follows(next)) => {
                        other = next;
                        continue;
                    }
                    joined => asked.flight = leads(joined),
                },
                Ended::Failed => {
                    if let Some(verdict) = self.stand_in(&asked, runtime) {
                        return verdict;
                    }
                }
                Ended::Kept | Ended::NotKept | Ended::NotYet => {}
            }
            break;
        }
        if asked.flight.is_none() {
            asked.flight = leads(Some(shared.flights.join(&asked.key, &asked.secondary, false, asked.at)));
        }
        go_on(asked, request, state, runtime);
        Verdict::Continue
    }

    /// The stale answer, where the service has just failed somebody else who asked for it.
    fn stand_in(&self, asked: &Asked, runtime: &dyn Runtime) -> Option<Verdict> {
        let stale = asked.stale.as_ref().filter(|stale| stale.may_stand_in(asked.at))?;
        let detail = Some("stale-if-error");
        let told = Told { forward: Some(asked.why), collapsed: true, detail, ..Told::default() };
        Some(self.reply(stale, &asked.request, (runtime, asked.at), Outcome::Stale, told))
    }
}

/// Has this one asked for anew, unless that was done a moment ago: whether it may answer meanwhile (RFC 5861 section 3).
fn refresh(
    entry: &Entry,
    request: &RequestHead,
    facts: &Facts,
    (runtime, now): (&dyn Runtime, Moment),
) -> bool {
    if facts.is_refresh {
        return false;
    }
    if !entry.claim_refresh(now) {
        return true;
    }
    let mut anew = request.clone();
    anew.method = Method::Get;
    for condition in [Known::Range, Known::IfRange, Known::IfNoneMatch, Known::IfModifiedSince] {
        anew.fields.remove_known(condition);
    }
    // What the client asks of caches is its own business.
    anew.fields.remove_known(Known::CacheControl);
    runtime.refresh(anew, facts.clone())
}

/// Sends the request to the service: with what there is to go by, where something is kept.
fn go_on(mut asked: Asked, request: &mut RequestHead, state: &mut State, runtime: &dyn Runtime) {
    if let Some(stale) = &asked.stale {
        asked.validates = ask_for_changes(&mut request.fields, &stale.head);
    }
    asked.at = moment(runtime);
    *state = State::Asked(Box::new(asked));
}

fn leads(joined: Option<Joined>) -> Option<Flight> {
    match joined {
        Some(Joined::Leads(flight)) => Some(flight),
        _ => None,
    }
}

/// Whether it asks for another protocol. That some clients could speak HTTP/2 in the clear is no such thing: no gateway changes to that (RFC 9113
/// section 3.1).
fn is_upgrade(request: &RequestHead) -> bool {
    let mut named = request.fields.all_known(Known::Upgrade).flat_map(list_items);
    named.any(|name| !name.eq_ignore_ascii_case(b"h2c"))
}

fn has_pragma(request: &RequestHead) -> bool {
    request
        .fields
        .iter_known()
        .any(|(known, name, _)| known.is_none() && name.eq_ignore_ascii_case(b"Pragma"))
}

/// Waits until another request has ended, nothing comes of it any more, or it is too late: then it has not.
async fn wait(other: &mut Followed, late: &mut Sleep, runtime: &dyn Runtime) -> Ended {
    let mut seen = other.progress();
    loop {
        let mut look = runtime.sleep_until(runtime.now() + STALLED);
        if let Some(ended) = wait_until(&mut other.ended, late, &mut look).await {
            return ended;
        }
        // The service may take its time for the head: all would wait for that.
        let progress = other.progress();
        if progress > 0 && progress == seen {
            return Ended::Stalled;
        }
        seen = progress;
    }
}

/// How it ended, and none where it is time to look.
async fn wait_until(ended: &mut watch::Receiver<Ended>, late: &mut Sleep, look: &mut Sleep) -> Option<Ended> {
    let mut over = std::pin::pin!(ended.wait_for(|ended| *ended != Ended::NotYet));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = over.as_mut().poll(cx) {
            // Who told nothing before it was gone was abandoned.
            return Poll::Ready(Some(ended.map_or(Ended::Abandoned, |ended| *ended)));
        }
        if late.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Ended::NotYet));
        }
        look.as_mut().poll(cx).map(|()| None)
    })
    .await
}
