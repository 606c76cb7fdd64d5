//! Fixed windows: so many in each window, which begins at a round time by the clock on the wall (UTC). Windows of whole weeks begin on a
//! Monday, those of a month on the first, all others at multiples of their length since 1970.
//!
//! A clock that is set back by less than a window goes on in the window that it came from, so that setting it opens no second window at
//! once; one that is set back further begins anew, so that a clock that was wrong by years locks nobody out for years.

use super::{Ask, Counter, Left, Ruling, calendar, length};
use crate::limit::{Limit, Period};

const WEEK: u64 = 7 * calendar::DAY;
/// 1970-01-05, the first Monday.
const MONDAY: u64 = 4 * calendar::DAY;

/// Takes from the window.
pub(crate) fn take(counter: Counter, limit: &Limit, ask: Ask) -> (Ruling, Counter) {
    let window = at(counter, limit, ask.now);
    let wanted = window.used.saturating_add(ask.wanted());
    let retry = if wanted <= limit.count || ask.is_due {
        Some(0)
    } else {
        (ask.wanted() <= limit.count).then(|| window.until - ask.now)
    };
    let after = Counter { used: window.used.saturating_add(ask.cost), ..window };
    (Ruling::at_once_or(retry), after)
}

/// What is left in the window.
pub(crate) fn left(counter: Counter, limit: &Limit, now: u64) -> Left {
    let window = at(counter, limit, now);
    Left { remaining: limit.count.saturating_sub(window.used), reset: window.until - now }
}

/// When the window ends that this time is in.
pub(crate) fn end(limit: &Limit, now: u64) -> u64 {
    match limit.period {
        Period::Month => calendar::month_end(now),
        Period::Length(_) => {
            let length = length(limit);
            let began = if length.is_multiple_of(WEEK) { MONDAY } else { 0 };
            match now.checked_sub(began) {
                Some(since) => began + (since / length + 1) * length,
                None => began,
            }
        }
    }
}

/// The window that is counted in now.
fn at(counter: Counter, limit: &Limit, now: u64) -> Counter {
    let end = end(limit, now);
    if (end..=end.saturating_add(length(limit))).contains(&counter.until) {
        counter
    } else {
        Counter { until: end, used: 0, before: 0 }
    }
}
