//! One try at an endpoint, from its choice to the end of its answer: what it costs meanwhile, and what it tells of the service.
//! Balancing, ejection and the circuit breaker all learn from here, and from nowhere else.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{LocalCluster, LocalEndpoint};
use crate::balance::ewma::FAILED;
use crate::breaker::{Breaker, CircuitOpen, Pass};
use crate::cluster::Cluster;
use crate::result::TryResult;

/// What the tries of an upstream have to do for those who learn from them: decided once, since most have to do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Duties {
    /// To ask its circuit breaker for leave.
    asks_breaker: bool,
    /// To be among the requests under way at their endpoint: balancing goes by them.
    is_counted: bool,
    /// To take the time to the head of the answer: balancing or the breaker goes by it.
    is_timed: bool,
}

impl Duties {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let (balance, breaker) = (&cluster.settings().balance, cluster.breaker());
        Self {
            asks_breaker: breaker.is_some(),
            is_counted: balance.counts_requests(),
            is_timed: balance.times_answers() || breaker.is_some_and(Breaker::is_timed),
        }
    }
}

/// A try under way. Dropped without having [told](Self::tell) how it ended, it says nothing of the service: the client went away,
/// or another answer came first.
#[derive(Debug)]
pub struct Call {
    cluster: Rc<LocalCluster>,
    endpoint: Rc<LocalEndpoint>,
    /// What its circuit breaker goes by, until it was told how the try ended; none where it counts nothing.
    pass: Option<Pass>,
    began: Instant,
    /// How long the head of the answer took, where that matters and is known.
    answered: Option<Duration>,
    has_told: bool,
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.cluster.duties.is_counted {
            self.endpoint.known.end_request();
        }
        if let Some(pass) = self.pass.take()
            && let Some(breaker) = self.breaker()
        {
            // A trial that told nothing is given to the next who comes.
            breaker.give_back(pass);
        }
    }
}

impl Call {
    /// Begins a try at this endpoint, unless the circuit of the upstream is open.
    pub fn begin(
        cluster: &Rc<LocalCluster>,
        endpoint: &Rc<LocalEndpoint>,
        now: Instant,
    ) -> Result<Self, CircuitOpen> {
        let duties = cluster.duties;
        let breaker = if duties.asks_breaker { cluster.cluster.breaker() } else { None };
        let pass = match breaker {
            Some(breaker) => breaker.admit(now)?,
            None => None,
        };
        if duties.is_counted {
            endpoint.known.begin_request();
        }
        let (cluster, endpoint) = (Rc::clone(cluster), Rc::clone(endpoint));
        Ok(Self { cluster, endpoint, pass, began: now, answered: None, has_told: false })
    }

    /// The upstream that is tried.
    pub fn cluster(&self) -> &Rc<LocalCluster> {
        &self.cluster
    }

    fn breaker(&self) -> Option<&Breaker> {
        self.cluster.cluster.breaker()
    }

    fn times_answers(&self) -> bool {
        self.cluster.duties.is_timed && self.cluster.cluster.settings().balance.times_answers()
    }

    /// Tells how it ended; what is told first counts. An answer is told when it is whole. One that goes on as long as somebody has
    /// something to say is told when it has begun, and so is an error, whose body matters to nobody.
    pub fn tell(&mut self, result: TryResult, now: Instant) {
        if std::mem::replace(&mut self.has_told, true) {
            return;
        }
        let took = || self.answered.unwrap_or_else(|| now.saturating_duration_since(self.began));
        if self.times_answers() && !matches!(result, TryResult::Status(..500)) {
            self.endpoint.known.observe(took().max(FAILED), now);
        }
        let cluster = &self.cluster.cluster;
        if let Some(rules) = &cluster.settings().outlier_detection {
            let LocalEndpoint { endpoint, known, .. } = &*self.endpoint;
            if rules.failure_on.has(result) {
                cluster.shared().fail((endpoint, known), rules, now);
            } else if !known.ejection.is_clear() {
                known.ejection.succeed(known.millis(now), rules);
            }
        }
        if let Some(pass) = self.pass
            && let Some(breaker) = self.breaker()
        {
            breaker.settle(pass, result, took(), now);
        }
        self.pass = None;
    }

    /// Whether it is to be told as soon as the head of its answer is there: others wait for what this try tells, and must not wait for
    /// a slow client to take the rest.
    pub fn is_trial(&self) -> bool {
        self.pass.is_some_and(|pass| pass.is_trial)
    }

    /// Tells that the head of the answer is there, to a request whose last byte was sent at `asked`. What follows takes the time that
    /// the client takes to read it, and says nothing of how fast the service is.
    #[inline]
    pub fn heard(&mut self, asked: Instant, now: impl FnOnce() -> Instant) {
        if self.cluster.duties.is_timed {
            let now = now();
            let took = now.saturating_duration_since(asked);
            self.answered = Some(took);
            if self.times_answers() {
                self.endpoint.known.observe(took, now);
            }
        }
    }
}
