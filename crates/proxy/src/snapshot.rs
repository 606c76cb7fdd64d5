//! Everything that was decided from one document: listeners, routes, pipelines, upstreams. It never changes; a reload
//! puts another in its place.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use maitred_http::Method;
use maitred_net::{CertificateSummary, ServerTls};
use maitred_policy::values::{Value, View};
use maitred_policy::{AdminResource, Condition, Facts, Origin, Resources};
use maitred_router::{PathValues, Predicate, Router, Subject};
use maitred_telemetry::{
    AccessFormat, Destination, LogQueue, RouteSeries, RouteUpstreamSeries, UpstreamSeries,
};
use maitred_upstream::{Cluster, ClusterStatus};
use maitred_wire::Limits;

use crate::acme::Acme;
use crate::action::Action;
use crate::error_format::ErrorFormat;
use crate::kept::KeptShared;
use crate::listener::ListenerSettings;
use crate::pipeline::{Pipeline, PolicyInstance};
use crate::stores::OpenStores;
use crate::tls::TlsKept;

/// What a document compiles to.
#[derive(Debug)]
pub struct Snapshot {
    /// Chooses among `routes`.
    pub(crate) router: Router,
    /// The routes in the order of the document; behind them the built-in one for what matches none.
    pub(crate) routes: Vec<Route>,
    /// The upstreams that routes name by number.
    pub(crate) upstreams: Vec<Upstream>,
    /// Every policy instance, by its number.
    pub(crate) policies: Vec<Arc<PolicyInstance>>,
    /// Where clients come in.
    pub(crate) listeners: Vec<Arc<ListenerSettings>>,
    /// Limits of connections and messages.
    pub(crate) limits: Limits,
    /// Files that policies have read.
    pub(crate) files: Vec<PathBuf>,
    /// What is wanted of certificate authorities.
    pub(crate) acme: Acme,
    /// What TLS keeps for the next snapshot.
    pub(crate) tls: TlsKept,
    /// How long requests under way may take when the gateway stops.
    pub(crate) drain_limit: Duration,
    /// How late a worker may be, where that is limited.
    pub(crate) lag_limit: Option<Duration>,
    /// Where access logs go.
    pub(crate) logs: Vec<AccessTarget>,
    /// Good answers for when services fail, where a route keeps some.
    pub(crate) kept: Option<Arc<KeptShared>>,
    /// What policies share that belongs to none of them.
    pub(crate) resources: Resources,
    /// Where is kept what requests share.
    pub(crate) stores: OpenStores,
}

/// An upstream in a snapshot.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) series: Arc<UpstreamSeries>,
    /// The value of a request by which its endpoint is chosen, where balancing goes by one.
    pub(crate) key: Option<Value>,
}

/// A place that access logs go to.
#[derive(Debug)]
pub(crate) struct AccessTarget {
    /// Tells it apart, so that a worker keeps what it has not written yet over a reload.
    pub(crate) key: Arc<str>,
    pub(crate) destination: Destination,
    /// Set when the snapshot is put in place; compiling opens nothing.
    queue: OnceLock<LogQueue>,
}

impl AccessTarget {
    pub(crate) fn new(destination: Destination) -> Self {
        let key = match &destination {
            Destination::Stdout => "stdout".into(),
            Destination::Stderr => "stderr".into(),
            Destination::File(path) => path.display().to_string().into(),
        };
        Self { key, destination, queue: OnceLock::new() }
    }

    /// Says where its lines are to be handed over.
    pub(crate) fn open(&self, queue: LogQueue) {
        // A snapshot is put in place once; if twice, then with the same writer.
        let _ = self.queue.set(queue);
    }

    pub(crate) fn queue(&self) -> Option<&LogQueue> {
        self.queue.get()
    }
}

/// A route, compiled. What its requests need of it, workers hold in a row of their own: [`LocalRoute`](crate::local::LocalRoute).
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    /// Its path as it is written, for logs.
    pub(crate) path: Arc<str>,
    pub(crate) methods: Option<Arc<[Method]>>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) action: Arc<Action>,
    pub(crate) errors: Arc<ErrorFormat>,
    /// Which of the snapshot's logs, and how.
    pub(crate) access_log: Option<(usize, AccessFormat)>,
    /// What its conditions are on, in the order of the route table, for people.
    pub(crate) conditions: Box<[Box<str>]>,
    pub(crate) counts: RouteCounts,
}

/// What is counted for a route.
#[derive(Debug, Clone)]
pub(crate) struct RouteCounts {
    pub(crate) route: Arc<RouteSeries>,
    /// With its upstream, or with none.
    pub(crate) requests: Arc<RouteUpstreamSeries>,
    /// What the gateway answered by itself.
    pub(crate) own: Arc<RouteUpstreamSeries>,
}

/// A condition in CEL as the router asks for it.
pub(crate) struct When(pub(crate) Condition);

impl std::fmt::Debug for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Predicate for When {
    fn holds(&self, subject: &Subject<'_>, _path: PathValues<'_>) -> bool {
        let Some(facts) = subject.context.downcast_ref::<Facts>() else { return false };
        self.0.holds_when(&View::of_request(subject.head, facts))
    }
}

impl Snapshot {
    /// Files that were read to compile it, beside those that the document names as such.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Writes down what stores would lose with the process. Blocks until that is done.
    pub fn save_stores(&self) {
        for (_, store) in self.stores.open().iter() {
            store.save();
        }
    }

    /// The policies that have something from elsewhere which is only known while the gateway runs: each by its name, where it is
    /// written, and who is asked, in words.
    pub fn fetching(&self) -> impl Iterator<Item = (&str, &str, String)> {
        self.policies.iter().flat_map(|instance| {
            let fetched = instance.policy.fetched().into_iter();
            fetched.filter_map(|wanted| {
                let from = match &wanted.from {
                    Origin::Urls(url) => format!("`{url}`"),
                    from => {
                        let upstream = &self.upstreams[self.asked_by(instance, from)?];
                        format!("the upstream `{}`", upstream.cluster.settings().name)
                    }
                };
                Some((&*instance.name, &*instance.place, from))
            })
        })
    }

    /// The number of the upstream that is asked for what a policy has from there.
    pub(crate) fn asked_by(&self, instance: &PolicyInstance, from: &Origin) -> Option<usize> {
        match from {
            Origin::Route => {
                let wanted = instance.upstream.as_deref()?;
                self.upstreams().position(|cluster| *cluster.settings().name == *wanted)
            }
            Origin::Upstream(outbound) => Some(outbound.number()),
            Origin::Urls(_) => None,
        }
    }

    /// What operators see of its policies: where each is written, and its name there.
    pub fn admin_resources(&self) -> impl Iterator<Item = (&str, &str, Arc<dyn AdminResource>)> {
        let all = self.policies.iter();
        all.filter_map(|instance| Some((&*instance.place, &*instance.name, instance.policy.admin()?)))
    }

    /// What it wants of certificate authorities.
    pub fn acme(&self) -> &Acme {
        &self.acme
    }

    /// Its upstreams: those with a name, and those that routes name by their URL.
    pub fn upstreams(&self) -> impl Iterator<Item = &Cluster> {
        self.upstreams.iter().map(|upstream| &*upstream.cluster)
    }

    /// What the certificates say that listeners show, each with the name of its listener.
    pub fn certificates(&self) -> impl Iterator<Item = (&Arc<str>, CertificateSummary)> {
        self.listeners.iter().flat_map(|listener| {
            let shown = listener.tls.as_ref().map(ServerTls::certificates).unwrap_or_default();
            shown.into_iter().map(|summary| (&listener.name, summary))
        })
    }

    /// How its upstreams are doing at `now`.
    pub fn upstream_status(&self, now: Instant) -> impl Iterator<Item = ClusterStatus> {
        self.upstreams.iter().map(move |upstream| upstream.cluster.status(now))
    }

    /// Ends the ejections of endpoints whose time is over at `now`.
    pub(crate) fn settle(&self, now: Instant) {
        self.upstreams.iter().for_each(|upstream| upstream.cluster.shared().settle(now));
    }

    /// Lets go of the endpoints of its upstreams that those of `next` have no more.
    pub(crate) fn leave_to(&self, next: &Self) {
        for Upstream { cluster: old, .. } in &self.upstreams {
            let is_same = |new: &&Upstream| new.cluster.settings().name == old.settings().name;
            if let Some(new) = next.upstreams.iter().find(is_same) {
                new.cluster.take_over(old);
            }
        }
    }

    /// The number of the built-in route for what matches no other.
    pub(crate) fn unmatched(&self) -> usize {
        self.routes.len() - 1
    }
}
