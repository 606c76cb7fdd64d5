//! Slots that are held: each key has its holders, each with the end of its lease. They never give way to others, since one more would be let
//! in then: where there is no room for a key or a holder, it is refused.

use std::collections::{BTreeMap, HashMap};

use super::hash::KeyHash;
use super::sweep::Sweep;
use crate::answer::{Away, Said};

/// What a key takes beside its holders, in bytes.
const ROW: u64 = 256;
/// What a holder takes.
const HOLDER: u64 = 64;

/// The slots of a shard.
#[derive(Debug)]
pub(super) struct SlotTable {
    rows: HashMap<KeyHash, Row>,
    bytes: u64,
    most_bytes: u64,
    sweep: Sweep,
    refused: u64,
}

/// The holders of a key.
#[derive(Debug, Default)]
struct Row {
    /// When their leases end.
    leases: BTreeMap<u128, u64>,
    /// No lease ends before this.
    soonest: u64,
}

impl SlotTable {
    /// No slots, and room for so many bytes.
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { rows: HashMap::new(), bytes: 0, most_bytes, sweep: Sweep::default(), refused: 0 }
    }

    /// Holds one of `most` slots until `end`. Answers whether the holder has one.
    pub(super) fn hold(
        &mut self,
        hash: KeyHash,
        holder: u128,
        most: u64,
        (now, end): (u64, u64),
    ) -> Said<bool> {
        if self.bytes + ROW + HOLDER > self.most_bytes && self.sweep.is_due(now) {
            self.forget_ended(now);
        }
        let has_room = self.bytes + ROW + HOLDER <= self.most_bytes;
        let known = self.rows.contains_key(&hash);
        if !known && !has_room {
            self.refused += 1;
            return Err(Away::Refused);
        }
        let row = self.rows.entry(hash).or_default();
        self.bytes += if known { 0 } else { ROW };
        self.bytes -= row.forget_ended(now) * HOLDER;
        let renews = row.leases.contains_key(&holder);
        let holds = renews || (row.leases.len() as u64) < most;
        if holds && !renews && !has_room {
            self.refused += 1;
            return Err(Away::Refused);
        }
        if holds {
            self.bytes += if renews { 0 } else { HOLDER };
            row.soonest = if row.leases.is_empty() { end } else { row.soonest.min(end) };
            row.leases.insert(holder, end);
        }
        self.forget_empty(hash);
        Ok(holds)
    }

    /// Gives a slot back.
    pub(super) fn release(&mut self, hash: KeyHash, holder: u128) {
        if let Some(row) = self.rows.get_mut(&hash)
            && row.leases.remove(&holder).is_some()
        {
            self.bytes -= HOLDER;
            self.forget_empty(hash);
        }
    }

    /// How many are held; the leases of some may have ended.
    pub(super) fn held(&self) -> u64 {
        (self.bytes - self.rows.len() as u64 * ROW) / HOLDER
    }

    /// What they take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How often there was no room.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    fn forget_empty(&mut self, hash: KeyHash) {
        if self.rows.get(&hash).is_some_and(|row| row.leases.is_empty()) {
            self.rows.remove(&hash);
            self.bytes -= ROW;
        }
    }

    fn forget_ended(&mut self, now: u64) {
        let mut ended = 0;
        self.rows.retain(|_, row| {
            ended += row.forget_ended(now) * HOLDER;
            let is_empty = row.leases.is_empty();
            ended += if is_empty { ROW } else { 0 };
            !is_empty
        });
        self.bytes -= ended;
    }
}

impl Row {
    /// Forgets the holders whose leases have ended: how many they were.
    fn forget_ended(&mut self, now: u64) -> u64 {
        if now < self.soonest {
            return 0;
        }
        let before = self.leases.len();
        self.leases.retain(|_, end| *end > now);
        self.soonest = self.leases.values().copied().min().unwrap_or_default();
        (before - self.leases.len()) as u64
    }
}
