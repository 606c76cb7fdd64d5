//! What was removed here and is not marked in the store yet: it is on its way there, or the store is away. Until it is there, nothing that it covers is taken
//! from the store.

#![expect(
    clippy::disallowed_types,
    reason = "held for a look at a list, where something was removed a moment ago"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::marks::Mark;
use super::purge::Purge;

/// Beyond so many, all is removed in their place.
const MOST: usize = 1024;

/// What the store is to be told.
#[derive(Debug, Default)]
pub(super) struct OwedShared {
    list: Mutex<List>,
    /// How long the list is, to be looked at without the lock.
    length: AtomicUsize,
}

#[derive(Debug, Default)]
struct List {
    purges: Vec<(u64, Purge)>,
    /// The number of the next.
    next: u64,
    /// Whether somebody tells the store.
    is_told: bool,
}

/// One who tells the store, alone. Dropped before the end, another may.
pub(super) struct Teller<'a> {
    owed: &'a OwedShared,
    is_done: bool,
}

impl OwedShared {
    /// One more.
    pub(super) fn add(&self, purge: Purge) {
        let mut list = self.list();
        if list.purges.len() >= MOST {
            list.purges.clear();
            let number = list.number();
            list.purges.push((number, Purge::All));
        }
        let number = list.number();
        list.purges.push((number, purge));
        self.length.store(list.purges.len(), Ordering::Release);
    }

    /// Whether there is any.
    pub(super) fn has_any(&self) -> bool {
        self.length.load(Ordering::Acquire) > 0
    }

    /// Whether the store may not be believed about an answer with this URL and these tags.
    pub(super) fn covers<'a>(&self, url: &[u8], mut tags: impl Iterator<Item = &'a [u8]>) -> bool {
        if !self.has_any() {
            return false;
        }
        let list = self.list();
        let marks = || list.purges.iter().map(|(_, purge)| Mark::of(purge));
        marks().any(|mark| mark.covers(url)) || tags.any(|tag| marks().any(|mark| mark == Mark::Tag(tag)))
    }

    /// Becomes the one who tells the store, unless somebody does.
    pub(super) fn teller(&self) -> Option<Teller<'_>> {
        let mut list = self.list();
        let is_free = !list.purges.is_empty() && !list.is_told;
        list.is_told |= is_free;
        is_free.then_some(Teller { owed: self, is_done: false })
    }

    fn list(&self) -> MutexGuard<'_, List> {
        // A panic elsewhere leaves it whole: every change is one call.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Teller<'_> {
    /// All that is to be told now. None, where that is nothing any more: from then on somebody else may tell.
    pub(super) fn next(&mut self) -> Option<Vec<(u64, Purge)>> {
        let mut list = self.owed.list();
        self.is_done = list.purges.is_empty();
        list.is_told = !self.is_done;
        (!self.is_done).then(|| list.purges.clone())
    }

    /// All up to this number have been told.
    pub(super) fn told(&self, last: u64) {
        let mut list = self.owed.list();
        list.purges.retain(|(number, _)| *number > last);
        self.owed.length.store(list.purges.len(), Ordering::Release);
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.owed.list().is_told = false;
        }
    }
}
