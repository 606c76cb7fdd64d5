//! Passive ejection: an endpoint that fails so many requests in a row gets none for a while. Each endpoint stands by itself, in one
//! atomic number; that not too many are ejected at once is counted exactly, for the process.

mod standing;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::standing::Standing;
use crate::health::HealthShared;
use crate::result::{ResultSet, TryResult};
use crate::since::millis;

/// When endpoints are ejected, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlierDetection {
    /// After how many failures in a row.
    pub consecutive_errors: u16,
    /// For how long the first time; it doubles with each ejection, and each such while that the endpoint stays takes one doubling
    /// back.
    pub eject_for: Duration,
    /// For how long at most: no less than `eject_for`.
    pub max_eject_for: Duration,
    /// The share of the endpoints that may be ejected at once, in millionths, rounded down.
    pub max_ejected: u32,
    /// What counts as a failure. Any other end of a try ends the row.
    pub failure_on: ResultSet,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        let broken = [TryResult::ConnectFailure, TryResult::Reset, TryResult::Timeout];
        let failures = broken.into_iter().chain([502, 503, 504].map(TryResult::Status));
        Self {
            consecutive_errors: 5,
            eject_for: Duration::from_secs(30),
            max_eject_for: Duration::from_mins(5),
            max_ejected: 500_000,
            failure_on: failures.fold(ResultSet::default(), ResultSet::with),
        }
    }
}

impl OutlierDetection {
    /// How many of so many endpoints may be ejected at once: never all.
    pub fn most_ejected(&self, endpoints: usize) -> usize {
        let most = endpoints as u128 * u128::from(self.max_ejected) / 1_000_000;
        usize::try_from(most).unwrap_or(endpoints).min(endpoints.saturating_sub(1))
    }

    /// The times of the first and of the longest ejection, in milliseconds.
    fn times(&self) -> (u64, u64) {
        let first = millis(self.eject_for).max(1);
        (first, millis(self.max_eject_for).max(first))
    }
}

/// Where an endpoint belongs.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) upstream: Arc<HealthShared>,
    /// How it is told of.
    pub(crate) endpoint: String,
}

/// How an endpoint stands, as the process knows it. Times are milliseconds since a first instant.
#[derive(Debug, Default)]
pub(crate) struct Ejection {
    /// A [`Standing`]: 0 while nothing is wrong.
    standing: AtomicU64,
    /// Known from the first failure on.
    owner: OnceLock<Owner>,
}

impl Ejection {
    /// Whether it may be ejected: [`end_if_over`](Self::end_if_over) tells whether it still is.
    #[inline]
    pub(crate) fn is_ejected(&self) -> bool {
        Standing::is_ejected_in(self.standing.load(Ordering::Acquire))
    }

    /// Whether nothing is wrong: then a try that was no failure changes nothing.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        self.standing.load(Ordering::Relaxed) == 0
    }

    /// Notes a try that was no failure.
    #[cold]
    pub(crate) fn succeed(&self, now: u64, rules: &OutlierDetection) {
        let mut seen = self.standing.load(Ordering::Relaxed);
        loop {
            let next = Standing::unpack(seen).succeeded(now, rules).pack();
            if next == seen {
                return;
            }
            match self.standing.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// Notes a failure. Where it is one too many, `may_eject` takes a place among the ejected for it, if there is one.
    #[cold]
    pub(crate) fn fail(
        &self,
        now: u64,
        rules: &OutlierDetection,
        owner: impl FnOnce() -> Owner,
        may_eject: impl Fn() -> bool,
    ) {
        let owner = self.owner.get_or_init(owner);
        let mut seen = self.standing.load(Ordering::Acquire);
        loop {
            let (failed, is_too_many) = Standing::unpack(seen).failed(now, rules);
            let lasts = (is_too_many && may_eject()).then(|| failed.ejected(now, rules));
            let next = lasts.map_or(failed, |(ejected, _)| ejected).pack();
            if next == seen {
                return;
            }
            match self.standing.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if let Some((_, lasts)) = lasts {
                        owner.tell_ejected(Duration::from_millis(lasts), rules.consecutive_errors);
                    }
                    return;
                }
                Err(other) => {
                    if lasts.is_some() {
                        owner.upstream.give_place_back();
                    }
                    seen = other;
                }
            }
        }
    }

    /// Ends an ejection whose time is over. Answers whether this call did.
    pub(crate) fn end_if_over(&self, now: u64) -> bool {
        let seen = self.standing.load(Ordering::Acquire);
        if !Standing::is_ejected_in(seen) {
            return false;
        }
        let standing = Standing::unpack(seen);
        let is_over = standing.left(now).is_none();
        let next = standing.returned().pack();
        let ends = is_over
            && self.standing.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if ends && let Some(owner) = self.owner.get() {
            owner.upstream.give_place_back();
            self.tell_returned();
        }
        ends
    }

    /// Forgets all failures. Answers whether that ended an ejection.
    pub(crate) fn forgive(&self) -> bool {
        let was_ejected = self.end(self.standing.fetch_and(Standing::GONE, Ordering::AcqRel));
        if was_ejected {
            self.tell_returned();
        }
        was_ejected
    }

    /// The same without a word, for an endpoint that is gone: requests that are still under way there must not take a place for it,
    /// which nobody would give back.
    pub(crate) fn leave(&self) {
        self.end(self.standing.swap(Standing::GONE, Ordering::AcqRel));
    }

    /// The endpoint is one of the upstream's, also if it was gone.
    pub(crate) fn join(&self) {
        if !self.is_clear() {
            self.standing.fetch_and(!Standing::GONE, Ordering::AcqRel);
        }
    }

    /// Gives its place back, if it was ejected.
    fn end(&self, before: u64) -> bool {
        let was_ejected = Standing::is_ejected_in(before);
        if was_ejected && let Some(owner) = self.owner.get() {
            owner.upstream.give_place_back();
        }
        was_ejected
    }

    /// How much longer it is ejected.
    pub(crate) fn left(&self, now: u64) -> Option<Duration> {
        let standing = Standing::unpack(self.standing.load(Ordering::Acquire));
        standing.left(now).map(Duration::from_millis)
    }

    fn tell_returned(&self) {
        if let Some(Owner { upstream, endpoint }) = self.owner.get() {
            tracing::info!(upstream = %upstream.name, endpoint, "the endpoint is back after its ejection");
        }
    }
}

impl Owner {
    fn tell_ejected(&self, lasts: Duration, errors: u16) {
        let Self { upstream, endpoint } = self;
        upstream.ejections.inc();
        tracing::warn!(
            upstream = %upstream.name,
            endpoint,
            "the endpoint is ejected for {lasts:?}: {errors} failures in a row"
        );
    }
}

impl Drop for Ejection {
    /// An endpoint that is gone is none of the ejected.
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;
