//! The hooks: a key is taken on the way down, and what becomes of it is settled on the way up.
//! What happens while the answer passes is in `capture.rs`.

use std::rc::Rc;
use std::sync::Arc;

use maitred_config::scalar::duration;
use maitred_http::{Known, RequestHead, ResponseHead};
use maitred_policy::{
    Facts, Fault, Needs, Policy, Reached, RequestCx, ResponseBody, ResponseCx, Runtime, Step, Verdict,
    WholeBody, off_worker,
};
use maitred_store::{Away, Moment};
use maitred_telemetry::Measured;

use super::Idempotency;
use super::caller::{digest, fingerprint, place};
use super::capture::Capture;
use super::config::KeysWithoutStore;
use super::entry::{self, Found};
use super::key::{Malformed, key_of};
use super::taken::{Claim, Standing, Taken};

/// A body that is larger takes longer to be hashed than a worker may take for anything.
const LARGE: usize = 128 << 10;

impl Idempotency {
    /// The key that counts for this request.
    fn key(&self, request: &RequestHead) -> Result<Option<String>, Malformed> {
        if self.methods.contains(&request.method) { key_of(&request.fields, &self.field) } else { Ok(None) }
    }

    fn is_missing(&self, request: &RequestHead) -> bool {
        self.required && self.methods.contains(&request.method) && !request.fields.contains(&self.field)
    }

    /// A fault of the client, with where it can read about it.
    fn refuse(&self, status: u16, cause: &'static str, detail: String) -> Fault {
        let fault = Fault::client(status, cause, detail);
        match &self.documentation {
            Some(page) => fault.field(
                b"Link",
                format!("<{}>; rel=\"describedby\"; type=\"text/html\"", page.as_str()).as_bytes(),
            ),
            None => fault,
        }
    }

    /// What is answered to a request under a key that was taken before.
    fn answer(&self, fingerprint: &[u8; 32], (used_for, found): ([u8; 32], Found)) -> Verdict {
        let name = self.field.as_str();
        if used_for != *fingerprint {
            let detail = format!("{name} was used for another request");
            return self.refuse(422, "idempotency_key_reused", detail).into();
        }
        match found {
            Found::Answered(mut reply) => {
                reply.head.fields.append_bytes(b"Idempotency-Replayed", b"true");
                Verdict::Respond(reply)
            }
            Found::UnderWay => {
                let detail = "The first request with this key is under way";
                Fault::client(409, "idempotency_in_flight", detail).field(b"Retry-After", b"1").into()
            }
            Found::Lost => {
                let detail = "The request was done, and its answer could not be kept";
                self.refuse(409, "idempotency_answer_lost", detail.to_owned()).into()
            }
        }
    }

    /// The store does not tell what stands under the key.
    fn store_failed(&self, cause: &'static str, away: Option<Away>) -> Verdict {
        match self.on_store_failure {
            KeysWithoutStore::Allow => Verdict::Continue,
            KeysWithoutStore::Deny => {
                let fault = Fault::shed(cause);
                match away {
                    Some(away) => fault.source(away).into(),
                    None => fault.into(),
                }
            }
        }
    }

    fn unreadable(&self, now: Moment) -> Verdict {
        self.shelf.unkept.add_unreadable(now);
        self.store_failed("idempotency_entry_unreadable", None)
    }
}

/// Whether an answer with this status is what the request comes to, whenever it is sent.
const fn is_final(status: u16) -> bool {
    matches!(status, 200..=499) && !matches!(status, 401 | 403 | 407 | 408 | 409 | 425 | 429 | 499)
}

impl Policy for Idempotency {
    /// The key that the request has taken.
    type State = Option<Rc<Taken>>;
    type Local = ();

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Some(Arc::clone(&self.shelf.unkept) as Arc<dyn Measured>)
    }

    fn needs(&self) -> Needs {
        Needs { request_body: true, ..Needs::default() }
    }

    fn wants_body(&self, request: &RequestHead, _: &Facts) -> Option<u64> {
        matches!(self.key(request), Ok(Some(_))).then_some(u64::MAX)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let key = match self.key(cx.request) {
            Ok(Some(key)) => key,
            Ok(None) if self.is_missing(cx.request) => {
                let detail = format!("{} is missing", self.field.as_str());
                return Step::fail(self.refuse(400, "idempotency_key_missing", detail));
            }
            Ok(None) => return Step::CONTINUE,
            Err(Malformed) => {
                let detail = format!("{} is not one text of 1 to 255 characters", self.field.as_str());
                return Step::fail(self.refuse(400, "idempotency_key_malformed", detail));
            }
        };
        cx.facts.is_once = true;
        Step::Later(Box::pin(async move { self.take(&key, cx).await.unwrap_or_else(Verdict::Fail) }))
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let Some(taken) = cx.state.take() else { return Step::CONTINUE };
        match cx.facts.reached {
            Reached::Answered(_) if cx.facts.sent_at.is_some() && is_final(cx.response.status) => {
                self.keep(taken, cx.request, cx.response, cx.body);
            }
            // The service has done it, and something else is answered.
            Reached::Withheld(200..=399) => taken.lose(),
            Reached::Answered(200..=399) if cx.facts.sent_at.is_none() => taken.lose(),
            Reached::Nothing | Reached::Answered(_) | Reached::Withheld(_) => taken.release(),
            // The service may be at work, or may have done it: the key stays taken for its time.
            Reached::Sent => {}
        }
        Step::CONTINUE
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        let name = self.field.as_str();
        match self.key(request) {
            Err(Malformed) => format!("refuses: the key in `{name}` is malformed"),
            Ok(None) if self.is_missing(request) => format!("refuses: `{name}` is missing"),
            Ok(None) => "lets it through: there is no key that counts".to_owned(),
            Ok(Some(_)) => {
                let ttl = duration::format(self.shelf.ttl);
                format!("lets the first request with this key through, and gives its answer again for {ttl}")
            }
        }
    }
}

impl Idempotency {
    /// Takes the key, or answers with what stands under it.
    async fn take(&self, key: &str, cx: RequestCx<'_, Self>) -> Result<Verdict, Fault> {
        let body = digest_of(&mut cx.body.whole, cx.runtime).await?;
        let fingerprint = fingerprint(cx.request, cx.facts, &body);
        let (runtime, shelf) = (cx.runtime, Arc::clone(&self.shelf));
        let lock_ttl = u64::try_from(shelf.lock_ttl.as_micros()).unwrap_or(u64::MAX);
        let taken = Taken {
            place: place(key, cx.request, cx.facts),
            beside: runtime.beside(),
            holder: u128::from(runtime.random()) << 64 | u128::from(runtime.random()),
            until: runtime.moment().steady.saturating_add(lock_ttl),
            shelf,
            fingerprint,
        };
        let taking = Claim::of(taken).take();
        Ok(match cx.facts.ask(&self.shelf.store, taking).await {
            Ok(Ok(taken)) => {
                *cx.state = Some(taken);
                Verdict::Continue
            }
            Ok(Err(Standing::Entry(entry))) => match entry::parse(&entry) {
                Some(found) => self.answer(&fingerprint, found),
                None => self.unreadable(runtime.moment()),
            },
            Ok(Err(Standing::Held | Standing::Free)) => {
                self.answer(&fingerprint, (fingerprint, Found::UnderWay))
            }
            Err(away) => self.store_failed("store_unavailable", Some(away)),
        })
    }

    /// Keeps the answer, once all of it is there.
    fn keep(&self, taken: Rc<Taken>, request: &RequestHead, head: &ResponseHead, body: &mut ResponseBody) {
        let length = head.fields.known_str(Known::ContentLength).and_then(|length| length.parse().ok());
        let Some(entry) = entry::answered(&taken.fingerprint, head) else { return taken.lose() };
        let capture = Capture::new(taken, entry, length, self.max_body);
        match &body.whole {
            Some(whole) => capture.take_whole(&whole.bytes, whole.trailers.as_ref()),
            // Nothing may come that the end could be seen by.
            None if length == Some(0) || head.has_no_body(request.method) => capture.take_whole(&[], None),
            None => {
                capture.begin();
                body.filters.add(Box::new(capture));
            }
        }
    }
}

/// The digest of the body, which another thread makes where it is large.
async fn digest_of(body: &mut Option<Box<WholeBody>>, runtime: &dyn Runtime) -> Result<[u8; 32], Fault> {
    let Some(body) = body else { return Ok(digest(&[])) };
    if body.bytes.len() <= LARGE {
        return Ok(digest(&body.bytes));
    }
    let bytes = std::mem::take(&mut body.bytes);
    let (digest, bytes) = off_worker(runtime, move || (digest(&bytes), bytes)).await?;
    body.bytes = bytes;
    Ok(digest)
}
