//! What hooks of policies are given of the worker: time, chance, and calls to services while a request waits for what comes of them.
//! Such a call is dropped with the request: when its client goes, nobody waits for the answer.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use maitred_config::scalar::HttpUrl;
use maitred_http::{BodyLength, RequestHead, ResponseHead};
use maitred_policy::{
    Beside, CallError, CallLimits, Calling, Facts, Fault, Job, Outbound, Reached, Runtime, Sleep, WholeBody,
};
use maitred_router::Captures;
use maitred_store::{Moment, Seat};
use maitred_upstream::LocalCluster;
use tokio::sync::oneshot;

use super::aside::{Aside, Failed, Keep, Message};
use crate::abroad::{Errand, is_at, set_target};
use crate::local::LocalSnapshot;
use crate::pipeline::Turns;
use crate::refreshes::{Again, Refresh};
use crate::worker::Worker;

/// A worker, with the snapshot that an exchange is served with.
pub(crate) struct Serving<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) snapshot: &'a Rc<LocalSnapshot>,
    /// How its route was found.
    pub(crate) captures: &'a Captures,
    /// The policy whose turn it is.
    pub(crate) turn: Cell<usize>,
}

impl Serving<'_> {
    async fn ask(
        &self,
        cluster: &Rc<LocalCluster>,
        head: RequestHead,
        bytes: Vec<u8>,
        limits: CallLimits,
    ) -> Result<(ResponseHead, WholeBody), CallError> {
        let worker = self.worker;
        let length = if bytes.is_empty() { BodyLength::None } else { BodyLength::Known(bytes.len() as u64) };
        let mut message = Message { head, length, bytes, trailers: None };
        let timer = worker.timers.timer();
        let aside = Aside {
            cluster,
            // There is no client whose requests would have to go to the same place.
            key: None,
            cookie: None,
            random: worker.chance(),
            limits: &self.snapshot.shared.limits,
            clock: worker.clock,
            timer: &timer,
            deadline: Some(limits.deadline),
            keep: Keep::Whole { most: limits.most },
        };
        aside.send(&mut message, limits.may_repeat).await.map_err(CallError::from)
    }

    /// The upstream that is where a URL leads, and nowhere else.
    fn cluster_at(&self, url: &HttpUrl) -> Option<&Rc<LocalCluster>> {
        self.snapshot.clusters.iter().find(|cluster| is_at(cluster.cluster(), url))
    }
}

impl From<Failed> for CallError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unavailable(cause) => Self::Unavailable(cause),
            Failed::Connect(fault) => Self::Connect(fault.to_string().into()),
            Failed::Late => Self::Timeout,
            Failed::Broken | Failed::Stale => Self::Broken,
            Failed::TooLarge => Self::TooLarge,
        }
    }
}

impl Runtime for Serving<'_> {
    fn now(&self) -> Instant {
        self.worker.clock.now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        let timer = self.worker.timers.timer();
        timer.set(at);
        Box::pin(std::future::poll_fn(move |cx| timer.poll_fired(cx)))
    }

    fn seat(&self) -> Seat {
        Seat::Worker(self.worker.index)
    }

    fn moment(&self) -> Moment {
        self.worker.moment()
    }

    fn refresh(&self, request: RequestHead, mut facts: Facts) -> bool {
        // One asks for no other.
        if facts.is_refresh || self.worker.is_draining() || self.worker.is_overloaded() {
            return false;
        }
        facts.is_refresh = true;
        (facts.upstream, facts.sent_at, facts.stores) = (None, None, None);
        (facts.reached, facts.is_once) = (Reached::Nothing, false);
        let again = Again { facts, captures: self.captures.clone(), first: self.turn.get() };
        self.worker.refreshes.add(Refresh { snapshot: Rc::clone(self.snapshot), request, again })
    }

    fn beside(&self) -> Rc<dyn Beside> {
        Rc::clone(&self.worker.beside) as Rc<dyn Beside>
    }

    fn random(&self) -> u64 {
        self.worker.chance().borrow_mut().u64(..)
    }

    fn queue(&self, job: Job) -> Result<(), Fault> {
        self.worker.jobs.queue(job)
    }

    fn call<'a>(
        &'a self,
        to: &'a Outbound,
        request: RequestHead,
        body: Vec<u8>,
        limits: CallLimits,
    ) -> Calling<'a> {
        Box::pin(self.ask(&self.snapshot.clusters[to.number()], request, body, limits))
    }

    fn call_url<'a>(
        &'a self,
        url: &'a HttpUrl,
        mut request: RequestHead,
        body: Vec<u8>,
        limits: CallLimits,
    ) -> Calling<'a> {
        Box::pin(async move {
            if let Some(cluster) = self.cluster_at(url) {
                set_target(&mut request, url)?;
                return self.ask(cluster, request, body, limits).await;
            }
            let (answer, answered) = oneshot::channel();
            let errand = Errand { url: url.clone(), request, body, limits, answer };
            if self.worker.errands.try_send(errand).is_err() {
                return Err(CallError::Unavailable("too_many_calls"));
            }
            answered.await.unwrap_or(Err(CallError::Broken))
        })
    }
}

impl Turns for Serving<'_> {
    fn turn(&self, number: usize) {
        self.turn.set(number);
    }
}

impl std::fmt::Debug for Serving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.worker.fmt(f)
    }
}
