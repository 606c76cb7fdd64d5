//! The exact sliding window: a log of when how much was taken. What was taken counts for one `period`, to the microsecond.
//! It takes memory for each request in the window, where the others take two numbers for each key.

use std::collections::VecDeque;

use super::{Ask, Left, Ruling, length};
use crate::limit::Limit;

/// When how much was taken under one limit, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// What was taken in all of them.
    total: u128,
}

/// So much was taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When, in microseconds.
    pub(crate) at: u64,
    /// How much; more than 0.
    pub(crate) cost: u64,
}

/// More than this is not told apart: no limit is as high.
const MOST_AT_ONCE: u64 = u64::MAX / 2;

/// The log of a key that nothing was taken under.
pub(crate) static EMPTY: Log = Log { entries: VecDeque::new(), total: 0 };

/// Whether there is room in the window.
pub(crate) fn take(log: &Log, limit: &Limit, ask: Ask) -> Ruling {
    let room = match limit.count.checked_sub(ask.wanted()) {
        _ if ask.is_due => return Ruling::at_once_or(Some(0)),
        None => return Ruling::at_once_or(None),
        Some(room) => room,
    };
    let mut used = log.used(limit, ask.now);
    let mut retry = 0;
    for entry in log.counting(limit, ask.now) {
        if used <= u128::from(room) {
            break;
        }
        used -= u128::from(entry.cost);
        retry = entry.at.saturating_add(length(limit)).saturating_sub(ask.now);
    }
    Ruling::at_once_or(Some(retry))
}

/// What is left in the window.
pub(crate) fn left(log: &Log, limit: &Limit, now: u64) -> Left {
    let free = u128::from(limit.count).saturating_sub(log.used(limit, now));
    let last = log.counting(limit, now).last();
    let reset = last.map_or(0, |last| last.at.saturating_add(length(limit)).saturating_sub(now));
    Left { remaining: u64::try_from(free).unwrap_or(limit.count), reset }
}

impl Log {
    /// Enters what was taken, and forgets what no longer counts. There are never more than `most` entries, or two. Where half of them are there,
    /// what is taken within the same part of a period becomes one at the latest of its times, so that it counts for too long rather than too short:
    /// by about `2 / most` of the period. A period touches one part more than it has; what is still too much (`most` is less than before) becomes
    /// one two by two.
    pub(crate) fn enter(&mut self, limit: &Limit, at: u64, cost: u64, most: usize) {
        let gone = self.entries.partition_point(|entry| !is_counting(*entry, limit, at));
        self.total -= self.entries.drain(..gone).map(|entry| u128::from(entry.cost)).sum::<u128>();
        let cost = cost.min(MOST_AT_ONCE);
        let is_crowded = (most.div_ceil(2)..most).contains(&self.entries.len());
        let part = length(limit).div_ceil((most / 2).saturating_sub(1).max(1) as u64);
        if let Some(last) = self.entries.back_mut()
            && (last.at >= at || is_crowded && last.at / part == at / part)
            && last.cost <= MOST_AT_ONCE
        {
            last.at = last.at.max(at);
            last.cost += cost;
            self.total += u128::from(cost);
            return;
        }
        if self.entries.len() >= most.max(2) {
            self.coarsen();
        }
        self.shrink();
        self.entries.push_back(Entry { at, cost });
        self.total += u128::from(cost);
    }

    /// All that is in it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.entries.iter().copied()
    }

    /// From this time on nothing in it counts.
    pub(crate) fn until(&self, limit: &Limit) -> u64 {
        self.entries.back().map_or(0, |last| last.at.saturating_add(length(limit)))
    }

    /// What it takes in memory, beside itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// What counts now, all together.
    pub(crate) fn used(&self, limit: &Limit, now: u64) -> u128 {
        let gone = self.entries.iter().take_while(|entry| !is_counting(**entry, limit, now));
        self.total - gone.map(|entry| u128::from(entry.cost)).sum::<u128>()
    }

    fn counting(&self, limit: &Limit, now: u64) -> impl DoubleEndedIterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| !is_counting(*entry, limit, now));
        self.entries.range(first..)
    }

    fn coarsen(&mut self) {
        let half = self.entries.len().div_ceil(2);
        for to in 0..half {
            let (early, late) = (2 * to, (2 * to + 1).min(self.entries.len() - 1));
            let mut entry = self.entries[late];
            if early != late {
                entry.cost = entry.cost.saturating_add(self.entries[early].cost);
            }
            self.entries[to] = entry;
        }
        self.entries.truncate(half);
        self.total = self.entries.iter().map(|entry| u128::from(entry.cost)).sum();
    }

    /// Gives memory back after a crowd.
    fn shrink(&mut self) {
        if self.entries.capacity() > 64 && self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }
}

impl FromIterator<Entry> for Log {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let entries: VecDeque<Entry> = entries.into_iter().collect();
        let total = entries.iter().map(|entry| u128::from(entry.cost)).sum();
        Self { entries, total }
    }
}

fn is_counting(entry: Entry, limit: &Limit, now: u64) -> bool {
    entry.at.saturating_add(length(limit)) > now
}
