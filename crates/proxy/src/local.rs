//! A snapshot on one worker: what its policies and upstreams own there.
//! It is made once for each reload, and shared by the exchanges of that worker only.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::{PathNames, RouteFacts};
use maitred_telemetry::{AccessFormat, OwnShard, RouteShard, RouteUpstreamShard};
use maitred_upstream::LocalCluster;

use crate::action::Action;
use crate::error_format::ErrorFormat;
use crate::listener::ListenerSettings;
use crate::pipeline::Pipeline;
use crate::snapshot::{Route, Snapshot};

/// A snapshot as a worker uses it. Exchanges hold it through an `Rc`, so that no request touches a counter that other
/// threads touch.
pub(crate) struct LocalSnapshot {
    pub(crate) shared: Arc<Snapshot>,
    /// The number of the worker.
    worker: usize,
    /// What each policy instance owns here, by its number.
    pub(crate) locals: Vec<Box<dyn Any>>,
    pub(crate) clusters: Vec<Rc<LocalCluster>>,
    /// The names of the clusters.
    pub(crate) names: Vec<Rc<str>>,
    pub(crate) route_facts: Rc<[RouteFacts]>,
    /// The names of path parameters, by the number of the pattern.
    pub(crate) path_names: Rc<[PathNames]>,
    pub(crate) routes: Vec<LocalRoute>,
}

/// What requests need of their route, in one cache line: there may be ten thousand routes, each asked so seldom that
/// every line of it comes from memory.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct LocalRoute {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) action: Arc<Action>,
    pub(crate) errors: Arc<ErrorFormat>,
    /// Which of the snapshot's logs, and how.
    pub(crate) access_log: Option<(usize, AccessFormat)>,
    /// Where this worker counts: looked up when the first request comes, and kept.
    counts: OnceCell<OwnShard<RouteShard>>,
    forwarded: OnceCell<OwnShard<RouteUpstreamShard>>,
    /// What the gateway answered by itself.
    own: OnceCell<OwnShard<RouteUpstreamShard>>,
}

const _: () = assert!(size_of::<LocalRoute>() == 64, "a route has outgrown its cache line");

impl LocalRoute {
    fn new(route: &Route) -> Self {
        Self {
            pipeline: Arc::clone(&route.pipeline),
            action: Arc::clone(&route.action),
            errors: Arc::clone(&route.errors),
            access_log: route.access_log,
            counts: OnceCell::new(),
            forwarded: OnceCell::new(),
            own: OnceCell::new(),
        }
    }
}

impl LocalSnapshot {
    /// The snapshot on worker `at.0` of `at.1`. Connections that `previous` has to the same upstreams go on.
    pub(crate) fn new(
        shared: Arc<Snapshot>,
        at: (usize, usize),
        offset: u32,
        previous: Option<&Self>,
    ) -> Self {
        let locals = shared.policies.iter().map(|instance| instance.policy.new_local()).collect();
        let old: HashMap<&str, &Rc<LocalCluster>> = previous
            .iter()
            .flat_map(|previous| &previous.clusters)
            .map(|cluster| (&*cluster.cluster().settings().name, cluster))
            .collect();
        let clusters: Vec<_> = shared
            .upstreams
            .iter()
            .map(|upstream| {
                let (cluster, series) = (Arc::clone(&upstream.cluster), Arc::clone(&upstream.series));
                let old = old.get(&*cluster.settings().name).map(|old| &***old);
                Rc::new(LocalCluster::new(cluster, series, at, offset, old))
            })
            .collect();
        for gone in old.values().filter(|old| {
            !clusters.iter().any(|kept| kept.cluster().settings().name == old.cluster().settings().name)
        }) {
            gone.retire();
        }
        let facts =
            |route: &Route| RouteFacts { name: Arc::clone(&route.name), methods: route.methods.clone() };
        let route_facts = shared.routes.iter().map(facts).collect();
        let path_names = path_names(&shared);
        let routes = shared.routes.iter().map(LocalRoute::new).collect();
        let names = clusters.iter().map(|cluster| Rc::from(&*cluster.cluster().settings().name)).collect();
        Self { shared, locals, clusters, names, route_facts, path_names, routes, worker: at.0 }
    }

    /// Where requests of this route are counted.
    pub(crate) fn route_counts(&self, route: usize) -> &RouteShard {
        let series = || self.shared.routes[route].counts.route.own(self.worker);
        self.routes[route].counts.get_or_init(series)
    }

    /// Where requests of this route are counted that went to its upstream, or those that did not.
    pub(crate) fn request_counts(&self, route: usize, forwarded: bool) -> &RouteUpstreamShard {
        let local = &self.routes[route];
        let cell = if forwarded { &local.forwarded } else { &local.own };
        cell.get_or_init(|| {
            let counts = &self.shared.routes[route].counts;
            if forwarded { &counts.requests } else { &counts.own }.own(self.worker)
        })
    }

    /// The listener of this name, if the snapshot still has it.
    pub(crate) fn listener(&self, name: &str) -> Option<&ListenerSettings> {
        // There are a few of them: comparing names costs less than hashing one.
        self.shared.listeners.iter().find(|listener| *listener.name == *name).map(|listener| &**listener)
    }
}

/// The names of the parameters of every pattern of the route table.
pub(crate) fn path_names(table: &Snapshot) -> Rc<[PathNames]> {
    table.router.patterns().iter().map(|pattern| pattern.names().map(Into::into).collect()).collect()
}

/// The heads of one exchange, kept by the worker for the next one.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
}

impl Heads {
    pub(crate) fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
    }
}
