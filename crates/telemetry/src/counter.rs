//! Numbers that one thread writes and any thread may read.
//!
//! `Counter` and `Gauge` belong to one worker: a relaxed load and a relaxed store, no locked instruction and no shared
//! cache line. Two threads writing the same one lose counts (never more than that). `SharedCounter` and `SharedGauge`
//! are for the few numbers of the whole process that change seldom.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// A number that only grows; written by one thread, read by any.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n`. Only the owning thread may call this.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds one. Only the owning thread may call this.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// The value, as it was at some moment shortly before.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that rises and falls; written by one thread, read by any.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// A gauge at zero.
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// Adds `n`, which may be negative. Only the owning thread may call this.
    #[inline]
    pub fn add(&self, n: i64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds one. Only the owning thread may call this.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away. Only the owning thread may call this.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Replaces the value. Only the owning thread may call this.
    #[inline]
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// The value, as it was at some moment shortly before.
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A counter that every thread may add to: for what happens seldom (reloads, dropped lines), not for requests.
#[derive(Debug, Default)]
pub struct SharedCounter(AtomicU64);

impl SharedCounter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A gauge that every thread may change: for what changes seldom, not for requests.
#[derive(Debug, Default)]
pub struct SharedGauge(AtomicI64);

impl SharedGauge {
    /// A gauge at zero.
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// The value now.
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_elsewhere_never_sees_a_counter_fall_and_ends_with_the_sum() {
        let counter = Counter::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..10_000).for_each(|_| counter.inc()));
            let mut last = 0;
            for _ in 0..10_000 {
                let now = counter.value();
                assert!(now >= last);
                last = now;
            }
        });
        assert_eq!(counter.value(), 10_000);
    }

    #[test]
    fn a_gauge_falls_below_zero_and_comes_back() {
        let gauge = Gauge::new();
        gauge.dec();
        gauge.add(-2);
        assert_eq!(gauge.value(), -3);
        gauge.inc();
        assert_eq!(gauge.value(), -2);
        gauge.set(7);
        assert_eq!(gauge.value(), 7);
    }

    #[test]
    fn shared_numbers_lose_nothing_between_threads() {
        let (counter, gauge) = (SharedCounter::new(), SharedGauge::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counter.inc();
                        gauge.add(1);
                        gauge.add(-1);
                    }
                });
            }
        });
        assert_eq!((counter.value(), gauge.value()), (4_000, 0));
    }
}
