//! Entries with an end, bounded in bytes. Where there is no more room, those give way that are asked for least; one that has ended is as
//! good as gone. An entry is copied, so that it holds nothing that it was cut from.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::hash::KeyHash;

/// What an entry takes beside its bytes, with its places in the tables.
const OWN: u64 = 192;

/// The entries of a shard.
pub(super) struct EntryTable {
    cache: Cache<KeyHash, Entry, Weigh>,
    /// Entries that came, less those that went by themselves: what is missing was evicted.
    come: u64,
    refused: u64,
    /// The latest time that was told.
    seen: u64,
}

#[derive(Clone)]
struct Entry {
    bytes: Bytes,
    /// From this time on it is gone.
    end: u64,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<KeyHash, Entry> for Weigh {
    fn weight(&self, _: &KeyHash, entry: &Entry) -> u64 {
        OWN + entry.bytes.len() as u64
    }
}

impl EntryTable {
    /// No entries, and room for so many bytes.
    pub(super) fn new(most_bytes: u64) -> Self {
        let about = usize::try_from(most_bytes / 1024).unwrap_or(usize::MAX).max(16);
        Self { cache: Cache::with_weighter(about, most_bytes, Weigh), come: 0, refused: 0, seen: 0 }
    }

    /// The entry there.
    pub(super) fn find(&mut self, hash: KeyHash, now: u64) -> Option<Bytes> {
        self.seen = self.seen.max(now);
        let entry = self.cache.get(&hash)?;
        (entry.end > now).then(|| entry.bytes.clone())
    }

    /// Puts an entry there. Answers whether there is room for one of this size at all.
    pub(super) fn put(&mut self, hash: KeyHash, bytes: Bytes, (now, end): (u64, u64)) -> bool {
        self.seen = self.seen.max(now);
        self.remove(hash);
        let entry = Entry { bytes, end };
        if Weigh.weight(&hash, &entry) > self.cache.capacity() {
            self.refused += 1;
            return false;
        }
        self.cache.insert(hash, entry);
        self.come += 1;
        true
    }

    /// Removes the entry there. Answers whether there was one that had not ended when the time was last told.
    pub(super) fn remove(&mut self, hash: KeyHash) -> bool {
        let removed = self.cache.remove(&hash);
        self.come -= u64::from(removed.is_some());
        removed.is_some_and(|(_, entry)| entry.end > self.seen)
    }

    /// How many there are; some may have ended.
    pub(super) fn held(&self) -> u64 {
        self.cache.len() as u64
    }

    /// What they take.
    pub(super) fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// Entries that gave way.
    pub(super) fn evicted(&self) -> u64 {
        self.come.saturating_sub(self.held())
    }

    /// Entries that were larger than all room.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }
}
