//! How much of an upstream's requests may be tried again: retries must not become the larger part of what a service in trouble gets.
//! A share of the requests of the last ten seconds, and beside it three for each second, so that seldom requests are tried again too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::since::SinceFirst;

/// Seconds that count.
const SECONDS: usize = 10;
/// Retries that need no share: three for each of these seconds.
const FREE: u128 = 3 * SECONDS as u128;

/// How many windows requests are counted in, so that workers do not wait for each other: every request is counted, and the sum is
/// wanted only where one is tried again.
const SHARDS: usize = 8;

/// The budget of one upstream, exact for the process: never more retries than it allows, and where threads ask at the same
/// moment perhaps one less.
#[derive(Debug, Default)]
pub struct RetryBudgetShared {
    since: SinceFirst,
    /// By workers.
    requests: [Window; SHARDS],
    retries: Window,
}

impl RetryBudgetShared {
    /// Counts a request at `now`, on the worker of this number.
    pub(crate) fn count(&self, worker: usize, now: Instant) {
        self.requests[worker % SHARDS].add(self.second(now));
    }

    /// Takes leave for a retry at `now`, where such a share of the requests, in millionths, may be tried again. What was taken counts,
    /// whether the retry is made or not.
    pub fn take(&self, now: Instant, share: u32) -> bool {
        let second = self.second(now);
        // First taken, then looked at: two threads at once may both find too many, but never both too few.
        self.retries.add(second);
        let requests: u64 = self.requests.iter().map(|window| window.sum(second)).sum();
        let shared = u128::from(requests) * u128::from(share) / 1_000_000;
        if u128::from(self.retries.sum(second)) <= shared + FREE {
            return true;
        }
        self.retries.take_back(second);
        false
    }

    fn second(&self, now: Instant) -> u64 {
        self.since.time(now).as_secs()
    }
}

/// A count for each of the last seconds. A slot has the second that it counts in its upper half, and the count in its lower
/// one, so that both change at once. 128 bytes, since neighbouring lines are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Window([AtomicU64; SECONDS]);

const COUNT: u64 = u32::MAX as u64;

impl Window {
    /// Counts one more in this second. After 2^32 in one second it counts no further.
    fn add(&self, second: u64) {
        let more = |slot: u64| {
            if slot >> 32 == second & COUNT {
                (slot & COUNT < COUNT).then(|| slot + 1)
            } else {
                Some((second << 32) | 1)
            }
        };
        let _ = self.slot(second).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Counts one less, unless the second is over and counted no more.
    fn take_back(&self, second: u64) {
        let less = |slot: u64| (slot >> 32 == second & COUNT && slot & COUNT > 0).then(|| slot - 1);
        let _ = self.slot(second).fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// How many there were in this second and those before it that count.
    fn sum(&self, second: u64) -> u64 {
        let count = |slot: &AtomicU64| {
            let slot = slot.load(Ordering::Relaxed);
            let age = (second & COUNT).wrapping_sub(slot >> 32) & COUNT;
            if age < SECONDS as u64 { slot & COUNT } else { 0 }
        };
        self.0.iter().map(count).sum()
    }

    fn slot(&self, second: u64) -> &AtomicU64 {
        &self.0[usize::try_from(second % SECONDS as u64).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests;
