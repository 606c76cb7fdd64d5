//! When the log tells that a store cannot count for a limit, and that it can again: once each for one outage, however many requests meet it.
//! A store may be away for some keys and not for others; as long as some fail, that is one outage.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The outage of a limit's store. Times are microseconds of a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct OutageShared {
    /// When it failed last, or not long before; 0 while it is well.
    failed_at: AtomicU64,
}

/// For so long nothing may have failed, before the store counts as back.
const WELL_AFTER: u64 = 10_000_000;
/// A failure is written down if none was for so long: not by each request.
const NOTED_EVERY: u64 = 1_000_000;

impl OutageShared {
    /// Notes that the store failed. Answers whether an outage begins.
    pub(super) fn begins(&self, now: u64) -> bool {
        let now = now.max(1);
        let failed_at = self.failed_at.load(Relaxed);
        if failed_at > 0 && now < failed_at.saturating_add(NOTED_EVERY) {
            return false;
        }
        let is_noted = self.failed_at.compare_exchange(failed_at, now, Relaxed, Relaxed).is_ok();
        is_noted && failed_at == 0
    }

    /// Notes that the store has answered. Answers whether an outage ends.
    pub(super) fn ends(&self, now: u64) -> bool {
        let failed_at = self.failed_at.load(Relaxed);
        failed_at > 0
            && now >= failed_at.saturating_add(WELL_AFTER)
            && self.failed_at.compare_exchange(failed_at, 0, Relaxed, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn one_that_is_away_for_some_keys_alone_is_told_once() {
        let outage = OutageShared::default();
        assert!(!outage.ends(0));
        // 200 keys, of which every other is served, for a minute.
        let told = (0..200_u64).filter(|turn| {
            let now = turn * 3 * SECOND / 10;
            if turn % 2 == 0 { outage.begins(now) } else { outage.ends(now) }
        });
        assert_eq!(told.count(), 1);
        let last = 198 * 3 * SECOND / 10;
        assert!(!outage.ends(last + 9 * SECOND));
        assert!(outage.ends(last + 10 * SECOND) && !outage.ends(last + 11 * SECOND));
        assert!(outage.begins(last + 12 * SECOND) && !outage.begins(last + 30 * SECOND));
    }
}
