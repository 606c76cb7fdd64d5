//! The bounded memory of answers, shared by all workers: by URL and secondary key, and under each the few that differ by what `Vary` names.
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
use crate::places::{Place, Places, Sought};
use crate::storing::Asker;

/// Answers that are kept of one URL and secondary key. One that nobody asked for lately gives way, the oldest first.
const MOST_VARIANTS: usize = 32;
/// About as much as an answer takes, for the size of tables.
const ABOUT: u64 = 8 << 10;
/// Parts of the memory, at most.
const MOST_SHARDS: u64 = 16;
/// What a place takes besides its bytes and its answers.
const OF_A_PLACE: usize = 192;

/// Answers, by URL and secondary key.
pub struct AnswersShared {
    cache: Cache<Place, Variants, Weigh, DefaultHashBuilder, Evictions>,
    /// The places of each URL.
    places: Arc<Places>,
    evicted: Arc<AtomicU64>,
}

/// The answers of one place, the newest first.
#[derive(Clone)]
struct Variants(Arc<[Arc<Entry>]>);

#[derive(Clone)]
struct Weigh;

impl Weighter<Place, Variants> for Weigh {
    fn weight(&self, place: &Place, variants: &Variants) -> u64 {
        let entries: usize = variants.0.iter().map(|entry| entry.weight()).sum();
        (OF_A_PLACE + 2 * place.len() + entries) as u64
    }
}

/// Counts what had to give way, and remembers where it was.
#[derive(Clone)]
struct Evictions {
    count: Arc<AtomicU64>,
    places: Arc<Places>,
}

impl Lifecycle<Place, Variants> for Evictions {
    /// What was evicted is dropped when the lock is not held any more.
    type RequestState = Vec<Variants>;

    fn on_evict(&self, dropped: &mut Self::RequestState, place: Place, variants: Variants) {
        self.count.fetch_add(variants.0.len() as u64, Ordering::Relaxed);
        self.places.leave_later(place);
        dropped.push(variants);
    }
}

impl fmt::Debug for AnswersShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answers in {} places", self.cache.len())
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
        let places = Arc::<Places>::default();
        let life = Evictions { count: Arc::clone(&evicted), places: Arc::clone(&places) };
        let cache = Cache::with_options(options, Weigh, DefaultHashBuilder::default(), life);
        Self { cache, places, evicted }
    }

    /// Gives it room for another number of bytes: false, and nothing changes, where its parts would be too small then for some of the
    /// largest answers.
    pub fn resize(&self, bytes: u64, largest: u64) -> bool {
        let fits = self.cache.num_shards() <= shards(bytes, largest);
        if fits {
            self.cache.set_capacity(bytes);
            self.clear_up();
        }
        fits
    }

    /// The answer of this URL and secondary key that is for a request with these fields: the newest (RFC 9111 section 4).
    pub fn find(&self, key: &[u8], secondary: &[u8], request: &Fields, asker: Asker) -> Option<Arc<Entry>> {
        let Variants(entries) = self.cache.get(&Sought { url: key, secondary })?;
        let found = entries.iter().find(|entry| entry.is_for(secondary, request, asker))?;
        if entries.len() > 1 {
            found.touch();
        }
        Some(Arc::clone(found))
    }

    /// Whether anything is kept of this URL.
    pub fn has(&self, key: &[u8]) -> bool {
        self.places.has(key)
    }

    /// Keeps an answer, in the place of what was chosen by the same; not in that of one that the service was asked for later, since that is newer:
    /// whether there is none.
    pub fn keep(&self, key: &[u8], entry: Arc<Entry>) -> bool {
        let place = Place::new(key, &entry.secondary);
        // What is replaced is dropped when no lock is held any more.
        let (mut entry, mut dropped, mut is_newest) = (Some(entry), None, true);
        self.places.enter(&place, || {
            let found = self.cache.entry(&place, None, |_, variants: &mut Variants| {
                if let Some(entry) = entry.take() {
                    dropped = variants.with(&entry).map(|with| std::mem::replace(variants, with));
                    is_newest = dropped.is_some();
                }
                EntryAction::Retain(())
            });
            // Nobody waits for long: between finding nothing and putting something there is no other work.
            if let (EntryResult::Vacant(vacant), Some(entry)) = (found, entry.take()) {
                // That it was removed meanwhile is as if it had been removed right after.
                let _ = vacant.insert(Variants(Arc::new([entry])));
            }
        });
        drop(dropped);
        self.clear_up();
        is_newest
    }

    /// Puts a newer form of an answer in its place, if it is still there.
    pub fn renew(&self, key: &[u8], old: &Arc<Entry>, new: &Arc<Entry>) {
        self.change(&Place::new(key, &old.secondary), |variants| {
            let renewed = |entry: &Arc<Entry>| Arc::clone(if Arc::ptr_eq(entry, old) { new } else { entry });
            Some(Variants(variants.0.iter().map(renewed).collect()))
        });
    }

    /// Forgets one answer.
    pub fn forget(&self, key: &[u8], old: &Arc<Entry>) {
        let place = Place::new(key, &old.secondary);
        self.change(&place, |variants| variants.without(|entry| Arc::ptr_eq(entry, old)));
    }

    /// Forgets all that is kept of a URL; tells how many answers that were.
    pub fn remove(&self, key: &[u8]) -> usize {
        let mut removed = 0;
        for place in self.places.of(key) {
            removed += self.cache.remove(&place).map_or(0, |(_, variants)| variants.0.len());
            self.places.leave_later(place);
        }
        self.clear_up();
        removed
    }

    /// Forgets the answers that `goes` says so of, by URL and what is kept; tells how many. It looks at each place on its own, so that nobody waits
    /// for all of it.
    pub fn remove_where(&self, goes: impl Fn(&[u8], &Entry) -> bool) -> usize {
        let mut removed = 0;
        for (place, variants) in self.cache.iter() {
            if !variants.0.iter().any(|entry| goes(&place.url, entry)) {
                continue;
            }
            self.change(&place, |variants| {
                let left = variants.without(|entry| goes(&place.url, entry));
                removed += variants.0.len() - left.as_ref().map_or(0, |left| left.0.len());
                left
            });
        }
        removed
    }

    /// Changes what is in a place, if there is anything; none removes it.
    fn change(&self, place: &Place, change: impl FnOnce(&Variants) -> Option<Variants>) {
        let (mut dropped, mut is_left) = (None, false);
        let found = self.cache.entry(place, None, |_, variants: &mut Variants| {
            let Some(changed) = change(variants) else {
                is_left = true;
                return EntryAction::Remove;
            };
            dropped = Some(std::mem::replace(variants, changed));
            EntryAction::Retain(())
        });
        // A place that nobody fills is free again.
        drop(found);
        if is_left {
            self.places.leave_later(place.clone());
        }
        self.clear_up();
    }

    /// Forgets the places where nothing is any more.
    fn clear_up(&self) {
        self.places.clear_up(|place| self.cache.contains_key(place));
    }

    /// URLs of which something is kept.
    pub fn keys(&self) -> usize {
        self.places.urls()
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
    /// None where there is a newer one.
    fn with(&self, entry: &Arc<Entry>) -> Option<Self> {
        let is_replaced =
            |old: &&Arc<Entry>| old.secondary == entry.secondary && old.selection.is_same(&entry.selection);
        if self.0.iter().any(|old| is_replaced(&old) && old.asked > entry.asked) {
            return None;
        }
        let mut all: Vec<_> =
            [entry].into_iter().chain(self.0.iter().filter(|old| !is_replaced(old))).collect();
        if all.len() > MOST_VARIANTS {
            // Each that was asked for since the last time is spared once.
            let unused = all.iter().skip(1).rposition(|old| !old.was_touched());
            all.remove(unused.map_or(MOST_VARIANTS, |at| at + 1));
        }
        Some(Self(all.into_iter().map(Arc::clone).collect()))
    }

    fn without(&self, goes: impl Fn(&Arc<Entry>) -> bool) -> Option<Self> {
        let left: Arc<[_]> = self.0.iter().filter(|entry| !goes(entry)).map(Arc::clone).collect();
        (!left.is_empty()).then_some(Self(left))
    }
}

#[cfg(test)]
mod tests;
