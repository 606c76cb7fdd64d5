//! The adaptive limit as all workers share it: each adds what it measured, and whoever finds a window complete works out the
//! next limit. Nobody waits for anybody.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::gradient::{Bounds, Gradient, Window};

/// How long a window is at least.
const WINDOW: Duration = Duration::from_millis(100);
/// How many answers it needs.
const LEAST: u64 = 20;

/// What is shared of an adaptive limit.
#[derive(Debug)]
pub(super) struct AdaptiveShared {
    gradient: ArcSwap<Gradient>,
    limit: AtomicUsize,
    /// Of this window: how many answers there were, how long they took together, and how many requests were under way.
    answers: AtomicU64,
    nanos: AtomicU64,
    busiest: AtomicUsize,
    /// In nanoseconds since `first`: requests that began before this do not count, and the window does not end before that.
    from: AtomicU64,
    until: AtomicU64,
    first: OnceLock<Instant>,
    is_learning: AtomicBool,
}

impl Default for AdaptiveShared {
    fn default() -> Self {
        let gradient = Gradient::default();
        Self {
            limit: AtomicUsize::new(gradient.limit(Bounds { min: 1, max: usize::MAX })),
            gradient: ArcSwap::from_pointee(gradient),
            answers: AtomicU64::default(),
            nanos: AtomicU64::default(),
            busiest: AtomicUsize::default(),
            from: AtomicU64::default(),
            until: AtomicU64::default(),
            first: OnceLock::new(),
            is_learning: AtomicBool::default(),
        }
    }
}

impl AdaptiveShared {
    /// How many requests may be under way now.
    pub(super) fn limit(&self, bounds: Bounds) -> usize {
        bounds.clamp(self.limit.load(Relaxed))
    }

    /// Takes in that an answer came now to a request that the service had at `began`, with so many under way.
    pub(super) fn record(&self, began: Instant, now: Instant, in_flight: usize, bounds: Bounds) {
        let first = *self.first.get_or_init(|| began);
        let (began, now) =
            (nanos(began.saturating_duration_since(first)), nanos(now.saturating_duration_since(first)));
        if began < self.from.load(Relaxed) {
            return;
        }
        self.nanos.fetch_add(now.saturating_sub(began), Relaxed);
        self.busiest.fetch_max(in_flight, Relaxed);
        let answers = self.answers.fetch_add(1, Relaxed) + 1;
        if answers >= LEAST && now >= self.until.load(Relaxed) && !self.is_learning.swap(true, Acquire) {
            self.learn(now, bounds);
            self.is_learning.store(false, Release);
        }
    }

    /// Ends the window. Answers that come meanwhile may be counted in this one by their time and in the next by their number:
    /// one among many.
    fn learn(&self, now: u64, bounds: Bounds) {
        let answers = self.answers.swap(0, Relaxed);
        let (nanos_together, busiest) = (self.nanos.swap(0, Relaxed), self.busiest.swap(0, Relaxed));
        if answers < LEAST {
            // Another has ended it just before.
            return;
        }
        let mut gradient = **self.gradient.load();
        let latency = nanos_together as f64 / answers as f64 / 1e9;
        gradient.learn(Window { latency, busiest }, bounds);
        self.limit.store(gradient.limit(bounds), Relaxed);
        if gradient.is_probing {
            // Of what began before, the latency is that of more requests than there are now.
            self.from.store(now, Relaxed);
        }
        self.until.store(now + nanos(WINDOW), Relaxed);
        self.gradient.store(gradient.into());
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
