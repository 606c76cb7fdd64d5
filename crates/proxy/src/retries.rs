//! When a request is tried again, compiled: how often, after what, and with which pauses. All of it is pure; the tries
//! themselves are made in `exchange::forward`.

use std::time::{Duration, SystemTime};

use maitred_upstream::ResultSet;

/// What a route and its upstream say of retries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Retries {
    /// Tries at most, the first one counted.
    pub(crate) attempts: u32,
    /// The ends after which another one is made.
    pub(crate) on: ResultSet,
    /// The pauses; without them, an endpoint that was tried is not tried again.
    pub(crate) backoff: Option<Backoff>,
    /// How large a share of the requests may be tried again, in millionths; none for any.
    pub(crate) budget: Option<u32>,
    /// How many bytes of a body are kept while it is sent.
    pub(crate) buffer: usize,
    /// How long an answer may take to begin before another endpoint is asked beside.
    pub(crate) hedge_after: Option<Duration>,
}

/// Where nothing is written: what was never sent goes on to other endpoints.
impl Default for Retries {
    fn default() -> Self {
        let mut on = ResultSet::default();
        on.connect_failure = true;
        Self { attempts: 3, on, ..Self::none() }
    }
}

impl Retries {
    /// One try.
    pub(crate) fn none() -> Self {
        Self {
            attempts: 1,
            on: ResultSet::default(),
            backoff: None,
            budget: None,
            buffer: 0,
            hedge_after: None,
        }
    }

    /// Whether a request may be tried again that was sent already.
    pub(crate) fn repeats_sent(&self) -> bool {
        let mut unsent = ResultSet::default();
        unsent.connect_failure = self.on.connect_failure;
        self.attempts > 1 && self.on != unsent
    }
}

/// Pauses that grow, so that a service in trouble has time to recover, and are random, so that those who failed together do
/// not come again together ("full jitter").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Backoff {
    /// The longest one before the second try; it doubles with each further one.
    pub(crate) first: Duration,
    /// The longest one before any.
    pub(crate) most: Duration,
}

impl Backoff {
    /// No pauses.
    pub(crate) const NONE: Self = Self { first: Duration::ZERO, most: Duration::ZERO };

    /// The pause after `failures` tries, at least one: `random` is any number, all of them alike.
    pub(crate) fn pause(&self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self.first.saturating_mul(1 << doublings).min(self.most);
        let longest = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        let share = (u128::from(longest) * u128::from(random)) >> 64;
        Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

/// How long a `Retry-After` says to wait at `now`: seconds, or a date (RFC 9110 section 10.2.3). None where it is neither.
pub(crate) fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than there are seconds is more than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_anywhere_below() {
        let backoff = Backoff { first: Duration::from_millis(50), most: Duration::from_secs(2) };
        let mut random = fastrand::Rng::with_seed(7);
        for (failures, longest) in
            [(1, 50), (2, 100), (3, 200), (6, 1600), (7, 2000), (8, 2000), (1000, 2000), (u32::MAX, 2000)]
        {
            let longest = Duration::from_millis(longest);
            let pauses: Vec<_> = (0..2000).map(|_| backoff.pause(failures, random.u64(..))).collect();
            assert!(pauses.iter().all(|pause| *pause < longest), "{failures}");
            for tenth in 0..10 {
                let (from, to) = (longest * tenth / 10, longest * (tenth + 1) / 10);
                let there = pauses.iter().filter(|pause| (from..to).contains(*pause)).count();
                assert!((120..280).contains(&there), "{there} of 2000 between {from:?} and {to:?}");
            }
        }
        assert_eq!(backoff.pause(1, 0), Duration::ZERO);
        assert_eq!(Backoff::NONE.pause(9, u64::MAX), Duration::ZERO);
        let long = Backoff { first: Duration::MAX, most: Duration::MAX };
        assert!(long.pause(3, u64::MAX) > Duration::from_secs(1 << 34), "nothing overflows");
    }

    #[test]
    fn a_service_says_when_to_come_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text.as_bytes(), now), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(b"\xff", now), None);
    }

    #[test]
    fn only_ends_after_sending_call_for_keeping_a_body() {
        assert!(!Retries::none().repeats_sent() && !Retries::default().repeats_sent());
        let on = Retries::default().on.with_status(503);
        assert!(Retries { on: on.clone(), ..Retries::default() }.repeats_sent());
        assert!(!Retries { on, attempts: 1, ..Retries::default() }.repeats_sent());
    }
}
