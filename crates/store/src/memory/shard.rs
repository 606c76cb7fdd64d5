//! The parts that a store is divided into, so that threads seldom wait for each other. All that belongs to one key is in the same part:
//! its limits are taken from under one lock.

#![expect(clippy::disallowed_types, reason = "held while a table is looked at, and never while waiting")]

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::counters::{Clock, CounterTable};
use super::entries::EntryTable;
use super::hash::KeyHash;
use super::lasting::LastingTable;
use super::logs::LogTable;
use super::slots::SlotTable;
use crate::limit::{Algorithm, Decision, Limit, Moment, Take};
use crate::limits::{self, Counter, Counters, Log};

/// Parts at most: enough for as many threads as machines have, as each is held for a part of a microsecond.
const SHARDS: u64 = 64;
/// Parts are not smaller than this, in bytes, so that each has room for long logs.
const SMALLEST: u64 = 4 << 20;
/// Parts of entries: few, as each has to have room for large ones.
const ENTRY_SHARDS: u64 = 4;

/// All parts of a store.
pub(super) struct ShardsShared {
    shards: Box<[Mutex<Shard>]>,
    entries: Box<[Mutex<EntryTable>]>,
    /// How often durable counters could not be saved.
    pub(super) failed_saves: AtomicU64,
}

/// A part of a store.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) counters: CounterTable,
    pub(super) logs: LogTable,
    pub(super) lasting: LastingTable,
    pub(super) slots: SlotTable,
}

impl ShardsShared {
    /// Parts that together take this many bytes.
    pub(super) fn new(size: u64) -> Self {
        let count = (size / SMALLEST).clamp(1, SHARDS);
        let part = size / count;
        let shard = || Shard {
            counters: CounterTable::new(part / 2),
            logs: LogTable::new(part / 8),
            lasting: LastingTable::new(part / 16),
            slots: SlotTable::new(part / 16),
        };
        let entry_count = count.min(ENTRY_SHARDS);
        let entries = || EntryTable::new(size / 4 / entry_count);
        Self {
            shards: (0..count).map(|_| Mutex::new(shard())).collect(),
            entries: (0..entry_count).map(|_| Mutex::new(entries())).collect(),
            failed_saves: AtomicU64::new(0),
        }
    }

    /// The part that a key is in.
    pub(super) fn of(&self, hash: KeyHash) -> MutexGuard<'_, Shard> {
        lock(&self.shards[hash.shard_of(self.shards.len())])
    }

    /// The part that a key's entry is in.
    pub(super) fn entries_of(&self, hash: KeyHash) -> MutexGuard<'_, EntryTable> {
        lock(&self.entries[hash.shard_of(self.entries.len())])
    }

    /// How many parts there are.
    pub(super) fn len(&self) -> usize {
        self.shards.len()
    }

    /// The part of this number.
    pub(super) fn at(&self, part: usize) -> MutexGuard<'_, Shard> {
        lock(&self.shards[part])
    }

    /// All parts, one after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }

    /// All parts of entries, one after the other.
    pub(super) fn entries(&self) -> impl Iterator<Item = MutexGuard<'_, EntryTable>> {
        self.entries.iter().map(lock)
    }
}

impl Shard {
    /// Takes from limits.
    pub(super) fn take(&mut self, hash: KeyHash, asked: &Take<'_>) -> Decision {
        limits::take(&mut Hashed { shard: self, hash, now: asked.now }, asked)
    }

    /// Forgets what was taken from these limits.
    pub(super) fn reset(&mut self, hash: KeyHash, limits: &[Limit]) {
        for limit in limits {
            let hash = hash.under(limit);
            self.counters.forget(hash);
            self.logs.forget(hash);
        }
    }
}

/// The counters of one key.
struct Hashed<'a> {
    shard: &'a mut Shard,
    hash: KeyHash,
    now: Moment,
}

impl Counters for Hashed<'_> {
    fn counter(&self, limit: &Limit) -> Counter {
        match limit.algorithm {
            Algorithm::SlidingWindow => Counter::default(),
            _ => self.shard.counters.find(self.hash.under(limit)),
        }
    }

    fn set(&mut self, limit: &Limit, counter: Counter, weight: u8) {
        let clock = if limit.algorithm == Algorithm::FixedWindow { Clock::Wall } else { Clock::Steady };
        self.shard.counters.set(self.hash.under(limit), counter, (clock, weight), self.now);
    }

    fn log(&self, limit: &Limit) -> &Log {
        self.shard.logs.find(self.hash.under(limit))
    }

    fn enter(&mut self, limit: &Limit, at: u64, cost: u64) {
        self.shard.logs.enter(self.hash.under(limit), limit, at, cost);
    }
}

/// A panic elsewhere leaves at worst one key's count wrong, which is better than no answers from here on.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
