//! A snapshot on one worker: what its policies and upstreams own there.
//! It is made once for each reload, and shared by the exchanges of that worker only.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::RouteFacts;
use maitred_upstream::LocalCluster;

use crate::listener::ListenerSettings;
use crate::snapshot::Snapshot;

/// A snapshot as a worker uses it. Exchanges hold it through an `Rc`, so that no request touches a counter that other
/// threads touch.
pub(crate) struct LocalSnapshot {
    pub(crate) shared: Arc<Snapshot>,
    /// What each policy instance owns here, by its number.
    pub(crate) locals: Vec<Box<dyn Any>>,
    pub(crate) clusters: Vec<Rc<LocalCluster>>,
    /// The names of the clusters.
    pub(crate) names: Vec<Rc<str>>,
    pub(crate) routes: Vec<Rc<RouteFacts>>,
    /// The names of each route's path parameters, where it has any.
    pub(crate) params: Vec<Option<Rc<[Box<str>]>>>,
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
        let routes = shared
            .routes
            .iter()
            .map(|route| {
                Rc::new(RouteFacts { name: Arc::clone(&route.name), methods: route.methods.clone() })
            })
            .collect();
        let named = |names: &[Box<str>]| (!names.is_empty()).then(|| Rc::from(names));
        let params = shared.routes.iter().map(|route| named(&route.params)).collect();
        let names = clusters.iter().map(|cluster| Rc::from(&*cluster.cluster().settings().name)).collect();
        Self { shared, locals, clusters, names, routes, params }
    }

    /// The listener of this name, if the snapshot still has it.
    pub(crate) fn listener(&self, name: &str) -> Option<&ListenerSettings> {
        // There are a few of them: comparing names costs less than hashing one.
        self.shared.listeners.iter().find(|listener| *listener.name == *name).map(|listener| &**listener)
    }
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
