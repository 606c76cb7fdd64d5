//! An upstream on one worker: its endpoints with the connections that this worker keeps to them.
//! Nothing here is shared with other workers but the count of open connections.

mod call;
mod open;
mod pool;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use maitred_telemetry::UpstreamSeries;
use tokio::sync::Semaphore;

pub use self::call::Call;
pub(crate) use self::open::{Opened, open};
pub use self::pool::{AcquireError, Lease};
use self::pool::{Idle, SharedConnection};
use crate::balance::RoundRobin;
use crate::cluster::{Cluster, ClusterShared};
use crate::endpoint::{Endpoint, EndpointShared, Member, Protocol};

/// An upstream on one worker.
#[derive(Debug)]
pub struct LocalCluster {
    cluster: Arc<Cluster>,
    series: Arc<UpstreamSeries>,
    worker: usize,
    /// Idle connections that this worker may keep to each endpoint.
    idle_share: usize,
    turns: RefCell<Turns>,
}

#[derive(Debug)]
struct Turns {
    /// The number of the list that `endpoints` was made from, to see when another was published.
    seen: u64,
    endpoints: Vec<Rc<LocalEndpoint>>,
    robin: RoundRobin,
    offset: u32,
}

/// An endpoint on one worker.
#[derive(Debug)]
pub struct LocalEndpoint {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What the whole process knows of it.
    pub(crate) known: Arc<EndpointShared>,
    pub(crate) idle: RefCell<Vec<Idle>>,
    pub(crate) shared: RefCell<Vec<SharedConnection>>,
    /// Whether it was found to speak HTTP/2, or is known to.
    pub(crate) is_shared: Cell<bool>,
    /// Whose turn it is to open a connection of HTTP/2.
    pub(crate) turn: Semaphore,
    /// The endpoint is no longer one of the upstream's: connections end with the request that they serve.
    pub(crate) is_gone: Cell<bool>,
}

impl LocalCluster {
    /// The upstream on worker `worker` of `workers`. Connections that `previous` has to the same endpoints are taken over, unless
    /// TLS is spoken to them in another way now. `offset` says with which endpoint to begin.
    pub fn new(
        cluster: Arc<Cluster>,
        series: Arc<UpstreamSeries>,
        (worker, workers): (usize, usize),
        offset: u32,
        previous: Option<&Self>,
    ) -> Self {
        let idle_share = cluster.settings().idle.div_ceil(workers.max(1));
        let fits = |old: &&Self| old.cluster.transport().fits(cluster.transport());
        let old = previous.filter(fits).map(|old| old.turns.borrow().endpoints.clone()).unwrap_or_default();
        if let Some(other) = previous.filter(|old| !fits(old)) {
            other.retire();
        }
        let turns = Turns::new(cluster.shared(), &old, offset);
        Self { cluster, series, worker, idle_share, turns: RefCell::new(turns) }
    }

    /// What the configuration says of it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What this worker counts for it.
    pub fn counts(&self) -> &maitred_telemetry::UpstreamShard {
        self.series.at(self.worker)
    }

    pub(crate) fn shared(&self) -> &Arc<ClusterShared> {
        self.cluster.shared()
    }

    pub(crate) fn series(&self) -> &Arc<UpstreamSeries> {
        &self.series
    }

    pub(crate) fn worker(&self) -> usize {
        self.worker
    }

    pub(crate) fn idle_share(&self) -> usize {
        self.idle_share
    }

    /// The endpoint whose turn it is, other than those that were `tried` already; none where all were, or there is none.
    pub fn next(&self, tried: &[Rc<LocalEndpoint>]) -> Option<Rc<LocalEndpoint>> {
        self.refresh();
        let turns = &mut *self.turns.borrow_mut();
        let endpoints = &turns.endpoints;
        let chosen =
            turns.robin.next(|index| !tried.iter().any(|other| Rc::ptr_eq(other, &endpoints[index])))?;
        Some(Rc::clone(&endpoints[chosen]))
    }

    /// Takes over a list of endpoints that was published since.
    fn refresh(&self) {
        let shared = self.shared();
        let mut turns = self.turns.borrow_mut();
        if turns.seen != shared.generation() {
            *turns = Turns::new(shared, &turns.endpoints, turns.offset);
        }
    }

    /// Closes connections that have been idle for too long at `now`, or that the service closed.
    pub fn reap(&self, now: Instant) {
        self.refresh();
        let limit = self.cluster.settings().idle_timeout;
        for endpoint in &self.turns.borrow().endpoints {
            endpoint.idle.borrow_mut().retain_mut(|idle| idle.is_usable(now, limit));
            endpoint.shared.borrow_mut().retain_mut(|shared| shared.is_usable(now, limit));
        }
    }

    /// Closes all idle connections, and each busy one when its request has ended.
    pub fn retire(&self) {
        for endpoint in &self.turns.borrow().endpoints {
            endpoint.retire();
        }
    }
}

impl Turns {
    fn new(shared: &ClusterShared, old: &[Rc<LocalEndpoint>], offset: u32) -> Self {
        // The number first: if another list comes in between, it is taken over the next time.
        let seen = shared.generation();
        let found = shared.endpoints();
        let endpoints: Vec<_> = found
            .list
            .iter()
            .map(|member| {
                let is_same = |old: &LocalEndpoint| {
                    old.endpoint == member.endpoint && Arc::ptr_eq(&old.known, &member.shared)
                };
                let same = |old: &&Rc<LocalEndpoint>| is_same(old) && !old.is_gone.get();
                old.iter().find(same).map_or_else(|| Rc::new(LocalEndpoint::new(member)), Rc::clone)
            })
            .collect();
        for gone in old.iter().filter(|old| !endpoints.iter().any(|kept| Rc::ptr_eq(kept, old))) {
            gone.retire();
        }
        let robin = RoundRobin::new(found.list.iter().map(|member| member.endpoint.weight), offset);
        Self { seen, endpoints, robin, offset }
    }
}

impl LocalEndpoint {
    fn new(member: &Member) -> Self {
        let is_shared = Cell::new(member.endpoint.protocol == Protocol::Http2);
        Self {
            endpoint: member.endpoint.clone(),
            known: Arc::clone(&member.shared),
            idle: RefCell::default(),
            shared: RefCell::default(),
            is_shared,
            turn: Semaphore::new(1),
            is_gone: Cell::new(false),
        }
    }

    fn retire(&self) {
        self.is_gone.set(true);
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().clear();
    }
}
