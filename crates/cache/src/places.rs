//! Where answers are: by URL and by what else tells them apart. What is kept of a URL is found again by the URL alone, to be removed.
//!
//! The table has locks, taken where something is kept or removed, and never by a hit. What is in it is at least what is kept: a place
//! is entered before it is filled, under the same lock, and left only where nothing is kept in it.

#![expect(
    clippy::disallowed_types,
    reason = "held for a look at a table, where something is kept or removed"
)]

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::Equivalent;

const SHARDS: usize = 16;

/// Where answers are that differ in nothing but what their `Vary` names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) url: Box<[u8]>,
    secondary: Box<[u8]>,
}

/// A place that is looked for.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Sought<'a> {
    pub(crate) url: &'a [u8],
    pub(crate) secondary: &'a [u8],
}

impl Equivalent<Place> for Sought<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        *self.url == *place.url && *self.secondary == *place.secondary
    }
}

impl Place {
    pub(crate) fn new(url: &[u8], secondary: &[u8]) -> Self {
        Self { url: url.into(), secondary: secondary.into() }
    }

    /// Bytes of its names.
    pub(crate) fn len(&self) -> usize {
        self.url.len() + self.secondary.len()
    }
}

/// All places where something is kept.
#[derive(Default)]
pub(crate) struct Places {
    shards: [Mutex<BTreeSet<Place>>; SHARDS],
    /// Where something has gone, to be looked at when no other lock is held.
    left: Mutex<Vec<Place>>,
    has_left: AtomicBool,
    urls: AtomicUsize,
    hash: RandomState,
}

impl Places {
    /// Enters a place, and fills it.
    pub(crate) fn enter(&self, place: &Place, fill: impl FnOnce()) {
        let mut shard = self.shard(&place.url);
        if !shard.contains(place) {
            if of_url(&shard, &place.url).next().is_none() {
                self.urls.fetch_add(1, Ordering::Relaxed);
            }
            shard.insert(place.clone());
        }
        fill();
    }

    /// Whether there is any of this URL.
    pub(crate) fn has(&self, url: &[u8]) -> bool {
        of_url(&self.shard(url), url).next().is_some()
    }

    /// All of a URL.
    pub(crate) fn of(&self, url: &[u8]) -> Vec<Place> {
        of_url(&self.shard(url), url).cloned().collect()
    }

    /// URLs of which there is any.
    pub(crate) fn urls(&self) -> usize {
        self.urls.load(Ordering::Relaxed)
    }

    /// Something has gone from there.
    pub(crate) fn leave_later(&self, place: Place) {
        lock(&self.left).push(place);
        self.has_left.store(true, Ordering::Release);
    }

    /// Takes out where something has gone and nothing is kept. No other lock may be held.
    pub(crate) fn clear_up(&self, is_filled: impl Fn(&Place) -> bool) {
        if !self.has_left.swap(false, Ordering::AcqRel) {
            return;
        }
        let left = std::mem::take(&mut *lock(&self.left));
        for place in left {
            let mut shard = self.shard(&place.url);
            let is_gone = !is_filled(&place) && shard.remove(&place);
            if is_gone && of_url(&shard, &place.url).next().is_none() {
                self.urls.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn shard(&self, url: &[u8]) -> MutexGuard<'_, BTreeSet<Place>> {
        let shard = usize::try_from(self.hash.hash_one(url) % SHARDS as u64).expect("there are few shards");
        lock(&self.shards[shard])
    }
}

/// Those of one URL: they stand together.
fn of_url<'a>(places: &'a BTreeSet<Place>, url: &'a [u8]) -> impl Iterator<Item = &'a Place> {
    places.range(Place::new(url, b"")..).take_while(move |place| *place.url == *url)
}

/// A panic elsewhere leaves it whole: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
