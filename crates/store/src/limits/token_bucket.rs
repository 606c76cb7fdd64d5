//! The token bucket, as GCRA (ITU-T I.371, Annex A): it remembers one time, at which the bucket is full again.
//!
//! One request fills again in `period / count`, seldom a whole number of microseconds. So time is counted in parts of a microsecond,
//! `count` to each: a request then costs exactly `period` parts, a bucket has `burst * period`, and nothing is ever rounded.

use super::{Ask, Counter, FOREVER, Left, Ruling, length, micros};
use crate::limit::Limit;

/// Takes from a bucket.
pub(crate) fn take(counter: Counter, limit: &Limit, ask: Ask) -> (Ruling, Counter) {
    take_from(limit.burst, counter, limit, ask)
}

/// What is in a bucket.
pub(crate) fn left(counter: Counter, limit: &Limit, now: u64) -> Left {
    left_of(limit.burst, counter, limit, now)
}

/// Takes from a bucket of this capacity.
pub(super) fn take_from(capacity: u64, counter: Counter, limit: &Limit, ask: Ask) -> (Ruling, Counter) {
    let (period, count) = (u128::from(length(limit)), u128::from(limit.count));
    let missing = missing(counter, limit, ask.now);
    let wanted = missing.saturating_add(u128::from(ask.wanted()) * period);
    let retry = match wanted.checked_sub(u128::from(capacity) * period) {
        None | Some(0) => Some(0),
        Some(_) if ask.is_due => Some(0),
        Some(_) if ask.wanted() > capacity => None,
        Some(over) => Some(micros(over.div_ceil(count))),
    };
    let missing = missing.saturating_add(u128::from(ask.cost) * period);
    let ahead = micros(missing.div_ceil(count)).min(FOREVER.saturating_sub(ask.now));
    let sooner = (u128::from(ahead) * count).saturating_sub(missing);
    let after = Counter { until: ask.now + ahead, used: u64::try_from(sooner).unwrap_or(0), before: 0 };
    (Ruling::at_once_or(retry), after)
}

/// What is in a bucket of this capacity.
pub(super) fn left_of(capacity: u64, counter: Counter, limit: &Limit, now: u64) -> Left {
    let period = u128::from(length(limit));
    let missing = missing(counter, limit, now);
    let remaining = (u128::from(capacity) * period).saturating_sub(missing) / period;
    let reset = micros(missing.div_ceil(u128::from(limit.count)));
    Left { remaining: u64::try_from(remaining).unwrap_or(capacity), reset }
}

/// How far from full it is, in parts of a microsecond.
pub(super) fn missing(counter: Counter, limit: &Limit, now: u64) -> u128 {
    let ahead = u128::from(counter.until.saturating_sub(now));
    (ahead * u128::from(limit.count)).saturating_sub(u128::from(counter.used))
}
