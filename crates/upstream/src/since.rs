//! Instants as numbers, so that an atomic can hold them: the time since the first instant that anybody came with. What is shared by
//! workers and read by none before it is used needs no other clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The first instant, once there is one.
#[derive(Debug, Default)]
pub(crate) struct SinceFirst(OnceLock<Instant>);

impl SinceFirst {
    /// The time from the first instant to `now`; nothing for one that lies before it.
    #[inline]
    pub(crate) fn time(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.0.get_or_init(|| now))
    }

    /// The same in whole nanoseconds: enough for centuries.
    pub(crate) fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(self.time(now).as_nanos()).unwrap_or(u64::MAX)
    }

    /// The same in whole milliseconds.
    #[inline]
    pub(crate) fn millis(&self, now: Instant) -> u64 {
        millis(self.time(now))
    }
}

/// Whole milliseconds, without a division of 128 bits.
#[inline]
pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn times_count_from_whoever_came_first() {
        let (since, start) = (SinceFirst::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(since.millis(at(10)), 0);
        assert_eq!(since.millis(at(1510)), 1500);
        assert_eq!(since.nanos(at(11)), 1_000_000);
        assert_eq!(since.time(at(3)), Duration::ZERO, "another thread read its clock before");
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
