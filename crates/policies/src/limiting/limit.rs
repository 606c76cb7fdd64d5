//! Limits, from the words of users to those of stores.
//! No algorithm is here; these are in crate `store`.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use maitred_config::scalar::{Rate, Window};
use maitred_config::{LimitAlgorithm, RateLimit};
use maitred_store::{Algorithm, Limit, Period};

/// What a policy says of those of its limits that say nothing themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usual {
    pub(crate) algorithm: Option<LimitAlgorithm>,
    pub(crate) burst: Option<NonZeroU32>,
}

impl Usual {
    /// A limit, as stores know it.
    pub(crate) fn limit(self, written: &RateLimit) -> Limit {
        let rate = written.limit.value;
        let burst = written.burst.or(self.burst).map_or(rate.count, |burst| u64::from(burst.get()));
        limit(rate, algorithm(written.algorithm(self.algorithm)), burst)
    }
}

/// So many in each window by the clock.
pub(crate) fn windows(rate: Rate) -> Limit {
    limit(rate, Algorithm::FixedWindow, rate.count)
}

fn limit(rate: Rate, algorithm: Algorithm, burst: u64) -> Limit {
    let period = match rate.window {
        Window::Span(span) => Period::Length(span),
        Window::Month => Period::Month,
    };
    Limit { algorithm, count: rate.count, period, burst }
}

fn algorithm(written: LimitAlgorithm) -> Algorithm {
    match written {
        LimitAlgorithm::TokenBucket => Algorithm::TokenBucket,
        LimitAlgorithm::SlidingWindow => Algorithm::SlidingWindow,
        LimitAlgorithm::SlidingWindowEstimate => Algorithm::SlidingWindowEstimate,
        LimitAlgorithm::FixedWindow => Algorithm::FixedWindow,
        LimitAlgorithm::LeakyBucket => Algorithm::LeakyBucket,
    }
}

/// How much a limit has at most.
pub(crate) fn capacity(limit: &Limit) -> u64 {
    match limit.algorithm {
        Algorithm::TokenBucket => limit.burst,
        // Those that wait, and the one whose turn it is.
        Algorithm::LeakyBucket => limit.burst.saturating_add(1),
        _ => limit.count,
    }
}

/// As a rate: `10/s`.
pub(crate) fn rate(limit: &Limit) -> String {
    let window = match limit.period {
        Period::Month => Window::Month,
        Period::Length(span) => Window::Span(span),
    };
    Rate { count: limit.count, window }.to_string()
}

/// In words: `10/s (token_bucket, burst 20)`.
pub(crate) fn describe(limit: &Limit) -> String {
    let word = match limit.algorithm {
        Algorithm::TokenBucket => "token_bucket",
        Algorithm::SlidingWindow => "sliding_window",
        Algorithm::SlidingWindowEstimate => "sliding_window_estimate",
        Algorithm::FixedWindow => "fixed_window",
        Algorithm::LeakyBucket => "leaky_bucket",
    };
    let mut text = format!("{} ({word}", rate(limit));
    if matches!(limit.algorithm, Algorithm::TokenBucket | Algorithm::LeakyBucket)
        && limit.burst != limit.count
    {
        write!(text, ", burst {}", limit.burst).expect("writing to memory does not fail");
    }
    text + ")"
}

/// The length of a limit's period in whole seconds, where it has one.
pub(crate) fn seconds(limit: &Limit) -> Option<u64> {
    match limit.period {
        Period::Length(span) if span.subsec_nanos() == 0 => Some(span.as_secs()),
        _ => None,
    }
}
