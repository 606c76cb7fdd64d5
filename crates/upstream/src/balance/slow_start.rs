//! Slow start: an endpoint that begins to serve takes a share that grows linearly from a tenth to its full weight, so that
//! cold caches and young connections are not met by all at once.

use std::time::Duration;

/// The part of its weight that an endpoint has which serves for `served`, where `whole` is how long it takes to have all of it.
pub(crate) fn part(served: Duration, whole: Duration) -> f64 {
    const FIRST: f64 = 0.1;
    if served >= whole {
        return 1.0;
    }
    FIRST + (1.0 - FIRST) * served.as_secs_f64() / whole.as_secs_f64()
}

/// What a weight of 1 is in whole numbers, where there are parts of it.
pub(crate) const SCALE: i64 = 1024;

/// A share as a weight in whole numbers, where weights may be parts of what users wrote.
#[expect(clippy::cast_possible_truncation, reason = "weights have 32 bits, and 10 more here")]
pub(crate) fn scaled(share: f64) -> i64 {
    if share > 0.0 { ((share * SCALE as f64).round() as i64).max(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_grows_linearly_from_a_tenth() {
        let part = |seconds| part(Duration::from_secs(seconds), Duration::from_secs(30));
        for (seconds, wanted) in [(0, 0.1), (10, 0.4), (15, 0.55), (20, 0.7), (30, 1.0), (900, 1.0)] {
            assert!((part(seconds) - wanted).abs() < 1e-9, "{seconds}: {}", part(seconds));
        }
    }

    #[test]
    fn a_small_share_is_still_one() {
        assert_eq!(scaled(0.0), 0);
        assert_eq!(scaled(1.0), SCALE);
        assert_eq!(scaled(0.1), 102);
        assert_eq!(scaled(0.000_01), 1);
        assert_eq!(scaled(f64::from(u32::MAX)), i64::from(u32::MAX) * SCALE);
    }
}
