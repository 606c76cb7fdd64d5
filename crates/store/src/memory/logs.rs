//! Logs of exact windows, which differ in size: bounded in bytes all together. Where they take more, of eight that lie anywhere
//! the one gives way of which the least is taken, and one that no longer counts before all others: the same rule as
//! for counters, with the same bound on what an attacker can displace.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::hash::KeyHash;
use crate::limit::Limit;
use crate::limits::sliding_window::{self, EMPTY};
use crate::limits::{Log, weight};

/// What a log takes beside its entries, in bytes, with its places in both tables, which may have grown for twice as many.
pub(super) const ROW: u64 = 256;
/// How many are looked at for the one that gives way.
const CANDIDATES: usize = 8;
/// From one candidate to the next: 2^64 by the golden ratio, by which no two of a turn lie near each other. Those that
/// came together, and are alike in what they have taken, are no candidates together.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The logs of a shard.
#[derive(Debug)]
pub(super) struct LogTable {
    rows: Vec<Row>,
    places: HashMap<KeyHash, usize>,
    /// Where the next one to give way is looked for, turn after turn.
    hand: u64,
    bytes: u64,
    most_bytes: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Row {
    hash: KeyHash,
    log: Log,
    until: u64,
    weight: u8,
}

impl LogTable {
    /// No logs, and room for so many bytes.
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { rows: Vec::new(), places: HashMap::new(), hand: 0, bytes: 0, most_bytes, evicted: 0 }
    }

    /// The log there.
    pub(super) fn find(&self, hash: KeyHash) -> &Log {
        self.places.get(&hash).map_or(&EMPTY, |place| &self.rows[*place].log)
    }

    /// Enters what was taken.
    pub(super) fn enter(&mut self, hash: KeyHash, limit: &Limit, at: u64, cost: u64) {
        let most = self.most_entries();
        let place = *self.places.entry(hash).or_insert_with(|| {
            self.rows.push(Row { hash, log: Log::default(), until: 0, weight: 0 });
            self.bytes += ROW;
            self.rows.len() - 1
        });
        let row = &mut self.rows[place];
        let before = row.log.bytes() as u64;
        row.log.enter(limit, at, cost, most);
        self.bytes = self.bytes + row.log.bytes() as u64 - before;
        row.until = row.log.until(limit);
        row.weight = weight(sliding_window::left(&row.log, limit, at).remaining, limit);
        while self.bytes > self.most_bytes && self.evict(at, hash) {}
    }

    /// Forgets the log there.
    pub(super) fn forget(&mut self, hash: KeyHash) {
        let Some(place) = self.places.remove(&hash) else { return };
        let row = self.rows.swap_remove(place);
        self.bytes -= ROW + row.log.bytes() as u64;
        if let Some(moved) = self.rows.get(place) {
            self.places.insert(moved.hash, place);
        }
    }

    /// How many there are.
    pub(super) fn held(&self) -> u64 {
        self.rows.len() as u64
    }

    /// What they take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Logs that gave way while they counted.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many entries a log may have: a quarter of all room, so that none displaces all others.
    fn most_entries(&self) -> usize {
        let most = self.most_bytes / 4 / size_of::<sliding_window::Entry>() as u64;
        usize::try_from(most).unwrap_or(usize::MAX).max(8)
    }

    /// Forgets one log that is not this one, if there is any.
    fn evict(&mut self, now: u64, but: KeyHash) -> bool {
        let count = self.rows.len().max(1);
        let candidates = (0..=CANDIDATES).map(|_| {
            self.hand = self.hand.wrapping_add(STRIDE);
            usize::try_from(self.hand % count as u64).unwrap_or_default()
        });
        let candidates: SmallVec<[usize; CANDIDATES + 1]> = candidates.collect();
        let lasts = |row: &Row| if row.until <= now { (0, 0) } else { (u64::from(row.weight), row.until) };
        let others =
            candidates.iter().filter_map(|place| self.rows.get(*place)).filter(|row| row.hash != but);
        let Some(chosen) = others.min_by_key(|row| lasts(row)) else { return false };
        self.evicted += u64::from(chosen.until > now);
        let hash = chosen.hash;
        self.forget(hash);
        true
    }
}
