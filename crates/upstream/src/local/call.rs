//! One try at an endpoint, from its choice to the end of its answer: what it costs meanwhile, and what it tells of the service.
//! Balancing, ejection and the circuit breaker all learn from here, and from nowhere else.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::permit::Permit;
use super::{LocalCluster, LocalEndpoint};
use crate::balance::ewma::FAILED;
use crate::result::TryResult;

/// A try under way. Dropped without having [told](Self::tell) how it ended, it says nothing of the service: the client went away,
/// or another answer came first.
#[derive(Debug)]
pub struct Call {
    cluster: Rc<LocalCluster>,
    endpoint: Rc<LocalEndpoint>,
    permit: Permit,
    began: Instant,
    /// How long the head of the answer took, where that matters and is known.
    answered: Option<Duration>,
    has_told: bool,
    /// Whether it is among the requests under way at the endpoint, where balancing goes by them.
    is_counted: bool,
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.is_counted {
            self.endpoint.known.end_request();
        }
    }
}

impl Call {
    /// Begins a try at this endpoint.
    pub fn begin(
        cluster: &Rc<LocalCluster>,
        endpoint: &Rc<LocalEndpoint>,
        permit: Permit,
        now: Instant,
    ) -> Self {
        let is_counted = cluster.cluster.settings().balance.counts_requests();
        if is_counted {
            endpoint.known.begin_request();
        }
        let (cluster, endpoint) = (Rc::clone(cluster), Rc::clone(endpoint));
        Self { cluster, endpoint, permit, began: now, answered: None, has_told: false, is_counted }
    }

    /// The upstream that is tried.
    pub fn cluster(&self) -> &Rc<LocalCluster> {
        &self.cluster
    }

    fn times_answers(&self) -> bool {
        self.cluster.cluster.settings().balance.times_answers()
    }

    /// Tells how it ended; what is told first counts. An answer is told when it is whole. One that goes on as long as somebody has
    /// something to say is told when it has begun, and so is an error, whose body matters to nobody.
    pub fn tell(&mut self, result: TryResult, now: Instant) {
        if std::mem::replace(&mut self.has_told, true) {
            return;
        }
        if self.times_answers() && !matches!(result, TryResult::Status(..500)) {
            self.endpoint.known.observe(now.saturating_duration_since(self.began).max(FAILED), now);
        }
        let cluster = &self.cluster.cluster;
        if let Some(rules) = &cluster.settings().outlier_detection {
            let LocalEndpoint { endpoint, known, .. } = &*self.endpoint;
            if rules.failure_on.has(result) {
                cluster.shared().fail((endpoint, known), rules, now);
            } else {
                known.ejection.succeed(now, rules);
            }
        }
        let (answered, began) = (self.answered, self.began);
        let took = || answered.unwrap_or_else(|| now.saturating_duration_since(began));
        self.permit.tell(result, took, now);
    }

    /// Whether it is to be told as soon as the head of its answer is there: others wait for what this try tells, and must not wait for
    /// a slow client to take the rest.
    pub fn is_trial(&self) -> bool {
        self.permit.is_trial()
    }

    /// Tells that the head of the answer is there, to a request whose last byte was sent at `asked`. What follows takes the time that
    /// the client takes to read it, and says nothing of how fast the service is.
    #[inline]
    pub fn heard(&mut self, asked: Instant, now: impl FnOnce() -> Instant) {
        let (times_answers, is_timed) = (self.times_answers(), self.permit.is_timed());
        if times_answers || is_timed {
            let now = now();
            if times_answers {
                self.endpoint.known.observe(now.saturating_duration_since(self.began), now);
            }
            self.answered = is_timed.then(|| now.saturating_duration_since(asked));
        }
    }
}
