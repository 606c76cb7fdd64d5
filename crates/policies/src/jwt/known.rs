//! Tokens that one worker has found good, by their SHA-256. Bounded: what was not asked for long makes room.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::verify::Verified;

/// Bytes that they may take up together.
const MOST: u64 = 4 << 20;
/// About as many as there are, at 4 KiB each.
const ABOUT: usize = 1024;

/// The tokens that a worker knows.
#[derive(Default)]
pub(crate) struct Known(RefCell<Option<Cache<[u8; 32], Rc<Verified>, Weigh>>>);

#[derive(Clone)]
struct Weigh;

impl Weighter<[u8; 32], Rc<Verified>> for Weigh {
    fn weight(&self, _: &[u8; 32], verified: &Rc<Verified>) -> u64 {
        verified.weight
    }
}

impl Known {
    /// The token of this hash.
    pub(super) fn find(&self, hash: &[u8; 32]) -> Option<Rc<Verified>> {
        self.0.borrow().as_ref()?.get(hash).map(Rc::clone)
    }

    /// Remembers a good one.
    pub(super) fn keep(&self, hash: [u8; 32], verified: Rc<Verified>) {
        let mut known = self.0.borrow_mut();
        known.get_or_insert_with(|| Cache::with_weighter(ABOUT, MOST, Weigh)).insert(hash, verified);
    }

    /// Forgets one that is no longer good.
    pub(super) fn forget(&self, hash: &[u8; 32]) {
        if let Some(known) = self.0.borrow_mut().as_mut() {
            known.remove(hash);
        }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.borrow().as_ref().map_or(0, Cache::len);
        write!(f, "{count} known tokens")
    }
}
