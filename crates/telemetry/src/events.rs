//! The few numbers of the whole process that any thread counts.
//! What happens per request is not here but in the shards of the workers.

use std::sync::Arc;

use crate::counter::{SharedCounter, SharedGauge};

/// What happens seldom and to the whole process.
#[derive(Debug, Default)]
pub struct Events {
    /// Lines of the access log that were not written.
    pub access_log_dropped: Arc<SharedCounter>,
    /// Lines of the gateway's own log that were not written.
    pub log_dropped: Arc<SharedCounter>,
    /// Exchanges that panicked, and tries of tasks in the background.
    pub panics: Arc<SharedCounter>,
    /// Requests that policies wanted asked anew, for which there was no room.
    pub refreshes_dropped: Arc<SharedCounter>,
    /// Reloads after which the new configuration served.
    pub reloads_succeeded: SharedCounter,
    /// Reloads that changed nothing because something was wrong.
    pub reloads_failed: SharedCounter,
    /// Orders of certificates that ended with one.
    pub orders_issued: SharedCounter,
    /// Those that ended without.
    pub orders_failed: SharedCounter,
    /// When the configuration that serves was loaded, in seconds since 1970.
    pub last_reload: SharedGauge,
}
