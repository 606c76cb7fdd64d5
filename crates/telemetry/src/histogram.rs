//! Latency histograms in microseconds, written by one worker and added up when somebody asks.
//!
//! Not configurable: the buckets are the same everywhere (`buckets.rs`), about 1 KB for each histogram, a quarter wide
//! at most, so a quantile is at most 25 % too high. Like `Counter`, a histogram has one writing thread.

mod buckets;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use self::buckets::{BUCKETS, LAST_MICROS, LE_MICROS, WITHIN, bucket_of};

/// Counts of durations by length; written by one thread, read by any.
///
/// The sum stands before the counts, and so in one cache line with what stands before the histogram.
#[derive(Debug)]
#[repr(C)]
pub struct Histogram {
    micros: AtomicU64,
    counts: [AtomicU64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], micros: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// How many exposed bounds there are, the one without end not counted.
    pub const BOUNDS: usize = LE_MICROS.len();

    /// Counts one duration. Only the owning thread may call this.
    #[inline]
    pub fn record(&self, micros: u64) {
        let count = &self.counts[bucket_of(micros)];
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        self.micros.store(self.micros.load(Relaxed).wrapping_add(micros), Relaxed);
    }
}

/// Several histograms added up: what all workers saw together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedHistogram {
    counts: [u64; BUCKETS],
    micros: u64,
}

impl Default for MergedHistogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], micros: 0 }
    }
}

impl MergedHistogram {
    /// Adds what one worker has counted so far.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, count) in self.counts.iter_mut().zip(&histogram.counts) {
            *sum = sum.wrapping_add(count.load(Relaxed));
        }
        self.micros = self.micros.wrapping_add(histogram.micros.load(Relaxed));
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together, in microseconds.
    pub fn sum_micros(&self) -> u64 {
        self.micros
    }

    /// The length, in microseconds, that `per_mille` of 1,000 durations do not exceed (990 is the 99th percentile):
    /// the upper end of the bucket it falls into, at most 25 % too high. `None` when nothing was counted; the lower end
    /// (134 s) for what fell into the last bucket.
    pub fn quantile(&self, per_mille: u32) -> Option<u64> {
        let wanted = u128::from(self.count()) * u128::from(per_mille.min(1000));
        let mut seen = 0;
        let within = |count: &u64| {
            seen += u128::from(*count);
            seen > 0 && seen * 1000 >= wanted
        };
        let bucket = self.counts.iter().position(within)?;
        Some(if bucket + 1 < BUCKETS { LAST_MICROS[bucket] } else { LAST_MICROS[bucket - 1] + 1 })
    }

    /// The exposed bounds in rising order, each in microseconds with the number of durations not longer than it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut sum = 0;
        let mut from = 0;
        LE_MICROS.into_iter().zip(WITHIN).map(move |(bound, to)| {
            sum += self.counts[from..to].iter().sum::<u64>();
            from = to;
            (bound, sum)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: impl IntoIterator<Item = u64>) -> MergedHistogram {
        let histogram = Histogram::default();
        durations.into_iter().for_each(|micros| histogram.record(micros));
        let mut merged = MergedHistogram::default();
        merged.add(&histogram);
        merged
    }

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(of([]).quantile(500), None);
        assert_eq!(of([]).count(), 0);
    }

    #[test]
    fn quantiles_are_exact_to_a_quarter() {
        let merged = of(1..=100_000);
        for per_mille in [1, 10, 500, 900, 990, 999, 1000] {
            let exact = u64::from(per_mille) * 100;
            let told = merged.quantile(per_mille).unwrap();
            assert!(told >= exact && told <= exact + exact / 4, "{per_mille}: {told} for {exact}");
        }
        assert_eq!(merged.quantile(0), Some(1), "the shortest");
        assert_eq!(merged.sum_micros(), 100_000 * 100_001 / 2);
    }

    #[test]
    fn what_is_longer_than_the_last_bound_is_counted_in_none_of_them() {
        let merged = of([u64::MAX / 4, 60_000_001, 134_217_728]);
        assert_eq!(merged.count(), 3);
        assert_eq!(merged.cumulative().last(), Some((60_000_000, 0)));
        assert_eq!(merged.quantile(1000), Some(1 << 27));
    }

    #[test]
    fn bounds_count_exactly() {
        let merged = of([0, 500, 501, 1_000, 2_500, 2_501, 60_000_000]);
        let counts: Vec<u64> = merged.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7]);
    }

    #[test]
    fn merging_is_the_same_as_recording_into_one() {
        let (left, right) = (Histogram::default(), Histogram::default());
        for micros in 0..5_000 {
            if micros % 3 == 0 { left.record(micros) } else { right.record(micros) }
        }
        let mut merged = MergedHistogram::default();
        merged.add(&left);
        merged.add(&right);
        assert_eq!(merged, of(0..5_000));
    }
}
