//! What the gateway tells about itself: counters and histograms that each worker writes alone and a scrape adds up
//! (`Metrics`), the access record of every request and its log, the gateway's own log, Prometheus text exposition.
//!
//! It names no other part of the gateway, takes the time as an argument and never stops a worker: what cannot be
//! written is dropped and counted.

#![forbid(unsafe_code)]

mod access;
mod certificates;
mod circuit;
mod counter;
mod escape;
mod events;
mod exposition;
mod health;
mod histogram;
mod log;
mod measured;
mod metrics;
mod process;
mod refusal;
mod registry;
mod render;
mod repeat;
mod series;
mod shard;
mod timestamp;
mod traffic;
mod writer;

pub use access::{AccessFormat, AccessLog, AccessRecord, AccessShape, QueryLogging};
pub use certificates::CertificateExpiry;
pub use circuit::{CircuitShard, CircuitState};
pub use counter::{Counter, Gauge, SharedCounter, SharedGauge};
pub use events::Events;
pub use exposition::EXPOSITION_CONTENT_TYPE;
pub use health::{CheckTotals, EndpointGauges, UpstreamHealth};
pub use histogram::{Histogram, MergedHistogram};
pub use log::{Log, LogFormat, LogOptions};
pub use measured::{Measure, Measured};
pub use metrics::{
    CircuitSeries, DegradedSeries, ListenerSeries, Metrics, MetricsOptions, MirrorSeries, RefusalSeries,
    RouteSeries, RouteUpstreamSeries, UpstreamSeries, VariantSeries,
};
pub use refusal::RefusalShard;
pub use repeat::RepeatLimit;
pub use series::{OwnShard, Series, Shard};
pub use shard::{
    ConnectionRefusal, ListenerShard, RouteShard, RouteUpstreamShard, UpstreamFailure, UpstreamShard,
};
pub use timestamp::TimeText;
pub use tracing::level_filters::LevelFilter;
pub use traffic::{DegradedBy, DegradedShard, MirrorResult, MirrorShard, VariantShard};
pub use writer::{Destination, LogQueue, LogWriter, Unwritten};
