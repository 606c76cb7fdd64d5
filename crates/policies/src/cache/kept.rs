//! The way up: what a service answered is kept, or makes what is kept fresh again or out of date.
//! Step 8 in the life of a request.

use std::sync::Arc;

use maitred_cache::{
    Came, Entry, Freshness, NotKept, ResponseControl, Selection, key_of_reference, may_keep, remove_tags,
};
use maitred_http::{FieldName, Known, Method, ResponseHead};
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
        response: &mut ResponseHead,
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
                return self.reply(stale, &asked.request, runtime, Outcome::Stale, told);
            }
            if status == 304 && asked.validates {
                return self.validated(asked, response, came, runtime, told);
            }
            if status == 200 && asked.request.method == Method::Head {
                self.heard_of(&asked, stale, response, (came, runtime));
            }
        }
        self.shared.counts.count(runtime.seat(), Outcome::Miss);
        let kept = self.keep(asked, response, (facts, body), came, runtime);
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
        response: &ResponseHead,
        came: Came,
        runtime: &dyn Runtime,
        told: Told,
    ) -> Verdict {
        let shelving = self.shelving(&asked, runtime);
        let Asked { key, request, stale, flight, .. } = asked;
        let stale = stale.expect("who validates has something");
        let is_good = flight.as_ref().is_none_or(Flight::is_good);
        // One that is about another edition changes nothing; all the same, it is the answer to the only tag that was sent.
        let entry = match stale.validated(response, came, &self.rules) {
            Some(fresh) if is_good => {
                let fresh = Arc::new(fresh);
                self.shared.answers.renew(&key, &stale, &fresh);
                if let Some(shelving) = shelving {
                    shelving.put(&key, &fresh);
                }
                fresh
            }
            Some(fresh) => Arc::new(fresh),
            None => {
                self.forget(&key, &stale, runtime);
                stale
            }
        };
        if let Some(flight) = flight {
            flight.end(if is_good { Ended::Kept } else { Ended::NotKept });
        }
        let ttl = Some(entry.freshness.ttl(came.at));
        let told = Told { forward_status: Some(304), ttl, ..told };
        self.reply(&entry, &request, runtime, Outcome::Hit, told)
    }

    /// What the answer to HEAD says of what is kept (RFC 9111 section 4.3.5).
    fn heard_of(
        &self,
        asked: &Asked,
        stale: &Arc<Entry>,
        response: &ResponseHead,
        (came, runtime): (Came, &dyn Runtime),
    ) {
        match stale.freshened_by_head(response, came, &self.rules) {
            Some(fresh) => self.shared.answers.renew(&asked.key, stale, &Arc::new(fresh)),
            None => self.forget(&asked.key, stale, runtime),
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
        response: &ResponseHead,
        (facts, body): (&Facts, &mut ResponseBody),
        came: Came,
        runtime: &dyn Runtime,
    ) -> Result<i64, &'static str> {
        let shelving = self.shelving(&asked, runtime);
        let Asked { request, key, secondary, asker, flight, .. } = asked;
        let end = |flight: Option<Flight>, why| {
            if let Some(flight) = flight {
                flight.end(Ended::NotKept);
            }
            Err(why)
        };
        if facts.sent_at.is_none() {
            // The gateway's own, or one that stands in for the service's.
            return end(flight, "not-of-service");
        }
        let control = ResponseControl::read(&response.fields, self.rules.honours_targeted);
        let freshness = Freshness::of(response, &control, came.asked, came.at, &self.rules);
        if let Err(why) = may_keep(&request, response, &control, freshness.as_ref(), asker) {
            return end(flight, why.as_str());
        }
        let Some(selection) = Selection::of(response, &request.fields) else {
            return end(flight, NotKept::Varies.as_str());
        };
        let length = response.fields.known_str(Known::ContentLength).and_then(|text| text.parse().ok());
        if length.is_some_and(|length: u64| length > self.max_body) {
            return end(flight, "too-large");
        }
        let Some(flight) = flight else { return Err("not-asked-alone") };
        let entry = Entry::new(response, control, freshness, (selection, &secondary), came, &self.rules);
        let ttl = entry.freshness.ttl(came.at);
        let fill = Fill { shared: Arc::clone(&self.shared), key, entry, flight, shelving };
        match &body.whole {
            // Policies above change what is there as a whole before it passes any filter.
            Some(whole) if whole.trailers.is_some() || whole.bytes.len() as u64 > self.max_body => {
                fill.flight.end(Ended::NotKept);
                return Err("too-large");
            }
            Some(whole) => fill.keep(whole.bytes.clone()),
            None => body.filters.add(Box::new(Filling::new(fill, length, self.max_body))),
        }
        Ok(ttl)
    }

    /// The answer to a request that changes something: what is kept under its URL is out of date, and what is kept under those that the answer
    /// names (RFC 9111 section 4.4).
    pub(super) fn changed(&self, key: &[u8], response: &mut ResponseHead, runtime: &dyn Runtime) {
        if matches!(response.status, 200..400) {
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
