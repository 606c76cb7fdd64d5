//! Limits, from the words of users to those of stores.
//! No algorithm is here; these are in crate `store`.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use maitred_config::scalar::{Rate, Window, duration};
use maitred_config::{LimitAlgorithm, Problem, RateLimit, Span};
use maitred_policy::Build;
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
        let algorithm = algorithm(written.algorithm(self.algorithm));
        let usual = match (algorithm, rate.window) {
            (Algorithm::LeakyBucket, Window::Span(period)) => rate.count.min(waiting(rate.count, period)),
            _ => rate.count,
        };
        let burst = written.burst.or(self.burst).map_or(usual, |burst| u64::from(burst.get()));
        limit(rate, algorithm, burst)
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

/// Longer than this nobody should wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How many wait for their turn at most, so that none waits for too long; at least one.
fn waiting(count: u64, period: Duration) -> u64 {
    let waiting = LONGEST_WAIT.as_micros() * u128::from(count) / period.as_micros().max(1);
    u64::try_from(waiting).unwrap_or(u64::MAX).max(1)
}

/// Reports limits that are not worth what they say, all of one policy or plan: the same twice, of which each would count, and such as
/// have requests wait for too long. Answers whether they can be used.
pub(crate) fn check(limits: &[Limit], span: Span, build: &mut Build<'_>) -> bool {
    for limit in limits.iter().filter(|limit| limit.algorithm == Algorithm::LeakyBucket) {
        let Period::Length(period) = limit.period else { continue };
        let longest = period.as_micros() * u128::from(limit.burst) / u128::from(limit.count.max(1));
        if longest > LONGEST_WAIT.as_micros() {
            let shown =
                duration::format(Duration::from_secs(u64::try_from(longest / 1_000_000).unwrap_or(u64::MAX)));
            let problem = Problem::warning(format!("requests wait up to {shown} for their turn")).at(span);
            let most = waiting(limit.count, period);
            build.report(problem.help(format!(
                "lower `burst` to {most} or less, or raise the limit; beyond, requests get 429 at once"
            )));
        }
    }
    let twin = limits.iter().enumerate().find(|(number, limit)| limits[..*number].contains(limit));
    if let Some((_, twin)) = twin {
        let problem = Problem::error(format!("the limit {} is there twice", describe(twin))).at(span);
        build.report(problem.help("leave one out"));
    }
    twin.is_none()
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
