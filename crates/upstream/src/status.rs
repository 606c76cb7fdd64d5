//! How an upstream is doing, for operators: metrics and the admin API.
//! Nothing is decided here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::endpoint::Member;
use crate::health::Health;

/// How an upstream is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its endpoints, in the order of its list.
    pub endpoints: Vec<EndpointStatus>,
    /// What came of checks; none where there are none.
    pub checks: Option<CheckCounts>,
    /// How often an endpoint was ejected; none where none can be.
    pub ejections: Option<u64>,
}

/// How checks ended, since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckCounts {
    /// Those that passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
}

/// How an endpoint is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its address.
    pub address: String,
    /// Its share of the requests, relative to the others'.
    pub weight: u32,
    /// What checks say of it.
    pub health: Health,
    /// Why the last check failed; none where it passed.
    pub failure: Option<Arc<String>>,
    /// How much longer it is ejected; none where it is not.
    pub ejected_for: Option<Duration>,
}

impl Cluster {
    /// How it is doing at `now`.
    pub fn status(&self, now: Instant) -> ClusterStatus {
        let (settings, health) = (self.settings(), &self.shared().health);
        let list = self.endpoints();
        let endpoints: Vec<_> = list.list.iter().map(|member| status_of(member, now)).collect();
        let rules = settings.outlier_detection.as_ref();
        let can_eject = rules.is_some_and(|rules| rules.most_ejected(list.weighty()) > 0);
        ClusterStatus {
            name: Arc::clone(&settings.name),
            endpoints,
            checks: settings
                .health_check
                .as_ref()
                .map(|_| CheckCounts { passed: health.passed.value(), failed: health.failed.value() }),
            ejections: can_eject.then(|| health.ejections.value()),
        }
    }
}

fn status_of(member: &Member, now: Instant) -> EndpointStatus {
    let Member { endpoint, shared } = member;
    EndpointStatus {
        address: endpoint.to_string(),
        weight: endpoint.weight,
        health: shared.health.now(),
        failure: shared.health.failure(),
        ejected_for: shared.ejection.left(shared.millis(now)),
    }
}

#[cfg(test)]
mod tests;
