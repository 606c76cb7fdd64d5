//! What all commands make a configuration with: files and environment, a place to count in.
//! The version of the program is here as well.

use std::path::Path;
use std::time::SystemTime;

use maitred_config::{Disk, ProcessEnvironment};
use maitred_control::Source;
use maitred_proxy::Clock;
use maitred_telemetry::{Metrics, MetricsOptions};

/// The version of the program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from, where whoever builds it says so.
const REVISION: &str = match option_env!("MAITRED_REVISION") {
    Some(revision) => revision,
    None => "",
};

/// A configuration on this machine's disk, with this process's environment.
pub(crate) fn on_disk(file: &Path) -> Source<'static> {
    Source { path: file.to_owned(), files: &Disk, environment: &ProcessEnvironment, is_watched: true }
}

/// Metrics of a process with so many workers that starts now.
pub(crate) fn metrics(workers: usize, clock: &Clock) -> Metrics {
    Metrics::new(MetricsOptions {
        workers,
        max_series: MetricsOptions::MAX_SERIES,
        version: VERSION,
        revision: REVISION,
        started: clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
    })
}

/// Metrics that nobody will ask for: compiling wants some.
pub(crate) fn metrics_to_throw_away() -> Metrics {
    Metrics::new(MetricsOptions {
        workers: 1,
        max_series: 0,
        version: VERSION,
        revision: REVISION,
        started: 0,
    })
}
