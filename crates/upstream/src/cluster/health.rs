//! What is done to the endpoints of an upstream all together: who may be ejected beside the others, and what a reload ends.
//! The state of a single one is in `ejection`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Cluster, ClusterShared};
use crate::ejection::{OutlierDetection, Owner};
use crate::endpoint::{Endpoint, EndpointShared, Endpoints};
use crate::health::Health;

impl Cluster {
    /// Takes the place of `old` in the snapshot in force: of its endpoints those that are not here are gone, and it finds no more.
    pub fn take_over(&self, old: &Self) {
        self.shared.balance.store(Arc::new(self.settings.balance.clone()));
        if !Arc::ptr_eq(&self.shared, &old.shared) {
            old.shared.is_replaced.store(true, Ordering::Relaxed);
            old.shared.leave_to(&self.endpoints());
        }
    }
}

impl ClusterShared {
    /// Takes endpoints that are not in this list out of the count of ejected ones.
    pub(super) fn leave_to(&self, next: &Endpoints) {
        let stays = |known| next.list.iter().any(|member| Arc::ptr_eq(&member.shared, known));
        for member in self.endpoints.load().list.iter().filter(|member| !stays(&member.shared)) {
            member.shared.ejection.leave();
        }
    }

    /// Notes a try at `endpoint` that failed, and ejects it if that was one too many.
    #[cold]
    pub(crate) fn fail(
        &self,
        (endpoint, known): (&Endpoint, &EndpointShared),
        rules: &OutlierDetection,
        now: Instant,
    ) {
        known.settle(now);
        let owner = || Owner { upstream: Arc::clone(&self.health), endpoint: endpoint.to_string() };
        let may_eject = || {
            let endpoints = self.endpoints.load();
            let most = rules.most_ejected(endpoints.weighty());
            most > 0
                && (self.health.take_place(most) || {
                    // Those whose time is over leave their places when somebody looks.
                    endpoints.list.iter().for_each(|member| member.shared.settle(now));
                    self.health.take_place(most)
                })
        };
        known.ejection.fail(known.millis(now), rules, owner, may_eject);
    }

    /// Ends the ejections whose time is over. To be called now and then, for those that nobody sends requests to.
    pub fn settle(&self, now: Instant) {
        if self.health.ejected() > 0 {
            self.endpoints.load().list.iter().for_each(|member| member.shared.settle(now));
        }
    }

    /// Forgets what requests told of the endpoints: nobody is ejected.
    pub fn forgive(&self, now: Instant) {
        self.endpoints.load().list.iter().for_each(|member| member.shared.forgive(now));
    }

    /// Forgets what checks told of the endpoints: nobody is unhealthy.
    pub fn forget_checks(&self, now: Instant) {
        for member in &self.endpoints.load().list {
            member.shared.find(Health::Unknown, None, now);
        }
    }
}
