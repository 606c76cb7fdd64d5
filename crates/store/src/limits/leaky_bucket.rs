//! The leaky bucket: requests go on at an even pace, one each `period / count`. Who comes early waits for its turn, and up to `burst` wait.
//! It is a token bucket that one more goes into, the one whose turn it is, and which is emptied at the same pace.

use super::token_bucket::{left_of, missing, take_from};
use super::{Ask, Counter, Left, Ruling, micros};
use crate::limit::Limit;

/// Takes a turn.
pub(crate) fn take(counter: Counter, limit: &Limit, ask: Ask) -> (Ruling, Counter) {
    let before = missing(counter, limit, ask.now);
    let (ruling, after) = take_from(capacity(limit), counter, limit, ask);
    (Ruling { delay: micros(before.div_ceil(u128::from(limit.count))), ..ruling }, after)
}

/// What there is room for.
pub(crate) fn left(counter: Counter, limit: &Limit, now: u64) -> Left {
    left_of(capacity(limit), counter, limit, now)
}

/// Those that wait, and the one that goes on.
pub(crate) fn capacity(limit: &Limit) -> u64 {
    limit.burst.saturating_add(1)
}
