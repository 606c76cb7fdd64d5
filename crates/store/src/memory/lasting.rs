//! What must outlive the process: counters of durable scopes, by the names of their keys. Where there is no room, those give way that have used next to nothing; what is used to a part that matters
//! never does: where all is, new keys are refused until some are fresh again.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::sweep::Sweep;
use crate::answer::{Away, Said};
use crate::key::Key;
use crate::limit::{Decision, Limit, Moment, Take};
use crate::limits::sliding_window::EMPTY;
use crate::limits::{self, Counter, Counters, Log};

/// What a record takes beside its value and what it counts, in bytes, with its place in a tree.
const ROW: u64 = 160;
/// How many entries an exact window has at most.
const LOG_ENTRIES: usize = 4096;
/// The same where there is no more room.
const CROWDED_ENTRIES: usize = 16;

/// From this weight on nothing gives way: a tenth of a limit, if that is two requests or more.
const KEPT_WEIGHT: u8 = 24;

/// The durable counters of a shard.
#[derive(Debug)]
pub(super) struct LastingTable {
    scopes: BTreeMap<Box<str>, BTreeMap<Box<[u8]>, Record>>,
    bytes: u64,
    most_bytes: u64,
    sweep: Sweep,
    /// Whether none of them gives way, as far as is known.
    is_crowded: bool,
    refused: u64,
    evicted: u64,
    is_changed: bool,
    /// The latest time that was told.
    seen: Moment,
}

/// What is counted for a key, under each limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) tallies: Vec<Tally>,
    /// How many entries an exact window may have.
    most_entries: usize,
}

/// What is counted under a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) limit: Limit,
    pub(super) counter: Counter,
    pub(super) log: Log,
}

/// A record with what it is found by.
pub(super) type Named = (Box<str>, Box<[u8]>, Record);

impl LastingTable {
    /// Nothing, and room for so many bytes.
    pub(super) fn new(most_bytes: u64) -> Self {
        let (scopes, sweep, seen) = (BTreeMap::new(), Sweep::default(), Moment { steady: 0, wall: 0 });
        let (is_crowded, refused, evicted, is_changed) = (false, 0, 0, false);
        Self { scopes, bytes: 0, most_bytes, sweep, is_crowded, refused, evicted, is_changed, seen }
    }

    /// Takes from limits.
    pub(super) fn take(&mut self, asked: &Take<'_>) -> Said<Decision> {
        let Key { scope, value } = asked.key;
        self.seen = asked.now;
        let has_room = self.bytes < self.most_bytes;
        let known = self.scopes.get_mut(&scope.name).and_then(|records| records.get_mut(value));
        if let Some(record) = known {
            let before = record.bytes(value);
            record.most_entries = if has_room { LOG_ENTRIES } else { CROWDED_ENTRIES };
            let decision = limits::take(record, asked);
            self.bytes = self.bytes + record.bytes(value) - before;
            self.is_changed |= decision.is_allowed && asked.cost > 0;
            return Ok(decision);
        }
        let mut record = Record::new(Vec::new());
        let decision = limits::take(&mut record, asked);
        if !record.tallies.is_empty() {
            let room = record.bytes(value);
            if self.bytes + room > self.most_bytes && self.sweep.is_due(asked.now.steady) {
                self.forget_fresh();
                self.is_crowded = false;
            }
            if self.bytes + room > self.most_bytes && !self.is_crowded {
                self.give_way();
            }
            if !self.insert(scope.name.clone(), value.into(), record) {
                self.refused += 1;
                return Err(Away::Refused);
            }
            self.is_changed = true;
        }
        Ok(decision)
    }

    /// Puts a record in its place, which is free. Answers whether there is room.
    pub(super) fn insert(&mut self, scope: Box<str>, value: Box<[u8]>, record: Record) -> bool {
        let bytes = self.bytes + record.bytes(&value);
        if bytes > self.most_bytes {
            return false;
        }
        self.bytes = bytes;
        self.scopes.entry(scope).or_default().insert(value, record);
        true
    }

    /// Forgets what was taken from these limits.
    pub(super) fn reset(&mut self, key: Key<'_>, limits: &[Limit]) {
        let Some(records) = self.scopes.get_mut(&key.scope.name) else { return };
        let Some(record) = records.get_mut(key.value) else { return };
        self.bytes -= record.bytes(key.value);
        record.tallies.retain(|tally| limits.iter().all(|limit| limit.counted() != tally.limit.counted()));
        if record.tallies.is_empty() {
            records.remove(key.value);
        } else {
            self.bytes += record.bytes(key.value);
        }
        self.is_changed = true;
    }

    /// Values of a scope, at most so many.
    pub(super) fn values(&self, scope: &str, most: usize) -> impl Iterator<Item = Box<[u8]>> {
        let records = self.scopes.get(scope).into_iter().flatten();
        let counting = records.filter(|(_, record)| !record.is_fresh(self.seen));
        counting.map(|(value, _)| value.clone()).take(most)
    }

    /// The records that come after this one, at most so many.
    pub(super) fn after(&self, last: Option<&Named>, most: usize) -> Vec<Named> {
        let scopes = match last {
            Some((scope, ..)) => (Bound::Included(&**scope), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let scopes = self.scopes.range::<str, _>(scopes);
        let records = scopes.flat_map(|(scope, records)| {
            let from = match last {
                Some((last, value, _)) if last == scope => Bound::Excluded(&**value),
                _ => Bound::Unbounded,
            };
            let records = records.range::<[u8], _>((from, Bound::Unbounded));
            records.map(|(value, record)| (scope.clone(), value.clone(), record.clone()))
        });
        records.take(most).collect()
    }

    /// Whether something has changed since this was asked last. What is as if nothing had been taken is forgotten first.
    pub(super) fn settle(&mut self) -> bool {
        self.forget_fresh();
        std::mem::take(&mut self.is_changed)
    }

    /// How many records there are.
    pub(super) fn held(&self) -> u64 {
        self.scopes.values().map(|records| records.len() as u64).sum()
    }

    /// What they take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How often there was no room for a key.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// How many gave way to others.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Forgets those that have used the least: an eighth of all room at once, so that it is seldom done, and all that have used as
    /// little as the last of these.
    fn give_way(&mut self) {
        let seen = self.seen;
        let records = self.scopes.values().flatten();
        let used = records.filter_map(|(value, record)| Some((record.used(seen)?, record.bytes(value))));
        let mut used: Vec<_> = used.collect();
        used.sort_unstable();
        let (wanted, mut freed) = (self.most_bytes / 8, 0);
        let enough = used.iter().find(|(_, bytes)| {
            freed += bytes;
            freed >= wanted
        });
        let Some((most, _)) = enough.or(used.last()) else {
            self.is_crowded = true;
            return;
        };
        let before: u64 = self.held();
        let mut freed = 0;
        for records in self.scopes.values_mut() {
            records.retain(|value, record| {
                let gives_way = record.used(seen).is_some_and(|used| used <= *most);
                freed += if gives_way { record.bytes(value) } else { 0 };
                !gives_way
            });
        }
        self.scopes.retain(|_, records| !records.is_empty());
        self.bytes -= freed;
        self.evicted += before - self.held();
        self.is_changed = true;
    }

    fn forget_fresh(&mut self) {
        let (seen, mut freed) = (self.seen, 0);
        for records in self.scopes.values_mut() {
            records.retain(|value, record| {
                let is_fresh = record.is_fresh(seen);
                freed += if is_fresh { record.bytes(value) } else { 0 };
                !is_fresh
            });
        }
        self.scopes.retain(|_, records| !records.is_empty());
        self.bytes -= freed;
        self.is_changed |= freed > 0;
    }
}

impl Record {
    /// What was counted before.
    pub(super) fn new(tallies: Vec<Tally>) -> Self {
        Self { tallies, most_entries: LOG_ENTRIES }
    }

    /// Whether it is as if nothing had been taken.
    fn is_fresh(&self, now: Moment) -> bool {
        let until = |tally: &Tally| tally.counter.until.max(tally.log.until(&tally.limit));
        self.tallies.iter().all(|tally| until(tally) <= limits::time(&tally.limit, now))
    }

    /// How much of its limits is used; none where that is so much that it must not be forgotten.
    fn used(&self, now: Moment) -> Option<u8> {
        let weights = self.tallies.iter().map(|tally| {
            let remaining = limits::remaining(tally.counter, &tally.log, &tally.limit, now);
            let weight = limits::weight(remaining, &tally.limit);
            (remaining > 0 && weight < KEPT_WEIGHT).then_some(weight)
        });
        weights.max_by_key(|weight| weight.map_or(u8::MAX, |weight| weight)).flatten()
    }

    fn bytes(&self, value: &[u8]) -> u64 {
        let logs: usize = self.tallies.iter().map(|tally| tally.log.bytes()).sum();
        let tallies = self.tallies.capacity() * size_of::<Tally>();
        ROW + (value.len() + tallies + logs) as u64
    }

    fn find(&self, limit: &Limit) -> Option<&Tally> {
        self.tallies.iter().find(|tally| tally.limit.counted() == limit.counted())
    }

    fn find_or_add(&mut self, limit: &Limit) -> &mut Tally {
        let found = self.tallies.iter().position(|tally| tally.limit.counted() == limit.counted());
        let place = found.unwrap_or_else(|| {
            self.tallies.reserve_exact(1);
            self.tallies.push(Tally { limit: *limit, counter: Counter::default(), log: Log::default() });
            self.tallies.len() - 1
        });
        &mut self.tallies[place]
    }
}

impl Counters for Record {
    fn counter(&self, limit: &Limit) -> Counter {
        self.find(limit).map_or_else(Counter::default, |tally| tally.counter)
    }

    fn set(&mut self, limit: &Limit, counter: Counter, _: u8) {
        let tally = self.find_or_add(limit);
        (tally.limit, tally.counter) = (*limit, counter);
    }

    fn log(&self, limit: &Limit) -> &Log {
        self.find(limit).map_or(&EMPTY, |tally| &tally.log)
    }

    fn enter(&mut self, limit: &Limit, at: u64, cost: u64) {
        let most = self.most_entries;
        let tally = self.find_or_add(limit);
        tally.log.enter(limit, at, cost, most);
    }
}
