//! Limits over time, as words: what a limit is, what is asked of it, and what it answers. The algorithms are in `limits/`, one pure file
//! each, and once more as a script for Redis.

use std::time::Duration;

use smallvec::SmallVec;

use crate::key::Key;

/// How requests are counted over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// A bucket that starts full, and fills with `count` a `period` up to `burst`: GCRA (ITU-T I.371), one number for each key.
    TokenBucket,
    /// Never more than `count` in any `period`: exact, by the times of all that passed.
    SlidingWindow,
    /// The same by an estimate from this window's and the last one's count, as if the last one's had been spread evenly.
    SlidingWindowEstimate,
    /// At most `count` in each window, aligned to the clock (UTC).
    FixedWindow,
    /// Lets requests through at an even pace of `count` a `period`: they wait for their turn, up to `burst` of them.
    LeakyBucket,
}

/// Over how long is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// So long.
    Length(Duration),
    /// A month of the calendar (UTC): for fixed windows.
    Month,
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// How is counted.
    pub algorithm: Algorithm,
    /// How many in a period; at least 1.
    pub count: u64,
    /// The period.
    pub period: Period,
    /// How many at once, for buckets; others ignore it. At least 1.
    pub burst: u64,
}

impl Limit {
    /// What counters of one key are told apart by: limits that only differ in what they permit of the same windows share one, so that a quota
    /// that is raised goes on. Exact windows and buckets begin anew, as what is remembered of them means something only at one `count`.
    pub(crate) fn counted(&self) -> (Algorithm, Period, u64) {
        let is_plain = matches!(self.algorithm, Algorithm::FixedWindow | Algorithm::SlidingWindowEstimate);
        (self.algorithm, self.period, if is_plain { 0 } else { self.count })
    }
}

/// When something is asked. Stores on other machines go by their own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds by a clock that never goes back, since the process began or before.
    pub steady: u64,
    /// Microseconds since 1970 (UTC): for windows that are aligned to the clock.
    pub wall: u64,
}

/// What is asked of limits.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// Who is counted.
    pub key: Key<'a>,
    /// All of these count it together: where one refuses, nothing is taken from any.
    pub limits: &'a [Limit],
    /// How much; 0 only looks.
    pub cost: u64,
    /// Takes it in any case, also beyond what is left: what a request cost was known only after it had passed.
    pub is_due: bool,
    /// Now.
    pub now: Moment,
}

/// What limits answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it was taken from all limits, or, where `cost` is 0, whether 1 would be.
    pub is_allowed: bool,
    /// How long the request is to wait before it goes on (leaky bucket).
    pub delay: Duration,
    /// How each limit stands now, in the order in which they were given.
    pub standings: SmallVec<[Standing; 2]>,
}

/// How one limit stands for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How much it would allow now.
    pub remaining: u64,
    /// In how long all of it is there again, or the window ends.
    pub reset: Duration,
    /// In how long it allows what it has refused; zero if it did not, none if it never will because the cost is above all that it has.
    pub retry: Option<Duration>,
}
