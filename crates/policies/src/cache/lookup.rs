//! The way down: a request is answered from what is kept. What becomes of those that are not is in `asking.rs`.
//! Step 6 in the life of a request.

use maitred_cache::{Entry, Moment, RequestControl, Use, is_for_the_service, serve, write_key};
use maitred_http::{Known, Method, RequestHead, list_items};
use maitred_policy::values::View;
use maitred_policy::{Facts, Fault, Reply, Runtime, Step, Verdict};

use super::Cache;
use super::counts::Outcome;
use super::state::{Asked, Keys, State};
use super::told::{Forward, Told, tell};

/// Who asks, and by what.
pub(super) struct Client<'a> {
    pub(super) request: &'a mut RequestHead,
    pub(super) facts: &'a Facts,
    pub(super) state: &'a mut State,
    /// What it asks of caches, where that counts.
    pub(super) control: RequestControl,
    pub(super) runtime: &'a dyn Runtime,
}

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
        let client = Client { request, facts, state, control, runtime };
        let mut why = Forward::UriMiss;
        if let Some(entry) = &found {
            if let Some(verdict) = self.answer(entry, &client, now, Told::default()) {
                return Step::Ready(verdict);
            }
            let is_fresh = entry.freshness.is_fresh(now) && !entry.control().no_cache;
            why = if is_fresh { Forward::Request } else { Forward::Stale };
        } else if self.shared.answers.has(key) {
            why = Forward::VaryMiss;
        }
        if control.only_if_cached && self.replicas.is_none() {
            return Step::Ready(not_cached());
        }
        let asked = Asked {
            request: client.request.clone(),
            key: key.as_slice().into(),
            secondary: secondary.as_slice().into(),
            asker,
            at: now,
            why,
            stale: found,
            validates: false,
            flight: None,
            collapsed: false,
            way: None,
        };
        drop(keys);
        self.ask(asked, client)
    }

    /// Answers from this, if it may: at once, or while it is asked for anew.
    pub(super) fn answer(
        &self,
        entry: &Entry,
        client: &Client<'_>,
        now: Moment,
        told: Told,
    ) -> Option<Verdict> {
        let Client { request, facts, control, runtime, .. } = client;
        let outcome = match entry.judge(control, now) {
            Use::Fresh => Outcome::Hit,
            Use::Stale => Outcome::Stale,
            Use::WhileRevalidating if refresh(entry, request, facts, (*runtime, now)) => Outcome::Stale,
            Use::WhileRevalidating | Use::Ask => return None,
        };
        let ttl = Some(entry.freshness.ttl(now));
        Some(self.reply(entry, request, (*runtime, now), outcome, Told { ttl, ..told }))
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

/// What is answered where the client does not want the service to be asked (RFC 9111 section 5.2.1.7).
pub(super) fn not_cached() -> Verdict {
    Verdict::Fail(Fault::client(504, "only_if_cached", "The answer is not in the cache"))
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
