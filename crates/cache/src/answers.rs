//! The bounded memory of answers, shared by all workers: by key, and under each key the few that differ by what `Vary` names.
//!
//! What to throw away is decided by a queue for what is new and another for what was asked for again (Clock-PRO, much like S3-FIFO), so
//! that many answers that are asked for once do not drive out those that are asked for often. Each part of it has a lock, which is held
//! for as long as a look at a table takes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maitred_http::Fields;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::entry::Entry;
use crate::storing::Asker;

/// Answers that are kept under one key; the oldest gives way.
const MOST_VARIANTS: usize = 32;
/// About as much as an answer takes, for the size of tables.
const ABOUT: u64 = 8 << 10;
/// Parts of the memory, at most.
const MOST_SHARDS: u64 = 16;
/// What a key takes besides its bytes and its answers.
const OF_A_KEY: usize = 96;

/// Answers, by their keys.
pub struct AnswersShared {
    cache: Cache<Vec<u8>, Variants, Weigh, DefaultHashBuilder, Evictions>,
    evicted: Arc<AtomicU64>,
}

/// The answers under one key, the newest first.
#[derive(Clone)]
struct Variants(Arc<[Arc<Entry>]>);

#[derive(Clone)]
struct Weigh;

impl Weighter<Vec<u8>, Variants> for Weigh {
    fn weight(&self, key: &Vec<u8>, variants: &Variants) -> u64 {
        let entries: usize = variants.0.iter().map(|entry| entry.weight()).sum();
        (OF_A_KEY + key.len() + entries) as u64
    }
}

/// Counts what had to give way.
#[derive(Clone)]
struct Evictions(Arc<AtomicU64>);

impl Lifecycle<Vec<u8>, Variants> for Evictions {
    /// What was evicted is dropped when the lock is not held any more.
    type RequestState = Vec<Variants>;

    fn on_evict(&self, dropped: &mut Self::RequestState, _: Vec<u8>, variants: Variants) {
        self.0.fetch_add(variants.0.len() as u64, Ordering::Relaxed);
        dropped.push(variants);
    }
}

impl fmt::Debug for AnswersShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answers under {} keys", self.cache.len())
    }
}

impl AnswersShared {
    /// Room for so many bytes in all. Each answer with a body of up to `largest` bytes has room, if the whole is four times as large.
    pub fn new(bytes: u64, largest: u64) -> Self {
        let shards = shards(bytes, largest);
        let items = usize::try_from(bytes / ABOUT).unwrap_or(usize::MAX).max(16);
        let mut options = OptionsBuilder::new();
        options.weight_capacity(bytes).estimated_items_capacity(items).shards(shards);
        let options = options.build().expect("the two capacities are given");
        let evicted = Arc::new(AtomicU64::new(0));
        let life = Evictions(Arc::clone(&evicted));
        Self { cache: Cache::with_options(options, Weigh, DefaultHashBuilder::default(), life), evicted }
    }

    /// Gives it room for another number of bytes: false, and nothing changes, where its parts would be too small then for some of the
    /// largest answers.
    pub fn resize(&self, bytes: u64, largest: u64) -> bool {
        let fits = self.cache.num_shards() <= shards(bytes, largest);
        if fits {
            self.cache.set_capacity(bytes);
        }
        fits
    }

    /// The answer under this key that is for a request with these fields: the newest (RFC 9111 section 4).
    pub fn find(&self, key: &[u8], secondary: &[u8], request: &Fields, asker: Asker) -> Option<Arc<Entry>> {
        let Variants(entries) = self.cache.get(key)?;
        entries.iter().find(|entry| entry.is_for(secondary, request, asker)).map(Arc::clone)
    }

    /// Whether anything is kept under this key.
    pub fn has(&self, key: &[u8]) -> bool {
        self.cache.contains_key(key)
    }

    /// Keeps an answer, in the place of what was chosen by the same.
    pub fn keep(&self, key: &[u8], entry: Arc<Entry>) {
        // What is replaced is dropped when the lock is not held any more.
        let (mut entry, mut dropped) = (Some(entry), None);
        let found = self.cache.entry(key, None, |_, variants: &mut Variants| {
            if let Some(entry) = entry.take() {
                let with = variants.with(&entry);
                dropped = Some(std::mem::replace(variants, with));
            }
            EntryAction::Retain(())
        });
        // Nobody waits for long: between finding nothing and putting something there is no other work.
        if let (EntryResult::Vacant(place), Some(entry)) = (found, entry) {
            // That it was removed meanwhile is as if it had been removed right after.
            let _ = place.insert(Variants(Arc::new([entry])));
        }
    }

    /// Puts a newer form of an answer in its place, if it is still there.
    pub fn renew(&self, key: &[u8], old: &Arc<Entry>, new: &Arc<Entry>) {
        self.change(key, |variants| {
            let renewed = |entry: &Arc<Entry>| Arc::clone(if Arc::ptr_eq(entry, old) { new } else { entry });
            Some(Variants(variants.0.iter().map(renewed).collect()))
        });
    }

    /// Forgets one answer.
    pub fn forget(&self, key: &[u8], old: &Arc<Entry>) {
        self.change(key, |variants| variants.without(|entry| Arc::ptr_eq(entry, old)));
    }

    /// Forgets all that is kept under a key; tells how many answers that were.
    pub fn remove(&self, key: &[u8]) -> usize {
        self.cache.remove(key).map_or(0, |(_, variants)| variants.0.len())
    }

    /// Forgets the answers that `goes` says so of; tells how many. It looks at each key on its own, so that nobody waits for all of it.
    pub fn remove_where(&self, goes: impl Fn(&[u8], &Entry) -> bool) -> usize {
        let mut removed = 0;
        for (key, variants) in self.cache.iter() {
            if !variants.0.iter().any(|entry| goes(&key, entry)) {
                continue;
            }
            self.change(&key, |variants| {
                let left = variants.without(|entry| goes(&key, entry));
                removed += variants.0.len() - left.as_ref().map_or(0, |left| left.0.len());
                left
            });
        }
        removed
    }

    /// Changes what is under a key, if there is anything; none removes it.
    fn change(&self, key: &[u8], change: impl FnOnce(&Variants) -> Option<Variants>) {
        let mut dropped = None;
        let found = self.cache.entry(key, None, |_, variants: &mut Variants| match change(variants) {
            Some(changed) => {
                dropped = Some(std::mem::replace(variants, changed));
                EntryAction::Retain(())
            }
            None => EntryAction::Remove,
        });
        // A place that nobody fills is free again.
        drop(found);
    }

    /// Keys under which something is kept.
    pub fn keys(&self) -> usize {
        self.cache.len()
    }

    /// Bytes that are taken up.
    pub fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// Bytes that may be taken up.
    pub fn capacity(&self) -> u64 {
        self.cache.capacity()
    }

    /// Answers that had to give way, so far.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

/// Parts for so many bytes. Each must have room for some of the largest answers; powers of two are what there is.
fn shards(bytes: u64, largest: u64) -> usize {
    1 << (bytes / (largest.max(1).saturating_mul(4))).clamp(1, MOST_SHARDS).ilog2()
}

impl Variants {
    fn with(&self, entry: &Arc<Entry>) -> Self {
        let is_replaced =
            |old: &&Arc<Entry>| old.secondary == entry.secondary && old.selection.is_same(&entry.selection);
        let others = self.0.iter().filter(|old| !is_replaced(old)).take(MOST_VARIANTS - 1);
        Self([entry].into_iter().chain(others).map(Arc::clone).collect())
    }

    fn without(&self, goes: impl Fn(&Arc<Entry>) -> bool) -> Option<Self> {
        let left: Arc<[_]> = self.0.iter().filter(|entry| !goes(entry)).map(Arc::clone).collect();
        (!left.is_empty()).then_some(Self(left))
    }
}

#[cfg(test)]
mod tests;
