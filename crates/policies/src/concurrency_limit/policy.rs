//! The hooks of `concurrency_limit`: a place is taken on the way down and given back at the end, whatever happened between.
//! For an adaptive limit, the time that the service takes to the head of its answer is measured.

use std::sync::Arc;
use std::task::Poll;

use maitred_config::scalar::duration;
use maitred_http::RequestHead;
use maitred_policy::values::View;
use maitred_policy::{Facts, Fault, Outcome, Policy, RequestCx, ResponseCx, Sleep, Step, Verdict};
use maitred_telemetry::Measured;
use tokio::sync::oneshot::Receiver;

use super::ConcurrencyLimit;
use super::config::PlacesWithoutStore;
use super::shared::{Holding, Slot};
use super::slots::{Admission, Limit, Permit, Refusal, Rules};

impl ConcurrencyLimit {
    fn refuse(&self, refusal: Refusal) -> Fault {
        self.slots.count(refusal);
        Fault::shed("concurrency_limit")
    }
}

/// A place of this gateway, and the one that replicas share where they do. Both are given back by the drop.
#[derive(Debug)]
pub(crate) struct Place {
    _own: Permit,
    _shared: Option<Slot>,
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
            Admission::Admitted(permit) => match &self.shared {
                None => {
                    *state = Some(Place { _own: permit, _shared: None });
                    Step::CONTINUE
                }
                // Where its own places are taken, so are those of all.
                Some((slots, without)) => Step::Later(Box::pin(async move {
                    let shared = match (local.take(slots, runtime).await, without) {
                        (Ok(Some(slot)), _) => Some(slot),
                        (Ok(None), _) => return self.refuse(Refusal::Full).into(),
                        (Err(_), PlacesWithoutStore::Local) => None,
                        (Err(away), PlacesWithoutStore::Deny) => {
                            return Fault::shed("store_unavailable").source(away).into();
                        }
                    };
                    *state = Some(Place { _own: permit, _shared: shared });
                    Verdict::Continue
                })),
            },
            Admission::Refused => Step::fail(self.refuse(Refusal::Full)),
            Admission::Waits(granted) => {
                let late = runtime.sleep_until(runtime.now() + self.queue_timeout);
                Step::Later(Box::pin(async move {
                    match wait(granted, late).await {
                        Ok(permit) => {
                            *state = Some(Place { _own: permit, _shared: None });
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
        let at_once = match limit {
            Limit::Fixed(most) => format!("lets it through with up to {most} at once"),
            Limit::Adaptive(bounds) => {
                format!("lets it through with as many at once as go well, {} to {}", bounds.min, bounds.max)
            }
        };
        if self.shared.is_some() {
            return format!("{at_once} on all replicas together, and refuses it beyond");
        }
        if room == 0 {
            return format!("{at_once}, and refuses it beyond");
        }
        let class = self.class(&View::of_request(request, facts));
        let timeout = duration::format(self.queue_timeout);
        format!("{at_once}; beyond, up to {room} wait for {timeout}, this one in class `{}`", class.word())
    }
}
