//! An upstream on one worker: its endpoints with the connections that this worker keeps to them.
//! Nothing here is shared with other workers but what is known of each endpoint, and the count of busy connections.

mod call;
mod choose;
mod open;
mod pool;

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use maitred_telemetry::UpstreamSeries;
use tokio::sync::Semaphore;

pub use self::call::Call;
use self::call::Duties;
pub use self::choose::Choice;
use self::choose::Chooser;
pub(crate) use self::open::{Opened, open, reach, without_port};
pub use self::pool::{AcquireError, Lease};
use self::pool::{Idle, SharedConnection};
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
    duties: Duties,
    turns: RefCell<Turns>,
}

#[derive(Debug)]
struct Turns {
    /// The number of the list that `endpoints` was made from, to see when another was published.
    seen: u64,
    endpoints: Vec<Rc<LocalEndpoint>>,
    chooser: Chooser,
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
    /// How often it had been found unhealthy when its connections were closed for that.
    falls: Cell<u32>,
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
        let before = previous.map(|old| old.turns.borrow());
        let old = before.as_deref().filter(|_| previous.is_some_and(|old| fits(&old)));
        let turns = Turns::new(&cluster, before.as_deref(), old.map_or(&[], |old| &old.endpoints), offset);
        drop(before);
        if let Some(other) = previous.filter(|old| !fits(old)) {
            other.retire();
        }
        let duties = Duties::of(&cluster);
        Self { cluster, series, worker, idle_share, duties, turns: RefCell::new(turns) }
    }

    /// What the configuration says of it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What this worker counts for it.
    pub fn counts(&self) -> &maitred_telemetry::UpstreamShard {
        self.series.at(self.worker)
    }

    /// Counts a request at `now` of which a share may be tried again.
    pub fn count_for_retries(&self, now: Instant) {
        self.shared().retry_budget().count(self.worker, now);
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

    /// Its turns, with the list of endpoints that is in place.
    #[inline]
    fn current_turns(&self) -> RefMut<'_, Turns> {
        let mut turns = self.turns.borrow_mut();
        if turns.seen != self.shared().generation() {
            turns.renew(&self.cluster);
        }
        turns
    }

    /// Closes connections that have been idle for too long at `now`, that the service closed, or whose endpoint was found unhealthy.
    pub fn reap(&self, now: Instant) {
        let limit = self.cluster.settings().idle_timeout;
        for endpoint in &self.current_turns().endpoints {
            // Also where nothing starts slowly: a reload may change that.
            endpoint.known.see(now);
            endpoint.leave_unhealthy();
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
    /// The endpoints of the list that is in place, with those of `old` that are among them. Whose turn it is goes on from `before`.
    fn new(cluster: &Cluster, before: Option<&Self>, old: &[Rc<LocalEndpoint>], offset: u32) -> Self {
        let shared = cluster.shared();
        // The number first: if another list comes in between, it is taken over the next time.
        let seen = shared.generation();
        let found = shared.endpoints();
        let endpoints: Vec<_> = found
            .list
            .iter()
            .map(|member| {
                // The same place; what the list says of it beside that may have changed.
                let same =
                    |old: &&Rc<LocalEndpoint>| Arc::ptr_eq(&old.known, &member.shared) && !old.is_gone.get();
                old.iter().find(same).map_or_else(|| Rc::new(LocalEndpoint::new(member)), Rc::clone)
            })
            .collect();
        for gone in old.iter().filter(|old| !endpoints.iter().any(|kept| Rc::ptr_eq(kept, old))) {
            gone.retire();
        }
        let credit = |known: &Arc<EndpointShared>| {
            let before = before?;
            let at = before.endpoints.iter().position(|old| Arc::ptr_eq(&old.known, known))?;
            Some(before.chooser.credit(at))
        };
        let chooser = Chooser::new(cluster, &found, offset, credit);
        Self { seen, endpoints, chooser, offset }
    }

    /// Takes over a list of endpoints that was published since.
    #[cold]
    fn renew(&mut self, cluster: &Cluster) {
        *self = Self::new(cluster, Some(self), &self.endpoints, self.offset);
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
            falls: Cell::new(member.shared.health.falls()),
        }
    }

    /// Closes the idle connections of an endpoint that was found unhealthy since: when it has recovered, new ones are made.
    fn leave_unhealthy(&self) {
        let falls = self.known.health.falls();
        if self.falls.replace(falls) != falls {
            self.idle.borrow_mut().clear();
            self.shared.borrow_mut().clear();
        }
    }

    fn retire(&self) {
        self.is_gone.set(true);
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().clear();
    }
}
