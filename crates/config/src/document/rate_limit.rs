//! Limits over time, as users write them: in plans, and in the policies that count.
//! Who is counted is the business of the policy.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::problem::Problem;
use crate::read::{Fields, Reader, Spanned};
use crate::scalar::Rate;
use crate::scalar::rate::Window;
use crate::{config_map, config_words};

config_words! {
    /// How requests are counted over time.
    pub enum LimitAlgorithm {
        /// A bucket that starts full and fills evenly: `burst` at once, and the rate in the long run.
        TokenBucket = "token_bucket",
        /// Never more than the count in any time of that length: exact.
        SlidingWindow = "sliding_window",
        /// The same by an estimate, in less memory.
        SlidingWindowEstimate = "sliding_window_estimate",
        /// Never more than the count in each window by the clock (UTC).
        FixedWindow = "fixed_window",
        /// Lets requests through one by one, at the pace of the rate: up to `burst` of them wait for their turn.
        LeakyBucket = "leaky_bucket",
    }
}

config_map! {
    /// A limit over time.
    #[check = RateLimit::check]
    pub struct RateLimit {
        /// How many in which time: `10/s`, `1000/h`.
        #[main]
        limit: Spanned<Rate>,
        /// How many at once, for buckets. Without it, as many as `limit` counts; of leaky buckets no more than wait for 30 s.
        burst: Option<NonZeroU32>,
        /// How is counted. Without it, what the policy says, else `token_bucket`; for months of the calendar `fixed_window`.
        algorithm: Option<LimitAlgorithm>,
    }
}

impl LimitAlgorithm {
    /// Whether `burst` means something to it.
    pub fn has_burst(self) -> bool {
        matches!(self, Self::TokenBucket | Self::LeakyBucket)
    }
}

/// The shortest time that is counted over.
const SHORTEST: Duration = Duration::from_millis(1);
/// The longest: a year, as calendars have it at the most.
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl RateLimit {
    /// How is counted, where the policy says this of limits that say nothing.
    pub fn algorithm(&self, of_policy: Option<LimitAlgorithm>) -> LimitAlgorithm {
        let usual = match self.limit.window {
            Window::Month => LimitAlgorithm::FixedWindow,
            Window::Span(_) => LimitAlgorithm::TokenBucket,
        };
        self.algorithm.or(of_policy).unwrap_or(usual)
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        check_window(&self.limit, reader);
        if let Some(algorithm) = self.algorithm
            && self.burst.is_some()
            && !algorithm.has_burst()
        {
            let problem = Problem::error(format!("`{}` knows no `burst`", algorithm.word()));
            reader.problem(problem.at(fields.key_span("burst")).help("leave it out"));
        }
        if self.algorithm.is_some_and(|algorithm| algorithm != LimitAlgorithm::FixedWindow) {
            check_month(&self.limit, reader);
        }
    }
}

/// Tells of times over which nothing can be counted.
pub(super) fn check_window(rate: &Spanned<Rate>, reader: &mut Reader<'_>) {
    let Window::Span(span) = rate.value.window else { return };
    let problem = |message: &str| Problem::error(message).at(rate.span);
    if span < SHORTEST {
        reader.problem(problem("this time is too short to count over").help("the shortest is `1ms`"));
    }
    if span > LONGEST {
        reader.problem(problem("this time is too long to count over").help("the longest is `366d`"));
    }
}

/// Tells that a month of the calendar is counted otherwise than it can be.
fn check_month(rate: &Spanned<Rate>, reader: &mut Reader<'_>) {
    if rate.value.window == Window::Month {
        let problem = Problem::error("a month of the calendar is a fixed window").at(rate.span);
        reader.problem(problem.help("write `algorithm: fixed_window`, or count over `30d`"));
    }
}
