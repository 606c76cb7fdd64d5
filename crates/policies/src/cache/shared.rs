//! What all workers share of a cache: answers, requests under way, and numbers. It goes on over reloads.
//! What one request knows is in `state.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maitred_cache::{AnswersShared, Entry};
use maitred_telemetry::{Measure, Measured};

use super::counts::Counts;
use super::flights::{Flight, FlightsShared};
use super::purge::Purge;

/// What all workers share of a cache.
#[derive(Debug)]
pub(super) struct CacheShared {
    pub(super) answers: AnswersShared,
    pub(super) flights: Arc<FlightsShared>,
    pub(super) counts: Counts,
    /// Answers that were kept.
    pub(super) kept: AtomicU64,
    /// Answers that were found in the store that replicas share.
    pub(super) found: AtomicU64,
    /// Bytes of bodies that are still coming, to be kept, and of answers on their way to a store.
    pub(super) coming: AtomicU64,
    /// Answers that were removed because something made them out of date, or an operator said so.
    pub(super) removed: AtomicU64,
}

/// Room that something takes on its way.
pub(super) struct Room {
    shared: Arc<CacheShared>,
    bytes: u64,
}

impl CacheShared {
    /// Room for so many bytes, and for bodies of up to `largest`.
    pub(super) fn new(bytes: u64, largest: u64) -> Self {
        Self {
            answers: AnswersShared::new(bytes, largest),
            flights: Arc::default(),
            counts: Counts::default(),
            kept: AtomicU64::new(0),
            found: AtomicU64::new(0),
            coming: AtomicU64::new(0),
            removed: AtomicU64::new(0),
        }
    }

    /// Keeps an answer, unless what was asked for there has become out of date meanwhile, or there is a newer one: whether it is kept.
    pub(super) fn keep(&self, key: &[u8], entry: &Arc<Entry>, flight: &Flight) -> bool {
        if !flight.is_good(key, entry) {
            return false;
        }
        let is_newest = self.answers.keep(key, Arc::clone(entry));
        // What made it out of date just now has removed what was there before.
        let is_good = flight.is_good(key, entry);
        if !is_good {
            self.answers.remove(key);
        }
        is_newest && is_good
    }

    /// Takes room for so many bytes more of bodies that are coming, where all of them together have it: a quarter of the memory.
    pub(super) fn take_room(&self, bytes: u64) -> bool {
        let most = self.answers.capacity() / 4;
        let taken = |coming: u64| coming.checked_add(bytes).filter(|all| *all <= most);
        self.coming.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// The same, given back when it is dropped.
    pub(super) fn room(self: &Arc<Self>, bytes: u64) -> Option<Room> {
        self.take_room(bytes).then(|| Room { shared: Arc::clone(self), bytes })
    }

    /// Gives it back.
    pub(super) fn leave_room(&self, bytes: u64) {
        self.coming.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes what is kept under a key, and does not keep what is on its way there.
    pub(super) fn invalidate(&self, key: &[u8]) -> usize {
        // In this order: what comes between the two is not kept any more.
        self.flights.void(key);
        let removed = self.answers.remove(key);
        self.removed.fetch_add(removed as u64, Ordering::Relaxed);
        removed
    }

    /// Removes it, and does not keep what was on its way. Tells how many answers were removed.
    pub(super) fn purge(&self, purge: &Purge) -> usize {
        if let Purge::Key(key) = purge {
            return self.invalidate(key);
        }
        self.flights.purged(purge);
        let removed = self.answers.remove_where(|key, entry| purge.concerns(key, entry));
        self.removed.fetch_add(removed as u64, Ordering::Relaxed);
        removed
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.leave_room(self.bytes);
    }
}

impl Measured for CacheShared {
    fn measures(&self) -> Vec<Measure> {
        let counter = |family, help, value| Measure { family, help, is_counter: true, label: None, value };
        let gauge = |family, help, value| Measure { family, help, is_counter: false, label: None, value };
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let requests = self.counts.totals().map(|(outcome, value)| Measure {
            label: Some(("result", outcome.label())),
            ..counter("maitred_cache_requests_total", "Requests to caches, by what became of them.", value)
        });
        let others = [
            counter("maitred_cache_stored_total", "Answers that were kept.", of(&self.kept)),
            counter(
                "maitred_cache_found_total",
                "Answers that were found in the store that replicas share.",
                of(&self.found),
            ),
            counter(
                "maitred_cache_evicted_total",
                "Answers that gave way to others.",
                self.answers.evicted(),
            ),
            counter(
                "maitred_cache_removed_total",
                "Answers that were purged or out of date.",
                of(&self.removed),
            ),
            gauge("maitred_cache_bytes", "Bytes that kept answers take up.", self.answers.bytes()),
            gauge(
                "maitred_cache_coming_bytes",
                "Bytes of bodies that are coming, to be kept, and of answers on their way to a store.",
                of(&self.coming),
            ),
            gauge("maitred_cache_capacity_bytes", "Bytes that they may take up.", self.answers.capacity()),
            gauge("maitred_cache_keys", "URLs of which something is kept.", self.answers.keys() as u64),
        ];
        requests.chain(others).collect()
    }
}
