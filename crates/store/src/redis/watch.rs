//! What requests tell of servers: that one is away, that a cluster has changed. The log has each change once; those who mend it, beside
//! requests, wait here.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::settings::RedisPlace;

/// A server that was well for so long has stayed; one that comes and goes sooner is told of seldom and asked seldom.
pub(super) const STAYED: Duration = Duration::from_secs(10);

/// How often a server has gone away since it last stayed. The log has the first time, and of those after it fewer and fewer.
#[derive(Debug, Default)]
pub(super) struct Told {
    times: AtomicU64,
    /// When it came back last, in microseconds.
    back: AtomicU64,
}

impl Told {
    /// It goes away now. For how many times.
    pub(super) fn opens(&self, now: u64) -> u64 {
        let stayed = now.saturating_sub(self.back.load(Ordering::Relaxed));
        if u128::from(stayed) >= STAYED.as_micros() {
            self.times.store(0, Ordering::Relaxed);
        }
        self.times.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// It is back now, after so many times.
    pub(super) fn closes(&self, now: u64) -> u64 {
        self.back.store(now, Ordering::Relaxed);
        self.times.load(Ordering::Relaxed)
    }
}

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

    /// A server is away from now on, for so many times since it last stayed.
    pub(super) fn opened(&self, place: &RedisPlace, times: u64, why: &dyn Display) {
        if times.is_power_of_two() {
            tracing::warn!(store = %self.store, server = %place, times, "the store is away: {why}");
        }
        self.wanted.notify_one();
    }

    /// It is back, after it was away so many times.
    pub(super) fn closed(&self, place: &RedisPlace, times: u64) {
        if times.is_power_of_two() {
            tracing::info!(store = %self.store, server = %place, times, "the store is back");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_comes_and_goes_is_told_of_seldom_until_it_has_stayed() {
        let (told, mut now, mut lines) = (Told::default(), 0, 0);
        for _ in 0..1000 {
            now += 2_000_000;
            lines += u32::from(told.opens(now).is_power_of_two());
            lines += u32::from(told.closes(now + 100_000).is_power_of_two());
        }
        assert_eq!(lines, 20);
        assert_eq!(told.opens(now + 100_000 + 10_000_000), 1);
    }
}
