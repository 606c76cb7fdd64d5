//! What requests tell of servers: that one is away, that a cluster has changed. The log has each change once; those who mend it, beside
//! requests, wait here.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use super::settings::RedisPlace;

/// What requests tell, for the log and for those who mend it.
#[derive(Debug)]
pub(super) struct Watch {
    /// The name of the store.
    store: Box<str>,
    /// Something is to be mended.
    pub(super) wanted: Notify,
    refused: AtomicU64,
}

impl Watch {
    pub(super) fn new(store: &str) -> Self {
        Self { store: store.into(), wanted: Notify::new(), refused: AtomicU64::new(0) }
    }

    /// A server is away from now on.
    pub(super) fn opened(&self, place: &RedisPlace, why: &dyn Display) {
        tracing::warn!(store = %self.store, server = %place, "the store is away: {why}");
        self.wanted.notify_one();
    }

    /// It is back.
    pub(super) fn closed(&self, place: &RedisPlace) {
        tracing::info!(store = %self.store, server = %place, "the store is back");
    }

    /// The servers are others than before.
    pub(super) fn moved(&self) {
        self.wanted.notify_one();
    }

    /// The servers were found to be others than before.
    pub(super) fn found<'a>(&self, places: impl Iterator<Item = &'a RedisPlace>) {
        let servers = places.map(ToString::to_string).collect::<Vec<_>>().join(" ");
        tracing::info!(store = %self.store, servers, "the store has other servers");
    }

    /// It was not found out which servers there are.
    pub(super) fn unknown(&self, why: &dyn Display) {
        tracing::warn!(store = %self.store, "the store's servers cannot be found: {why}");
    }

    /// A server refused a command. That may be so for each request: the log has the first, and of those after it fewer and fewer.
    pub(super) fn refused(&self, place: &RedisPlace, why: &dyn Display) {
        let times = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(store = %self.store, server = %place, times, "the store refused a command: {why}");
        }
    }
}
