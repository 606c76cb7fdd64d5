//! The sliding window by an estimate: what was taken in this window, and as much of the window before as the last `period` still covers
//! of it, as if it had been spread evenly. Two numbers for each key instead of all times.
//!
//! Compared without dividing: everything is multiplied by the length of the period.

use super::{Ask, Counter, FOREVER, Left, Ruling, length};
use crate::limit::Limit;

/// Two windows, and how far the later one has come.
struct Windows {
    used: u64,
    before: u64,
    /// When the later one began.
    began: u64,
    /// How much of the earlier one still counts, in microseconds of its length.
    covered: u64,
    length: u64,
}

/// Takes from the window.
pub(crate) fn take(counter: Counter, limit: &Limit, ask: Ask) -> (Ruling, Counter) {
    let windows = Windows::at(counter, limit, ask.now);
    let taken = u128::from(ask.wanted()) * u128::from(windows.length);
    let is_within = windows.estimate().saturating_add(taken) <= windows.whole(limit);
    let retry = if is_within || ask.is_due { Some(0) } else { windows.retry(limit, ask.wanted()) };
    let after = Counter {
        until: windows.began.saturating_add(windows.length.saturating_mul(2)).min(FOREVER),
        used: windows.used.saturating_add(ask.cost),
        before: windows.before,
    };
    (Ruling::at_once_or(retry), after)
}

/// What is left by the estimate.
pub(crate) fn left(counter: Counter, limit: &Limit, now: u64) -> Left {
    let windows = Windows::at(counter, limit, now);
    let free = windows.whole(limit).saturating_sub(windows.estimate());
    let remaining = u64::try_from(free / u128::from(windows.length)).unwrap_or(limit.count);
    let reset = match (windows.used, windows.before) {
        (0, 0) => 0,
        (0, _) => windows.covered,
        _ => windows.covered.saturating_add(windows.length),
    };
    Left { remaining, reset }
}

impl Windows {
    fn at(counter: Counter, limit: &Limit, now: u64) -> Self {
        let length = length(limit).min(FOREVER / 4);
        let last = counter.until.checked_sub(2 * length);
        let mut began = now - now % length;
        let (used, before) = match last {
            Some(last) if counter.until > 0 && last >= began => {
                // Another thread, whose clock is a moment ahead, has begun this window.
                began = last;
                (counter.used, counter.before)
            }
            Some(last) if counter.until > 0 && last + length == began => (0, counter.used),
            _ => (0, 0),
        };
        let covered = length - now.saturating_sub(began).min(length);
        Self { used, before, began, covered, length }
    }

    /// What counts, times the length.
    fn estimate(&self) -> u128 {
        let used = u128::from(self.used) * u128::from(self.length);
        used.saturating_add(u128::from(self.before) * u128::from(self.covered))
    }

    /// What may count, times the length.
    fn whole(&self, limit: &Limit) -> u128 {
        u128::from(limit.count) * u128::from(self.length)
    }

    /// In how long there is room for so much.
    fn retry(&self, limit: &Limit, wanted: u64) -> Option<u64> {
        let room = limit.count.checked_sub(wanted)?;
        match room.checked_sub(self.used) {
            // The window before need only be left behind a little further.
            Some(room) => Some(self.covered - self.coverable(room, self.before)),
            // This one has to become the window before.
            None => Some(self.covered + self.length - self.coverable(room, self.used)),
        }
    }

    /// How much of a window that so much was taken in may be covered for `room` to be enough.
    fn coverable(&self, room: u64, taken: u64) -> u64 {
        let most = u128::from(room) * u128::from(self.length) / u128::from(taken.max(1));
        u64::try_from(most).unwrap_or(self.length).min(self.length)
    }
}
