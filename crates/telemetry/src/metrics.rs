//! Everything that is counted, in one place: the engine asks it for series when it compiles a snapshot, the workers
//! record into them, and whoever asks for the metrics page has it add them up and write them down.

use std::sync::Arc;

use crate::certificates::{CertificateExpiry, Certificates};
use crate::circuit::CircuitShard;
use crate::events::Events;
use crate::exposition::{Exposition, labels};
use crate::health::{Healths, UpstreamHealth};
use crate::measured::{AllMeasured, Measured};
use crate::process::ProcessUse;
use crate::refusal::RefusalShard;
use crate::registry::Registry;
use crate::render;
use crate::series::{Budget, OTHER, Series};
use crate::shard::{ListenerShard, RouteShard, RouteUpstreamShard, UpstreamShard};
use crate::traffic::{DegradedShard, MirrorShard, VariantShard};

/// The counts of one route.
pub type RouteSeries = Series<RouteShard>;
/// The counts of one route with one upstream.
pub type RouteUpstreamSeries = Series<RouteUpstreamShard>;
/// The counts of one upstream.
pub type UpstreamSeries = Series<UpstreamShard>;
/// What is told of the circuit of one upstream.
pub type CircuitSeries = Series<CircuitShard>;
/// The counts of one listener.
pub type ListenerSeries = Series<ListenerShard>;
/// The counts of one variant of a route.
pub type VariantSeries = Series<VariantShard>;
/// The counts of one upstream as a mirror.
pub type MirrorSeries = Series<MirrorShard>;
/// The counts of one route that degrades.
pub type DegradedSeries = Series<DegradedShard>;

/// What one policy refused.
pub type RefusalSeries = Series<RefusalShard>;

/// What `Metrics` must know from the start.
#[derive(Debug, Clone)]
pub struct MetricsOptions {
    /// How many threads record, each under its own number from 0: the workers, and any other that has something to
    /// count for a route, upstream or listener.
    pub workers: usize,
    /// How many lines the series may take in the exposition together.
    pub max_series: u64,
    /// The version of the program.
    pub version: &'static str,
    /// The commit it was built from; empty if unknown.
    pub revision: &'static str,
    /// When the process started, in seconds since 1970.
    pub started: u64,
}

impl MetricsOptions {
    /// Room for about 430 routes with traffic, in a page of 2 MB; routes without take none.
    pub const MAX_SERIES: u64 = 20_000;
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    options: MetricsOptions,
    budget: Arc<Budget>,
    routes: Registry<RouteShard>,
    route_upstreams: Registry<RouteUpstreamShard>,
    upstreams: Registry<UpstreamShard>,
    circuits: Registry<CircuitShard>,
    listeners: Registry<ListenerShard>,
    variants: Registry<VariantShard>,
    mirrors: Registry<MirrorShard>,
    degraded: Registry<DegradedShard>,
    refusals: Registry<RefusalShard>,
    events: Events,
    certificates: Certificates,
    health: Healths,
    measured: AllMeasured,
}

impl Metrics {
    /// Metrics with nothing counted.
    pub fn new(options: MetricsOptions) -> Self {
        let budget = Arc::new(Budget::new(options.max_series));
        let (workers, room) = (options.workers, || Arc::clone(&budget));
        Self {
            routes: Registry::new(workers, room(), &labels(&[("route", OTHER)])),
            route_upstreams: Registry::new(
                workers,
                room(),
                &labels(&[("route", OTHER), ("upstream", OTHER)]),
            ),
            upstreams: Registry::new(workers, room(), &labels(&[("upstream", OTHER)])),
            circuits: Registry::new(1, room(), &labels(&[("upstream", OTHER)])),
            listeners: Registry::new(workers, room(), &labels(&[("listener", OTHER)])),
            variants: Registry::new(workers, room(), &labels(&[("route", OTHER), ("variant", OTHER)])),
            mirrors: Registry::new(workers, room(), &labels(&[("upstream", OTHER)])),
            degraded: Registry::new(workers, room(), &labels(&[("route", OTHER)])),
            refusals: Registry::new(workers, room(), &labels(&[("place", OTHER), ("policy", OTHER)])),
            events: Events::default(),
            certificates: Certificates::default(),
            health: Healths::default(),
            measured: AllMeasured::default(),
            options,
            budget,
        }
    }

    /// The counts of the route of this name: the same as before as long as somebody holds them.
    pub fn route(&self, name: &str) -> Arc<RouteSeries> {
        self.routes.series(&labels(&[("route", name)]))
    }

    /// The counts of a route with one of its upstreams; `None` is for what the gateway answers by itself.
    pub fn route_upstream(&self, route: &str, upstream: Option<&str>) -> Arc<RouteUpstreamSeries> {
        let labels = labels(&[("route", route), ("upstream", upstream.unwrap_or_default())]);
        self.route_upstreams.series(&labels)
    }

    /// The counts of the upstream of this name.
    pub fn upstream(&self, name: &str) -> Arc<UpstreamSeries> {
        self.upstreams.series(&labels(&[("upstream", name)]))
    }

    /// What is told of the circuit of the upstream of this name.
    pub fn circuit(&self, name: &str) -> Arc<CircuitSeries> {
        self.circuits.series(&labels(&[("upstream", name)]))
    }

    /// The counts of the listener of this name.
    pub fn listener(&self, name: &str) -> Arc<ListenerSeries> {
        self.listeners.series(&labels(&[("listener", name)]))
    }

    /// Tells of what something measures by itself, under these labels, for as long as it lives.
    pub fn measure(&self, labels: &[(&str, &str)], measured: &Arc<dyn Measured>) {
        self.measured.add(labels, measured, &self.budget);
    }

    /// The counts of a route's variant of this name.
    pub fn variant(&self, route: &str, variant: &str) -> Arc<VariantSeries> {
        self.variants.series(&labels(&[("route", route), ("variant", variant)]))
    }

    /// The counts of the upstream of this name as a mirror.
    pub fn mirror(&self, upstream: &str) -> Arc<MirrorSeries> {
        self.mirrors.series(&labels(&[("upstream", upstream)]))
    }

    /// The counts of a route that degrades.
    pub fn degraded(&self, route: &str) -> Arc<DegradedSeries> {
        self.degraded.series(&labels(&[("route", route)]))
    }

    /// What the policy refused that is written at `place` under `name`.
    pub fn refusals(&self, place: &str, name: &str) -> Arc<RefusalSeries> {
        self.refusals.series(&labels(&[("place", place), ("policy", name)]))
    }

    /// What is counted for the whole process.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Tells of the certificates that listeners show, in place of those that were told before.
    pub fn replace_certificates(&self, all: Vec<CertificateExpiry>) {
        self.certificates.replace(all);
    }

    /// Tells how upstreams are doing, in place of what was told before.
    pub fn replace_health(&self, all: Vec<UpstreamHealth>) {
        self.health.replace(all, &self.budget);
    }

    /// Changes how many lines the series may take. Those in use stay.
    pub fn resize(&self, max_series: u64) {
        self.budget.resize(max_series);
    }

    /// Appends everything in the text form of Prometheus (`EXPOSITION_CONTENT_TYPE`). It takes no lock that a worker
    /// waits for, reads `/proc`, and with 10,000 routes in use takes a while: not for a worker.
    pub fn render(&self, out: &mut String) {
        let to = &mut Exposition::new(out);
        render::routes(to, &self.routes.live());
        render::route_upstreams(to, &self.route_upstreams.live());
        render::upstreams(to, &self.upstreams.live());
        render::health(to, &self.health.all());
        render::circuits(to, &self.circuits.live());
        render::listeners(to, &self.listeners.live());
        render::refusals(to, &self.refusals.live());
        self.measured.render(to, &self.budget);
        render::variants(to, &self.variants.live());
        render::mirrors(to, &self.mirrors.live());
        render::degraded(to, &self.degraded.live());
        render::events(to, &self.events);
        render::certificates(to, &self.certificates.all(), &self.events);
        render::budget(to, &self.budget);
        render::build(to, self.options.version, self.options.revision, self.options.workers);
        render::process(to, &ProcessUse::read(), self.options.started);
    }
}

#[cfg(test)]
mod tests;
