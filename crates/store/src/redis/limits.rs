//! Limits as the script on the server takes them: what it is told, and what it says. The algorithms are in `scripts/take.lua`, which tests
//! compare with those of `crates/store/src/limits/`.

use std::time::Duration;

use redis::{Cmd, Value};
use smallvec::SmallVec;

use super::{names, scripts};
use crate::limit::{Algorithm, Decision, Limit, Period, Standing, Take};

/// Times of an exact window that are kept for a key; where there would be more, neighbouring ones become one. A server goes through them while
/// all others wait for it.
pub(super) const MOST_TIMES: usize = 1000;

/// No period is longer, in microseconds: what is compared with it stays exact in doubles.
const LONGEST: u64 = 1 << 50;

/// The names of what is counted for a key of this name.
pub(super) fn names(name: &str, limits: &[Limit]) -> Vec<String> {
    let named = limits.iter().map(|limit| {
        let mut name = name.to_owned();
        names::push_limit(&mut name, limit);
        name
    });
    named.collect()
}

/// The call that takes from the limits of a key of this name; `now` is the server's where it is none. Of an exact window `most` times are kept.
pub(super) fn call(name: &str, take: &Take<'_>, now: Option<u64>, most: usize) -> Cmd {
    let mut command = scripts::TAKE.call(&names(name, take.limits));
    command.arg(take.cost).arg(u8::from(take.is_due)).arg(most);
    match now {
        Some(now) => command.arg(now),
        None => command.arg(""),
    };
    for limit in take.limits {
        let period = match limit.period {
            Period::Month => None,
            Period::Length(length) => {
                Some(u64::try_from(length.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST))
            }
        };
        let (algorithm, capacity) = match limit.algorithm {
            Algorithm::TokenBucket => ("token_bucket", limit.burst),
            Algorithm::LeakyBucket => ("leaky_bucket", limit.burst.saturating_add(1)),
            Algorithm::FixedWindow => ("fixed_window", limit.count),
            Algorithm::SlidingWindow => ("sliding_window", limit.count),
            Algorithm::SlidingWindowEstimate => ("sliding_window_estimate", limit.count),
        };
        command.arg(algorithm);
        match (limit.algorithm, period) {
            (Algorithm::FixedWindow, None) => command.arg(limit.count).arg("month"),
            (Algorithm::TokenBucket | Algorithm::LeakyBucket, period) => {
                // 60 in a minute are 1 in a second: the smaller the numbers, the larger the limits that are exact.
                let period = period.unwrap_or(LONGEST_MONTH);
                let shared = greatest_divisor(limit.count, period);
                command.arg(limit.count / shared).arg(period / shared)
            }
            (_, period) => command.arg(limit.count).arg(period.unwrap_or(LONGEST_MONTH)),
        };
        command.arg(capacity);
    }
    command
}

/// What windows that do not go by the calendar take a month for, in microseconds.
const LONGEST_MONTH: u64 = 31 * 86_400_000_000;

fn greatest_divisor(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.max(1)
}

/// What the script says; none where that cannot be.
pub(super) fn decision(said: &Value, limits: &[Limit]) -> Option<Decision> {
    let Value::Array(said) = said else { return None };
    let numbers: SmallVec<[i64; 8]> = said.iter().map(number).collect::<Option<_>>()?;
    let ([is_allowed, delay], standings) = numbers.split_first_chunk()?;
    if standings.len() != limits.len() * 3 {
        return None;
    }
    let standing = |said: &[i64]| match said {
        &[remaining, reset, retry] => Some(Standing {
            remaining: u64::try_from(remaining).ok()?,
            reset: micros(reset)?,
            retry: if retry == -1 { None } else { Some(micros(retry)?) },
        }),
        _ => None,
    };
    Some(Decision {
        is_allowed: *is_allowed == 1,
        delay: micros(*delay)?,
        standings: standings.chunks_exact(3).map(standing).collect::<Option<_>>()?,
    })
}

fn micros(said: i64) -> Option<Duration> {
    u64::try_from(said).ok().map(Duration::from_micros)
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_cannot_say_is_no_decision() {
        let period = Period::Length(Duration::from_secs(1));
        let limits = [Limit { algorithm: Algorithm::TokenBucket, count: 1, period, burst: 1 }];
        let of = |numbers: &[i64]| Value::Array(numbers.iter().map(|&number| Value::Int(number)).collect());
        let read = decision(&of(&[1, 0, 2, 3, -1]), &limits).unwrap();
        let standing = Standing { remaining: 2, reset: Duration::from_micros(3), retry: None };
        assert_eq!(
            (read.is_allowed, read.delay, &read.standings[..]),
            (true, Duration::ZERO, &[standing][..])
        );
        for bad in
            [&[][..], &[1], &[1, 0], &[1, 0, 2, 3], &[1, 0, 2, 3, 4, 5], &[1, -1, 2, 3, 4], &[1, 0, -2, 3, 4]]
        {
            assert_eq!(decision(&of(bad), &limits), None, "{bad:?}");
        }
        assert_eq!(decision(&Value::Nil, &limits), None);
        assert_eq!(decision(&Value::Array(vec![Value::Nil; 5]), &limits), None);
    }
}
