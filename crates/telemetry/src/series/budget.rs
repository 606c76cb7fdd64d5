//! How many lines of the exposition series may take together: what keeps a scrape, and memory, bounded.
//! Asked once for each series, when it is first used; never for a request after that.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::counter::SharedCounter;

/// Room for series, counted in lines of the exposition.
#[derive(Debug)]
pub(crate) struct Budget {
    max: AtomicU64,
    used: AtomicU64,
    refused: SharedCounter,
}

impl Budget {
    pub(crate) fn new(max: u64) -> Self {
        Self { max: AtomicU64::new(max), used: AtomicU64::new(0), refused: SharedCounter::new() }
    }

    /// Changes the room for what asks from now on; what was granted stays.
    pub(crate) fn resize(&self, max: u64) {
        self.max.store(max, Relaxed);
    }

    /// Takes room for `lines`, if there is some.
    pub(crate) fn take_quietly(&self, lines: u64) -> bool {
        let max = self.max.load(Relaxed);
        let more = |used: u64| used.checked_add(lines).filter(|used| *used <= max);
        self.used.try_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Takes room for `lines`, or counts that there was none.
    pub(crate) fn take(&self, lines: u64) -> bool {
        let taken = self.take_quietly(lines);
        if !taken {
            self.refused.inc();
        }
        taken
    }

    pub(crate) fn give_back(&self, lines: u64) {
        self.used.fetch_sub(lines, Relaxed);
    }

    pub(crate) fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// How many series found no room.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.value()
    }
}
