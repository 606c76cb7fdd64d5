//! Which families there are, and what they say: the page that `Metrics::render` writes, part by part.
//!
//! A family's lines must stand together, so each part goes over its series once for each family. What was never
//! counted has no line.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::certificates::CertificateExpiry;
use crate::circuit::{CircuitShard, CircuitState};
use crate::counter::{Counter, Gauge};
use crate::events::Events;
use crate::exposition::{Exposition, Kind, Seconds, labels};
use crate::health::UpstreamHealth;
use crate::histogram::{Histogram, MergedHistogram};
use crate::process::ProcessUse;
use crate::refusal::RefusalShard;
use crate::series::{Budget, Series, Shard};
use crate::shard::{
    ConnectionRefusal, ListenerShard, RouteShard, RouteUpstreamShard, StatusClass, UpstreamFailure,
    UpstreamShard,
};
use crate::traffic::{DegradedBy, DegradedShard, MirrorResult, MirrorShard, VariantShard};

type All<S> = [Arc<Series<S>>];

pub(crate) fn routes(to: &mut Exposition<'_>, all: &All<RouteShard>) {
    let help = "From the first byte of a request to the last of its response.";
    to.family("maitred_request_duration_seconds", Kind::Histogram, help);
    histograms(to, all, |shard| &shard.duration);
    to.family("maitred_request_bytes_total", Kind::Counter, "Bytes that clients sent.");
    counters(to, all, |shard| &shard.bytes_in);
    to.family("maitred_response_bytes_total", Kind::Counter, "Bytes that clients were sent.");
    counters(to, all, |shard| &shard.bytes_out);
}

pub(crate) fn route_upstreams(to: &mut Exposition<'_>, all: &All<RouteUpstreamShard>) {
    let help =
        "Requests that ended, by class of status; none: the client was gone before an answer was sent.";
    to.family("maitred_requests_total", Kind::Counter, help);
    counters_by(to, all, "status", &StatusClass::ALL, StatusClass::label, RouteUpstreamShard::of_class);
    let help = "From the start of an attempt to the end of what the upstream answered.";
    to.family("maitred_upstream_duration_seconds", Kind::Histogram, help);
    histograms(to, all, |shard| &shard.upstream_duration);
}

pub(crate) fn upstreams(to: &mut Exposition<'_>, all: &All<UpstreamShard>) {
    to.family("maitred_upstream_connections", Kind::Gauge, "Open connections to upstreams, busy or idle.");
    gauges(to, all, |shard| &shard.connections);
    to.family("maitred_upstream_connections_opened_total", Kind::Counter, "Connections opened to upstreams.");
    counters(to, all, |shard| &shard.opened);
    let help = "Attempts that used an idle connection.";
    to.family("maitred_upstream_connections_reused_total", Kind::Counter, help);
    counters(to, all, |shard| &shard.reused);
    to.family("maitred_upstream_retries_total", Kind::Counter, "Attempts after the first of a request.");
    counters(to, all, |shard| &shard.retries);
    let help = "Attempts that were not made because the budget of retries was used up.";
    to.family("maitred_upstream_retries_refused_total", Kind::Counter, help);
    counters(to, all, |shard| &shard.retries_refused);
    let help = "Attempts made beside another one whose answer took long.";
    to.family("maitred_upstream_hedges_total", Kind::Counter, help);
    counters(to, all, |shard| &shard.hedges);
    to.family("maitred_upstream_failures_total", Kind::Counter, "Attempts that failed, by kind.");
    counters_by(to, all, "kind", &UpstreamFailure::ALL, UpstreamFailure::label, UpstreamShard::failures);
}

pub(crate) fn health(to: &mut Exposition<'_>, all: &[UpstreamHealth]) {
    let help = "Whether an endpoint can serve, as checks say; for \"other\", how many can.";
    to.family("maitred_endpoint_healthy", Kind::Gauge, help);
    for (labels, gauges) in all.iter().flat_map(UpstreamHealth::endpoints) {
        if let Some(healthy) = gauges.healthy {
            to.sample(&labels, healthy);
        }
    }
    let help = "Whether an endpoint is ejected because it failed requests; for \"other\", how many are.";
    to.family("maitred_endpoint_ejected", Kind::Gauge, help);
    for (labels, gauges) in all.iter().flat_map(UpstreamHealth::endpoints) {
        if let Some(ejected) = gauges.ejected {
            to.sample(&labels, ejected);
        }
    }
    to.family("maitred_upstream_ejections_total", Kind::Counter, "Ejections of endpoints.");
    for one in all {
        if let Some(ejections) = one.ejections {
            to.sample(&labels(&[("upstream", &one.upstream)]), ejections);
        }
    }
    to.family("maitred_upstream_health_checks_total", Kind::Counter, "Health checks that ended, by result.");
    for one in all {
        if let Some(checks) = one.checks {
            let labels = labels(&[("upstream", &one.upstream)]);
            to.sample_with(&labels, "result", "success", checks.passed);
            to.sample_with(&labels, "result", "failure", checks.failed);
        }
    }
}

pub(crate) fn circuits(to: &mut Exposition<'_>, all: &All<CircuitShard>) {
    let help = "Whether the circuit of an upstream is closed (0), half-open (1) or open (2).";
    to.family("maitred_circuit_state", Kind::Gauge, help);
    // What found no room has one number for all of them, which would say nothing.
    for series in all.iter().filter(|series| !series.is_overflow()) {
        series.exposed().for_each(|circuit| to.sample(series.labels(), circuit.state.value()));
    }
    let help = "Changes of circuits, by what they became.";
    to.family("maitred_circuit_transitions_total", Kind::Counter, help);
    for series in all {
        for state in CircuitState::ALL {
            let sum: u64 = series.exposed().map(|circuit| circuit.transitions(state).value()).sum();
            if sum > 0 {
                to.sample_with(series.labels(), "to", state.label(), sum);
            }
        }
    }
}

pub(crate) fn listeners(to: &mut Exposition<'_>, all: &All<ListenerShard>) {
    to.family("maitred_connections", Kind::Gauge, "Open connections of clients.");
    gauges(to, all, |shard| &shard.connections);
    to.family("maitred_connections_accepted_total", Kind::Counter, "Connections taken from clients.");
    counters(to, all, |shard| &shard.accepted);
    let help = "Requests that were refused because the gateway had too much to do.";
    to.family("maitred_overload_refused_total", Kind::Counter, help);
    counters(to, all, |shard| &shard.shed);
    let help = "Connections closed before a request was read, by reason.";
    to.family("maitred_connections_refused_total", Kind::Counter, help);
    counters_by(to, all, "reason", &ConnectionRefusal::ALL, ConnectionRefusal::label, ListenerShard::refused);
}

pub(crate) fn refusals(to: &mut Exposition<'_>, all: &All<RefusalShard>) {
    let help = "Requests that a policy refused, by cause.";
    to.family("maitred_policy_refused_total", Kind::Counter, help);
    for series in all {
        let mut sums = BTreeMap::new();
        series.exposed().for_each(|shard| shard.add_to(&mut sums));
        for (cause, sum) in sums {
            to.sample_with(series.labels(), "cause", cause, sum);
        }
    }
}

pub(crate) fn variants(to: &mut Exposition<'_>, all: &All<VariantShard>) {
    let help = "Requests that ended, by variant of a split and class of status.";
    to.family("maitred_variant_requests_total", Kind::Counter, help);
    counters_by(to, all, "status", &StatusClass::ALL, StatusClass::label, VariantShard::of_class);
}

pub(crate) fn mirrors(to: &mut Exposition<'_>, all: &All<MirrorShard>) {
    let help = "Requests that were to be copied to a mirror, by what became of the copy.";
    to.family("maitred_mirror_requests_total", Kind::Counter, help);
    counters_by(to, all, "result", &MirrorResult::ALL, MirrorResult::label, MirrorShard::copies);
}

pub(crate) fn degraded(to: &mut Exposition<'_>, all: &All<DegradedShard>) {
    let help = "Answers in place of a service that failed, by where they came from.";
    to.family("maitred_degraded_total", Kind::Counter, help);
    counters_by(to, all, "by", &DegradedBy::ALL, DegradedBy::label, DegradedShard::answers);
}

pub(crate) fn events(to: &mut Exposition<'_>, events: &Events) {
    let help = "Lines of the access log that were dropped because nobody read them in time.";
    to.family("maitred_access_log_dropped_total", Kind::Counter, help)
        .sample("", events.access_log_dropped.value());
    let help = "Lines of the gateway's own log that were dropped because nobody read them in time.";
    to.family("maitred_log_dropped_total", Kind::Counter, help).sample("", events.log_dropped.value());
    let help = "Exchanges, and tasks beside them, that panicked.";
    to.family("maitred_panics_total", Kind::Counter, help).sample("", events.panics.value());
    let help = "Requests that policies wanted asked anew in the background, for which there was no room.";
    to.family("maitred_refreshes_dropped_total", Kind::Counter, help)
        .sample("", events.refreshes_dropped.value());
    to.family("maitred_reloads_total", Kind::Counter, "Reloads of the configuration, by result.");
    to.sample_with("", "result", "success", events.reloads_succeeded.value());
    to.sample_with("", "result", "failure", events.reloads_failed.value());
    let help = "When the configuration that serves was loaded.";
    to.family("maitred_last_reload_success_timestamp_seconds", Kind::Gauge, help);
    to.sample("", events.last_reload.value());
}

pub(crate) fn certificates(to: &mut Exposition<'_>, all: &[CertificateExpiry], events: &Events) {
    let help = "Until when the certificates are valid that listeners show.";
    to.family("maitred_certificate_expiry_timestamp_seconds", Kind::Gauge, help);
    for one in all {
        let (listener, name, key) = (&*one.listener, &*one.name, &*one.key);
        to.sample(&labels(&[("listener", listener), ("name", name), ("key", key)]), one.not_after);
    }
    to.family("maitred_acme_orders_total", Kind::Counter, "Orders of certificates that ended, by result.");
    to.sample_with("", "result", "issued", events.orders_issued.value());
    to.sample_with("", "result", "failed", events.orders_failed.value());
}

pub(crate) fn budget(to: &mut Exposition<'_>, budget: &Budget) {
    let help = "Lines of this page that the series in use may take.";
    to.family("maitred_series", Kind::Gauge, help).sample("", budget.used());
    to.family("maitred_series_limit", Kind::Gauge, "The most that maitred_series may be.")
        .sample("", budget.max());
    let help = "Routes, upstreams and listeners that found no room and are counted as \"other\".";
    to.family("maitred_series_refused_total", Kind::Counter, help).sample("", budget.refused());
}

pub(crate) fn build(to: &mut Exposition<'_>, version: &str, revision: &str, workers: usize) {
    let about = labels(&[("version", version), ("revision", revision)]);
    to.family("maitred_build_info", Kind::Gauge, "The program's version; always 1.").sample(&about, 1);
    to.family("maitred_workers", Kind::Gauge, "Threads that serve requests.").sample("", workers);
}

/// The names are those of the Prometheus client libraries, which dashboards expect.
pub(crate) fn process(to: &mut Exposition<'_>, told: &ProcessUse, started: u64) {
    to.family("process_start_time_seconds", Kind::Gauge, "When the process started.").sample("", started);
    if let Some(micros) = told.cpu_micros {
        let help = "User and system CPU time.";
        to.family("process_cpu_seconds_total", Kind::Counter, help).sample("", Seconds(micros));
    }
    let gauges = [
        ("process_resident_memory_bytes", "Memory in RAM.", told.resident_bytes),
        ("process_virtual_memory_bytes", "Memory mapped.", told.virtual_bytes),
        ("process_threads", "Threads.", told.threads),
        ("process_open_fds", "Open file descriptors.", told.open_descriptors),
        ("process_max_fds", "The most file descriptors that may be open.", told.max_descriptors),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            to.family(name, Kind::Gauge, help).sample("", value);
        }
    }
}

fn histograms<S: Shard>(to: &mut Exposition<'_>, all: &All<S>, of: impl Fn(&S) -> &Histogram) {
    for series in all {
        let mut merged = MergedHistogram::default();
        series.exposed().for_each(|shard| merged.add(of(shard)));
        if merged.count() > 0 {
            to.histogram(series.labels(), &merged);
        }
    }
}

fn counters<S: Shard>(to: &mut Exposition<'_>, all: &All<S>, of: impl Fn(&S) -> &Counter) {
    for series in all {
        let mut values = series.exposed().map(|shard| of(shard).value()).peekable();
        if values.peek().is_some() {
            to.sample(series.labels(), values.sum::<u64>());
        }
    }
}

fn gauges<S: Shard>(to: &mut Exposition<'_>, all: &All<S>, of: impl Fn(&S) -> &Gauge) {
    for series in all {
        let mut values = series.exposed().map(|shard| of(shard).value()).peekable();
        if values.peek().is_some() {
            to.sample(series.labels(), values.sum::<i64>());
        }
    }
}

fn counters_by<S: Shard, K: Copy>(
    to: &mut Exposition<'_>,
    all: &All<S>,
    name: &str,
    kinds: &[K],
    word: impl Fn(K) -> &'static str,
    of: impl Fn(&S, K) -> &Counter,
) {
    for series in all {
        for &kind in kinds {
            let sum: u64 = series.exposed().map(|shard| of(shard, kind).value()).sum();
            if sum > 0 {
                to.sample_with(series.labels(), name, word(kind), sum);
            }
        }
    }
}
