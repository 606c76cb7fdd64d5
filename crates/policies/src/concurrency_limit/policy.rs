//! The hooks of `concurrency_limit`: a place is taken on the way down and given back at the end, whatever happened between.
//! For an adaptive limit, the time that the service takes to the head of its answer is measured.

use std::sync::Arc;
use std::task::Poll;

use maitred_config::scalar::duration;
use maitred_http::RequestHead;
use maitred_policy::values::View;
use maitred_policy::{Facts, Fault, Outcome, Policy, RequestCx, ResponseCx, Runtime, Sleep, Step, Verdict};
use maitred_telemetry::Measured;
use tokio::sync::oneshot::Receiver;

use super::ConcurrencyLimit;
use super::leased::{Asked, Leased};
use super::shared::{Holding, Slot};
use super::slots::{Admission, Limit, Permit, Refusal, Rules};
use crate::limiting::at_once;

/// A place of this gateway, and the slot in a store where there is one. Both are given back by the drop.
#[derive(Debug)]
pub(crate) struct Place {
    _own: Permit,
    _leased: Option<Slot>,
}

impl ConcurrencyLimit {
    fn refuse(&self, refusal: Refusal) -> Fault {
        self.slots.count(refusal);
        match refusal {
            // The others are served: it is this one who sends too many.
            Refusal::Caller => Fault::client(429, "concurrency_limit", "Too many requests at once")
                .field(b"Retry-After", b"1"),
            Refusal::Full | Refusal::Timeout | Refusal::Displaced => Fault::shed("concurrency_limit"),
        }
    }

    /// Asks for a slot beside the place of this gateway.
    async fn lease(&self, leased: &Leased, leasing: Leasing<'_>) -> Verdict {
        let Leasing { own, caller, facts, state, local, runtime } = leasing;
        let slot = match leased.ask(&caller, facts, local, runtime).await {
            Ok(Asked::Taken(slot)) => Some(slot),
            Ok(Asked::OwnCount) => None,
            Ok(Asked::Full) if leased.is_by_caller() => return self.refuse(Refusal::Caller).into(),
            Ok(Asked::Full) => return self.refuse(Refusal::Full).into(),
            Err(away) => return Fault::shed("store_unavailable").source(away).into(),
        };
        *state = Some(Place { _own: own, _leased: slot });
        Verdict::Continue
    }
}

/// A request that has a place of this gateway and asks for a slot.
struct Leasing<'a> {
    own: Permit,
    caller: Vec<u8>,
    facts: &'a mut Facts,
    state: &'a mut Option<Place>,
    local: &'a Holding,
    runtime: &'a dyn Runtime,
}

/// Waits for a place until it is too late.
async fn wait(mut granted: Receiver<Permit>, mut late: Sleep) -> Result<Permit, Refusal> {
    std::future::poll_fn(|cx| {
        if let Poll::Ready(granted) = std::pin::Pin::new(&mut granted).poll(cx) {
            return Poll::Ready(granted.map_err(|_| Refusal::Displaced));
        }
        late.as_mut().poll(cx).map(|()| Err(Refusal::Timeout))
    })
    .await
}

impl Policy for ConcurrencyLimit {
    type State = Option<Place>;
    type Local = Holding;

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Some(Arc::clone(&self.slots) as Arc<dyn Measured>)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, state, local, runtime, .. } = cx;
        let class = || self.class(&View::of_request(request, facts));
        match self.slots.admit(self.rules, class) {
            Admission::Admitted(own) => {
                let Some(leased) = &self.leased else {
                    *state = Some(Place { _own: own, _leased: None });
                    return Step::CONTINUE;
                };
                let caller = leased.caller(&View::of_request(request, facts));
                let leasing = Leasing { own, caller, facts, state, local, runtime };
                let leasing = self.lease(leased, leasing);
                if leased.is_at_hand() {
                    Step::Ready(at_once(leasing))
                } else {
                    Step::Later(Box::pin(leasing))
                }
            }
            // Where there is one limit for all, and its own places are taken, so are those of all replicas.
            Admission::Refused => Step::fail(self.refuse(Refusal::Full)),
            Admission::Waits(granted) => {
                let late = runtime.sleep_until(runtime.now() + self.queue_timeout);
                Step::Later(Box::pin(async move {
                    match wait(granted, late).await {
                        Ok(permit) => {
                            *state = Some(Place { _own: permit, _leased: None });
                            Verdict::Continue
                        }
                        Err(refusal) => Verdict::Fail(self.refuse(refusal)),
                    }
                }))
            }
        }
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        // An answer that came at once because there was none says nothing of how much there is to do; that none came in time does.
        let is_failure = cx.response.status >= 500 && cx.response.status != 504;
        if let (Limit::Adaptive(bounds), Some(sent), false) = (self.rules.limit, cx.facts.sent_at, is_failure)
        {
            self.slots.adaptive.record(sent, cx.runtime.now(), self.slots.taken(), bounds);
        }
        Step::CONTINUE
    }

    fn on_end(&self, held: &mut Option<Place>, _: &Holding, _: &Outcome) {
        *held = None;
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        let Rules { limit, room, .. } = self.rules;
        let view = View::of_request(request, facts);
        let at_once = match limit {
            Limit::Fixed(most) => format!("lets it through with up to {most} at once"),
            Limit::Adaptive(bounds) => {
                format!("lets it through with as many at once as go well, {} to {}", bounds.min, bounds.max)
            }
            Limit::EachCaller(most) => {
                let key = self.leased.as_ref().map(|leased| leased.caller(&view)).unwrap_or_default();
                format!("lets it through with up to {most} at once for `{}`", String::from_utf8_lossy(&key))
            }
        };
        if self.leased.as_ref().is_some_and(|leased| !leased.is_at_hand()) {
            return format!("{at_once} on all replicas together, and refuses it beyond");
        }
        if room == 0 {
            return format!("{at_once}, and refuses it beyond");
        }
        let class = self.class(&view);
        let timeout = duration::format(self.queue_timeout);
        format!("{at_once}; beyond, up to {room} wait for {timeout}, this one in class `{}`", class.word())
    }
}
