//! Counts of durations in buckets of under one percent width, from a nanosecond to centuries.
//! Not the gateway's own: the measure must not share code with what it measures.

/// The bits of a value that are kept below its highest one.
const PRECISION: u32 = 7;
const SUB: usize = 1 << PRECISION;

/// A log-linear histogram of nanoseconds.
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self { buckets: vec![0; SUB * (64 - PRECISION as usize + 1)], count: 0, sum: 0, max: 0 }
    }

    /// Counts one duration.
    pub fn record(&mut self, nanos: u64) {
        self.buckets[bucket_of(nanos)] += 1;
        self.count += 1;
        self.sum += u128::from(nanos);
        self.max = self.max.max(nanos);
    }

    /// The duration that `share` (0 to 1) of all do not exceed, in nanoseconds, up to one percent too long.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank is a count"
    )]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_edge(bucket).min(self.max);
            }
        }
        self.max
    }

    /// One JSON object, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "printed with three digits")]
    pub fn json(&self) -> String {
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let mean = if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 / 1e3 };
        format!(
            r#"{{"count":{},"mean":{mean:.3},"p50":{:.3},"p90":{:.3},"p99":{:.3},"p999":{:.3},"max":{:.3}}}"#,
            self.count,
            micros(self.quantile(0.5)),
            micros(self.quantile(0.9)),
            micros(self.quantile(0.99)),
            micros(self.quantile(0.999)),
            micros(self.max),
        )
    }
}

fn bucket_of(value: u64) -> usize {
    let highest = (value | 1).ilog2();
    let shift = highest.saturating_sub(PRECISION);
    let top = usize::try_from(value >> shift).expect("eight bits");
    shift as usize * SUB + top
}

fn upper_edge(bucket: usize) -> u64 {
    let shift = (bucket / SUB).saturating_sub(1);
    let top = (bucket - shift * SUB) as u128;
    u64::try_from(((top + 1) << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_value_and_is_narrow() {
        for value in
            (0..63).flat_map(|bit| [1u64 << bit, (1 << bit) + 1, (1 << bit) * 2 - 1]).chain([0, u64::MAX])
        {
            let edge = upper_edge(bucket_of(value));
            assert!(edge >= value, "{value}: {edge}");
            assert!(edge - value <= value / 100, "{value}: {edge}");
        }
    }

    #[test]
    fn buckets_follow_one_another() {
        for value in 0..100_000u64 {
            let step = bucket_of(value + 1) - bucket_of(value);
            assert!(step <= 1, "{value}");
        }
    }

    #[test]
    fn quantiles_of_a_known_set() {
        let mut histogram = Histogram::new();
        (1..=100).for_each(|value| histogram.record(value));
        assert_eq!(histogram.quantile(0.5), 50);
        assert_eq!(histogram.quantile(0.99), 99);
        assert_eq!(histogram.quantile(1.0), 100);
        assert_eq!(Histogram::new().quantile(0.5), 0);
    }
}
