//! The breaker of one server: after some failures in a row nobody asks it, until a probe beside requests has found it well. One word,
//! read by each request; written when something fails, and by the first that succeeds after that.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many failures in a row open it.
const FAILURES: u64 = 3;

const OPEN: u64 = 1 << 8;
/// The failures in a row are below this bit.
const COUNTED: u64 = OPEN - 1;
/// How often it has opened is from this bit on.
const TIMES: u32 = 16;

/// A breaker. It begins closed.
#[derive(Debug, Default)]
pub(super) struct Breaker(AtomicU64);

/// From one opening to the next: what was begun before belongs to another time, and says nothing of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era(u64);

impl Breaker {
    /// The time that it is, unless it is open.
    pub(super) fn era(&self) -> Option<Era> {
        let word = self.0.load(Ordering::Acquire);
        (word & OPEN == 0).then_some(Era(word >> TIMES))
    }

    /// An answer came.
    pub(super) fn succeeded(&self, era: Era) {
        let word = self.0.load(Ordering::Relaxed);
        if word & COUNTED != 0 && word & OPEN == 0 && word >> TIMES == era.0 {
            // Where another failed just now, that is what counts.
            let _ = self.0.compare_exchange(word, era.0 << TIMES, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Something failed; where that is certain to happen to others as well, once is enough. Whether it has opened by that.
    pub(super) fn failed(&self, era: Era, is_certain: bool) -> bool {
        let next = |word: u64| {
            let failures = (word & COUNTED) + 1;
            let opens = is_certain || failures >= FAILURES;
            let is_now = word & OPEN == 0 && word >> TIMES == era.0;
            let opened = ((era.0 + 1) << TIMES) | OPEN;
            is_now.then_some(if opens { opened } else { era.0 << TIMES | failures })
        };
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        before.is_ok_and(|word| next(word).is_some_and(|word| word & OPEN != 0))
    }

    /// It was found well. Whether it was open.
    pub(super) fn close(&self) -> bool {
        self.0.fetch_and(!(OPEN | COUNTED), Ordering::AcqRel) & OPEN != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_open_it_and_only_a_probe_closes_it() {
        let breaker = Breaker::default();
        let era = breaker.era().unwrap();
        assert!(!breaker.failed(era, false));
        assert!(!breaker.failed(era, false));
        breaker.succeeded(era);
        assert!(!breaker.failed(era, false));
        assert!(!breaker.failed(era, false));
        assert!(breaker.failed(era, false));
        assert_eq!(breaker.era(), None);
        breaker.succeeded(era);
        assert!(!breaker.failed(era, true), "it is open already");
        assert_eq!(breaker.era(), None);
        assert!(breaker.close());
        assert!(!breaker.close());
        assert!(breaker.era().is_some());
    }

    #[test]
    fn one_certain_failure_opens_it_and_what_began_before_says_nothing_after() {
        let breaker = Breaker::default();
        let before = breaker.era().unwrap();
        assert!(breaker.failed(before, true));
        breaker.close();
        assert!(!breaker.failed(before, true));
        assert_ne!(breaker.era(), None);
        assert_ne!(breaker.era(), Some(before));
    }
}
