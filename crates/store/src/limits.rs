//! The algorithms of limits as pure functions of integers: time comes in, nothing is kept here. What is counted for a key is a
//! [`Counter`], or a [`Log`] for the exact window; where these are, the store says ([`Counters`]). Never more is allowed than the algorithm
//! permits: what cannot be told exactly is rounded against who asks.

pub(crate) mod calendar;
pub(crate) mod fixed_window;
pub(crate) mod leaky_bucket;
pub(crate) mod sliding_window;
pub(crate) mod sliding_window_estimate;
#[cfg(test)]
mod tests;
pub(crate) mod token_bucket;

use std::time::Duration;

use smallvec::SmallVec;

pub(crate) use self::sliding_window::Log;
use crate::limit::{Algorithm, Decision, Limit, Moment, Period, Standing, Take};

/// No time is later than this, in microseconds: 1142 years after the beginning of a clock.
pub(crate) const FOREVER: u64 = (1 << 55) - 1;

/// What is due is taken up to so many times what a limit has at most, and never more than `MOST_DUE` at once: it may be a number from outside, which
/// must not lock a caller out for ages.
const MOST_TIMES_DUE: u64 = 1000;
const MOST_DUE: u64 = 1 << 40;

/// What is counted for a key under one limit. The default is a key that nothing was taken under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// From this time on it is as if nothing had been taken, in microseconds by the clock of the algorithm.
    pub(crate) until: u64,
    /// Windows: what was taken in the window. Buckets: by how many parts of a microsecond, `count` to each, it is sooner than `until`.
    pub(crate) used: u64,
    /// The estimate alone: what was taken in the window before.
    pub(crate) before: u64,
}

/// What is asked of one limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// How much; 0 only looks.
    pub(crate) cost: u64,
    /// Whether it is taken in any case.
    pub(crate) is_due: bool,
    /// Now, by the clock of the algorithm.
    pub(crate) now: u64,
}

impl Ask {
    /// How much is to be there: who only looks wants to know about 1.
    pub(crate) fn wanted(self) -> u64 {
        self.cost.max(1)
    }
}

/// What one limit says, before the others were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// In how many microseconds it allows what is asked: 0 now, none never.
    pub(crate) retry: Option<u64>,
    /// How many microseconds the request then waits for its turn.
    pub(crate) delay: u64,
}

impl Ruling {
    /// Allowed, if in no time; otherwise refused for so long.
    pub(crate) fn at_once_or(retry: Option<u64>) -> Self {
        Self { retry, delay: 0 }
    }

    pub(crate) fn is_allowed(self) -> bool {
        self.retry == Some(0)
    }
}

/// What is left for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// How much would be allowed now.
    pub(crate) remaining: u64,
    /// In how many microseconds all of it is there again, or the window ends.
    pub(crate) reset: u64,
}

/// Where the counters of one key are.
pub(crate) trait Counters {
    /// What is counted under this limit.
    fn counter(&self, limit: &Limit) -> Counter;

    /// Counts this under it from now on. `weight` is the [weight] of what is taken.
    fn set(&mut self, limit: &Limit, counter: Counter, weight: u8);

    /// The times of what was taken under it, if it is an exact window.
    fn log(&self, limit: &Limit) -> &Log;

    /// Enters into them that so much was taken at this time.
    fn enter(&mut self, limit: &Limit, at: u64, cost: u64);
}

/// Takes from all limits, or from none.
pub(crate) fn take(counters: &mut impl Counters, asked: &Take<'_>) -> Decision {
    let rulings: SmallVec<[(Ruling, Counter, Counter); 2]> = asked
        .limits
        .iter()
        .map(|limit| {
            let ask = Ask { cost: cost(limit, asked), is_due: asked.is_due, now: time(limit, asked.now) };
            let counter = counters.counter(limit);
            let (ruling, after) = match limit.algorithm {
                Algorithm::TokenBucket => token_bucket::take(counter, limit, ask),
                Algorithm::LeakyBucket => leaky_bucket::take(counter, limit, ask),
                Algorithm::FixedWindow => fixed_window::take(counter, limit, ask),
                Algorithm::SlidingWindowEstimate => sliding_window_estimate::take(counter, limit, ask),
                Algorithm::SlidingWindow => (sliding_window::take(counters.log(limit), limit, ask), counter),
            };
            (ruling, counter, after)
        })
        .collect();
    let is_allowed = rulings.iter().all(|(ruling, ..)| ruling.is_allowed());
    let is_taken = is_allowed && asked.cost > 0;
    let delay = rulings.iter().map(|(ruling, ..)| ruling.delay).max().filter(|_| is_taken && !asked.is_due);
    let standings = asked.limits.iter().zip(rulings).map(|(limit, (ruling, counter, after))| {
        let now = time(limit, asked.now);
        let left = match (limit.algorithm, is_taken) {
            (Algorithm::SlidingWindow, true) => {
                counters.enter(limit, now, cost(limit, asked));
                sliding_window::left(counters.log(limit), limit, now)
            }
            (Algorithm::SlidingWindow, false) => sliding_window::left(counters.log(limit), limit, now),
            (_, true) => {
                let left = left(after, limit, now);
                counters.set(limit, after, weight(left.remaining, limit));
                left
            }
            (_, false) => left(counter, limit, now),
        };
        let retry = ruling.retry.map(Duration::from_micros);
        Standing { remaining: left.remaining, reset: Duration::from_micros(left.reset), retry }
    });
    let standings = standings.collect();
    Decision { is_allowed, delay: Duration::from_micros(delay.unwrap_or(0)), standings }
}

/// What is taken from a limit.
fn cost(limit: &Limit, asked: &Take<'_>) -> u64 {
    let most_due = capacity(limit).saturating_mul(MOST_TIMES_DUE).min(MOST_DUE);
    if asked.is_due { asked.cost.min(most_due) } else { asked.cost }
}

/// What a limit has at most.
fn capacity(limit: &Limit) -> u64 {
    match limit.algorithm {
        Algorithm::TokenBucket => limit.burst,
        Algorithm::LeakyBucket => leaky_bucket::capacity(limit),
        _ => limit.count,
    }
}

/// What a counter leaves.
pub(crate) fn left(counter: Counter, limit: &Limit, now: u64) -> Left {
    match limit.algorithm {
        Algorithm::TokenBucket => token_bucket::left(counter, limit, now),
        Algorithm::LeakyBucket => leaky_bucket::left(counter, limit, now),
        Algorithm::FixedWindow => fixed_window::left(counter, limit, now),
        Algorithm::SlidingWindowEstimate | Algorithm::SlidingWindow => {
            sliding_window_estimate::left(counter, limit, now)
        }
    }
}

/// What remains of a limit, whichever way it is counted.
pub(crate) fn remaining(counter: Counter, log: &Log, limit: &Limit, now: Moment) -> u64 {
    let at = time(limit, now);
    match limit.algorithm {
        Algorithm::SlidingWindow => sliding_window::left(log, limit, at).remaining,
        _ => left(counter, limit, at).remaining,
    }
}

/// The time that an algorithm goes by: fixed windows are aligned to the clock on the wall, all others must not feel it being set.
pub(crate) fn time(limit: &Limit, now: Moment) -> u64 {
    match limit.algorithm {
        Algorithm::FixedWindow => now.wall.min(FOREVER),
        _ => now.steady.min(FOREVER),
    }
}

/// How much would be lost if what is taken were forgotten, where so much remains: the less of the share of the limit, 255 for all of it, and of
/// how much that is, on a scale of logarithms: 16 for one request, and 16 more for each time that it is about twice as much. So a limit of one request weighs little
/// when it is used up, and a thousand requests weigh little of a million.
pub(crate) fn weight(remaining: u64, limit: &Limit) -> u8 {
    let whole = capacity(limit);
    let free = u128::from(remaining) * 255 / u128::from(whole.max(1));
    let share = 255 - u8::try_from(free).unwrap_or(255);
    let more = whole.saturating_sub(remaining).saturating_add(1);
    let twice = more.ilog2();
    let between = ((u128::from(more) * 16) >> twice) & 15;
    let size = u128::from(twice) * 16 + between;
    u8::try_from(size).unwrap_or(255).min(share)
}

/// The length of a period in microseconds, at least 1. Months are for fixed windows; to others one is as long as the longest.
pub(crate) fn length(limit: &Limit) -> u64 {
    match limit.period {
        Period::Length(length) => u64::try_from(length.as_micros()).unwrap_or(FOREVER).clamp(1, FOREVER),
        Period::Month => {
            debug_assert!(limit.algorithm == Algorithm::FixedWindow, "only fixed windows go by the calendar");
            calendar::LONGEST_MONTH
        }
    }
}

/// A duration of so many microseconds, where it may be too long to be told.
fn micros(of: u128) -> u64 {
    u64::try_from(of).unwrap_or(FOREVER).min(FOREVER)
}
