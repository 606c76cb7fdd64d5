//! The way up: what a service answered is kept, or makes what is kept fresh again or out of date.
//! Step 8 in the life of a request.

use std::sync::Arc;

use maitred_cache::{
    Came, Entry, Freshness, NotKept, Selection, Update, Updated, key_of_reference, may_keep, remove_tags,
};
use maitred_http::{FieldName, Fields, Known, Method, ResponseHead};
use maitred_policy::{Facts, ResponseBody, Runtime, Verdict};

use super::Cache;
use super::counts::Outcome;
use super::fill::{Fill, Filling};
use super::flights::{Ended, Flight};
use super::lookup::moment;
use super::shelf::Shelving;
use super::state::Asked;
use super::told::{Forward, Told, tell};

impl Cache {
    /// The response hook, where the service was asked.
    pub(super) fn take(
        &self,
        asked: Asked,
        (response, sent): (&mut ResponseHead, &Fields),
        facts: &Facts,
        body: &mut ResponseBody,
        runtime: &dyn Runtime,
    ) -> Verdict {
        let came = Came { asked: asked.at, at: moment(runtime) };
        let status = response.status;
        let told = Told { forward: Some(asked.why), collapsed: asked.collapsed, ..Told::default() };
        if let Some(stale) = &asked.stale {
            let failed = matches!(status, 500 | 502..=504);
            if failed && stale.may_stand_in(came.at) {
                let told = Told { forward_status: Some(status), detail: Some("stale-if-error"), ..told };
                if let Some(flight) = asked.flight {
                    flight.end(Ended::Failed);
                }
                return self.reply(stale, &asked.request, (runtime, came.at), Outcome::Stale, told);
            }
            if status == 304 && asked.validates {
                return self.validated(asked, (response, sent), came, runtime, told);
            }
            if status == 200 && asked.request.method == Method::Head {
                self.heard_of(&asked, stale, (response, sent), (came, runtime));
            }
        }
        self.shared.counts.count(runtime.seat(), Outcome::Miss);
        let kept = self.keep(asked, (response, sent), facts, body, (came, runtime));
        if !self.expose_tags {
            remove_tags(response);
        }
        let told = match kept {
            Ok(ttl) => Told { stored: true, ttl: Some(ttl), ..told },
            Err(why) => Told { detail: Some(why), ..told },
        };
        tell(response, Outcome::Miss, told);
        Verdict::Continue
    }

    /// What is kept still holds: the client gets that.
    fn validated(
        &self,
        asked: Asked,
        (response, sent): (&ResponseHead, &Fields),
        came: Came,
        runtime: &dyn Runtime,
        told: Told,
    ) -> Verdict {
        let shelving = self.shelving(&asked, runtime);
        let Asked { key, request, stale, flight, asker, .. } = asked;
        let stale = stale.expect("who validates has something");
        let update = Update { told: response, came, asked: &request.fields, sent, asker };
        let is_good = flight.as_ref().is_none_or(|flight| flight.is_good(&key, &stale));
        let Some(Updated { entry, may_keep }) = stale.validated(&update, &self.rules) else {
            // It is about an edition that nobody has here: the client gets what there is, and the next one asks for all of it.
            self.forget(&key, &stale, runtime);
            if let Some(flight) = flight {
                flight.end(Ended::NotKept);
            }
            let told = Told { forward_status: Some(304), detail: Some("other-edition"), ..told };
            return self.reply(&stale, &request, (runtime, came.at), Outcome::Stale, told);
        };
        let (entry, may_keep) = (Arc::new(entry), may_keep.map_err(NotKept::as_str));
        match may_keep {
            Ok(()) if is_good => self.renew(&key, &stale, &entry, (shelving, runtime)),
            Ok(()) => {}
            Err(_) => self.forget(&key, &stale, runtime),
        }
        if let Some(flight) = flight {
            flight.end(if is_good && may_keep.is_ok() { Ended::Kept } else { Ended::NotKept });
        }
        let ttl = Some(entry.freshness.ttl(came.at));
        let told = Told { forward_status: Some(304), ttl, detail: may_keep.err(), ..told };
        let mut verdict = self.reply(&entry, &request, (runtime, came.at), Outcome::Hit, told);
        if let Verdict::Respond(reply) = &mut verdict {
            // What the service sets for this one goes to this one, and is not kept.
            for cookie in response.fields.all_known(Known::SetCookie) {
                reply.head.fields.append_known(Known::SetCookie, cookie);
            }
        }
        verdict
    }

    /// What the answer to HEAD says of what is kept (RFC 9111 section 4.3.5).
    fn heard_of(
        &self,
        asked: &Asked,
        stale: &Arc<Entry>,
        (response, sent): (&ResponseHead, &Fields),
        (came, runtime): (Came, &dyn Runtime),
    ) {
        let update = Update { told: response, came, asked: &asked.request.fields, sent, asker: asked.asker };
        match stale.freshened_by_head(&update, &self.rules) {
            Some(Updated { entry, may_keep: Ok(()) }) => {
                self.renew(&asked.key, stale, &Arc::new(entry), (None, runtime));
            }
            _ => self.forget(&asked.key, stale, runtime),
        }
    }

    /// Puts a newer form of an answer in its place. Where not all who may have had the older one may have this, nothing is kept under its URL: in the store
    /// and at other replicas the older one is found.
    fn renew(
        &self,
        key: &[u8],
        stale: &Arc<Entry>,
        entry: &Arc<Entry>,
        (shelving, runtime): (Option<Shelving>, &dyn Runtime),
    ) {
        if self.replicas.is_some() && !entry.is_for_all_of(stale) {
            return self.invalidate(key, runtime);
        }
        self.shared.answers.renew(key, stale, entry);
        if let Some(shelving) = shelving {
            shelving.put(&self.shared, key, entry);
        }
    }

    /// Forgets an answer that does not hold any more. In the store it is found out of date with the others of its URL.
    fn forget(&self, key: &[u8], stale: &Arc<Entry>, runtime: &dyn Runtime) {
        if self.replicas.is_some() {
            self.invalidate(key, runtime);
        } else {
            self.shared.answers.forget(key, stale);
        }
    }

    /// Where replicas find the answer to this, if it is kept.
    fn shelving(&self, asked: &Asked, runtime: &dyn Runtime) -> Option<Shelving> {
        let (replicas, way) = (self.replicas.as_ref()?, asked.way?);
        Some(Shelving { shelf: Arc::clone(&replicas.shelf), beside: runtime.beside(), way, asked: asked.at })
    }

    /// Keeps the answer, if it may be: for how long it is fresh, or why it is not kept.
    fn keep(
        &self,
        asked: Asked,
        (response, sent): (&ResponseHead, &Fields),
        facts: &Facts,
        body: &mut ResponseBody,
        (came, runtime): (Came, &dyn Runtime),
    ) -> Result<i64, &'static str> {
        let shelving = self.shelving(&asked, runtime);
        let Asked { request, key, secondary, asker, flight, .. } = asked;
        let end = |flight: Option<Flight>, why| {
            if let Some(flight) = flight {
                flight.end_unkept(came.at);
            }
            Err(why)
        };
        if facts.sent_at.is_none() {
            // The gateway's own, or one that stands in for the service's.
            return end(flight, "not-of-service");
        }
        if has_field(response, b"X-Degraded") {
            // From what stands in for the service while that fails.
            return end(flight, "degraded");
        }
        if is_event_stream(response) {
            return end(flight, "stream");
        }
        let control = self.rules.control(&response.fields);
        let freshness = Freshness::of(response, &control, came.asked, came.at, &self.rules);
        if let Err(why) = may_keep(&request, response, &control, freshness.as_ref(), asker) {
            return end(flight, why.as_str());
        }
        // What was put into the request on its way down is not there when the next one is looked for.
        let selection = Selection::of(response, &request.fields);
        let Some(selection) = selection.filter(|selection| selection.matches(sent)) else {
            return end(flight, NotKept::Varies.as_str());
        };
        let length = response.fields.known_str(Known::ContentLength).and_then(|text| text.parse().ok());
        if length.is_some_and(|length: u64| length > self.max_body) {
            return end(flight, "too-large");
        }
        let Some(flight) = flight else { return Err("not-asked-alone") };
        let entry = Entry::new(response, control, freshness, (selection, &secondary), came, &self.rules);
        let ttl = entry.freshness.ttl(came.at);
        flight.progresses();
        let (shared, beside) = (Arc::clone(&self.shared), runtime.beside());
        let fill = Fill { shared, beside, key, entry, flight, shelving };
        match &body.whole {
            // Policies above change what is there as a whole before it passes any filter.
            Some(whole) if whole.trailers.is_some() || whole.bytes.len() as u64 > self.max_body => {
                fill.flight.end_unkept(came.at);
                return Err("too-large");
            }
            Some(whole) => fill.keep(whole.bytes.clone()),
            None => body.filters.add(Box::new(Filling::new(fill, length, self.max_body))),
        }
        Ok(ttl)
    }

    /// The answer to a request that changes something: what is kept under its URL is out of date, and what is kept under those that the answer
    /// names (RFC 9111 section 4.4). So it may be where the answer was lost.
    pub(super) fn changed(
        &self,
        key: &[u8],
        response: &mut ResponseHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) {
        // Whoever got no answer of the service does not know what it did.
        let is_lost = facts.upstream.is_some() && facts.sent_at.is_none();
        if matches!(response.status, 200..400 | 502 | 504) || is_lost {
            self.invalidate(key, runtime);
            let named = [FieldName::parse("Location"), FieldName::parse("Content-Location")];
            for name in named.iter().flatten() {
                let reference = response.fields.first(name);
                let other =
                    reference.and_then(|reference| key_of_reference(reference, key, &self.keying.query));
                if let Some(other) = other {
                    self.invalidate(&other, runtime);
                }
            }
        }
        self.passed(Forward::Method, response, runtime);
    }

    /// The answer to a request that is not for the cache.
    pub(super) fn passed(&self, why: Forward, response: &mut ResponseHead, runtime: &dyn Runtime) {
        self.shared.counts.count(runtime.seat(), Outcome::Bypass);
        if !self.expose_tags {
            remove_tags(response);
        }
        tell(response, Outcome::Bypass, Told { forward: Some(why), ..Told::default() });
    }
}

/// One that has no end: whoever waited for it would wait in vain.
fn is_event_stream(response: &ResponseHead) -> bool {
    let media_type = response.fields.known(Known::ContentType).unwrap_or_default();
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

fn has_field(response: &ResponseHead, name: &[u8]) -> bool {
    response.fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}
