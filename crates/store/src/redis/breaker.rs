//! The breaker of one server: after some failures in a row nobody asks it, until a probe beside requests has found it well. One word,
//! read by each request; written when something fails, and by the first that succeeds after that.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many failures in a row open it, each of a command that was sent after the one before was known: what was under way together says
/// nothing more than one of it.
const FAILURES: u64 = 3;

const OPEN: u64 = 1 << 8;
/// The failures in a row are below this bit.
const COUNTED: u64 = OPEN - 1;
/// How often it has opened is from this bit on.
const TIMES: u32 = 16;

/// A breaker. It begins closed.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: AtomicU64,
    /// When the last failure was counted.
    counted: AtomicU64,
}

/// What failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// What is certain to happen to others as well: once is enough.
    Certain,
    /// A command that was sent at this time, and had failed at that: in microseconds of a clock that never goes back.
    Command { sent: u64, now: u64 },
}

/// From one opening to the next: what was begun before belongs to another time, and says nothing of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era(u64);

impl Breaker {
    /// The time that it is, unless it is open.
    pub(super) fn era(&self) -> Option<Era> {
        let word = self.state.load(Ordering::Acquire);
        (word & OPEN == 0).then_some(Era(word >> TIMES))
    }

    /// An answer came.
    pub(super) fn succeeded(&self, era: Era) {
        let word = self.state.load(Ordering::Relaxed);
        if word & COUNTED != 0 && word & OPEN == 0 && word >> TIMES == era.0 {
            // Where another failed just now, that is what counts.
            let _ = self.state.compare_exchange(word, era.0 << TIMES, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Something failed. Whether it has opened by that.
    pub(super) fn failed(&self, era: Era, failure: Failure) -> bool {
        if let Failure::Command { sent, now } = failure
            && !self.counts(sent, now)
        {
            return false;
        }
        let next = |word: u64| {
            let failures = (word & COUNTED) + 1;
            let opens = matches!(failure, Failure::Certain) || failures >= FAILURES;
            let is_now = word & OPEN == 0 && word >> TIMES == era.0;
            let opened = ((era.0 + 1) << TIMES) | OPEN;
            is_now.then_some(if opens { opened } else { era.0 << TIMES | failures })
        };
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        before.is_ok_and(|word| next(word).is_some_and(|word| word & OPEN != 0))
    }

    /// Whether a failure is another one than the last that was counted.
    fn counts(&self, sent: u64, now: u64) -> bool {
        let last = self.counted.load(Ordering::Acquire);
        // Who loses here had failed at the same time as another.
        sent >= last && self.counted.compare_exchange(last, now, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// It was found well. Whether it was open.
    pub(super) fn close(&self) -> bool {
        self.state.fetch_and(!(OPEN | COUNTED), Ordering::AcqRel) & OPEN != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that was sent at this time and waited for until a time-out of 20 was over.
    fn late(sent: u64) -> Failure {
        Failure::Command { sent, now: sent + 20 }
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_only_a_probe_closes_it() {
        let breaker = Breaker::default();
        let era = breaker.era().unwrap();
        assert!(!breaker.failed(era, late(0)));
        assert!(!breaker.failed(era, late(20)));
        breaker.succeeded(era);
        assert!(!breaker.failed(era, late(40)));
        assert!(!breaker.failed(era, late(60)));
        assert!(breaker.failed(era, late(80)));
        assert_eq!(breaker.era(), None);
        breaker.succeeded(era);
        assert!(!breaker.failed(era, Failure::Certain), "it is open already");
        assert_eq!(breaker.era(), None);
        assert!(breaker.close());
        assert!(!breaker.close());
        assert!(breaker.era().is_some());
    }

    #[test]
    fn what_was_under_way_together_is_one_failure() {
        let breaker = Breaker::default();
        let era = breaker.era().unwrap();
        for sent in 0..20 {
            assert!(!breaker.failed(era, late(sent)), "the server stood still for a moment");
        }
        for sent in 20..60 {
            assert!(!breaker.failed(era, late(sent)) || sent == 40, "{sent}");
        }
        assert_eq!(breaker.era(), None, "it stands still for three times the time-out");
    }

    #[test]
    fn one_certain_failure_opens_it_and_what_began_before_says_nothing_after() {
        let breaker = Breaker::default();
        let before = breaker.era().unwrap();
        assert!(breaker.failed(before, Failure::Certain));
        breaker.close();
        assert!(!breaker.failed(before, Failure::Certain));
        assert_ne!(breaker.era(), None);
        assert_ne!(breaker.era(), Some(before));
    }
}
