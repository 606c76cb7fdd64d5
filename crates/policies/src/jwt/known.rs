//! Tokens that one worker has found good, by their SHA-256. Bounded: what was not asked for long makes room.
//! Whether they still are is looked at by whoever finds one.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use maitred_policy::identity::{Claims, Consumer, ShownToken};
use maitred_token::{KeySet, Times};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

/// Bytes that they may take up together.
const MOST: u64 = 4 << 20;
/// About as many as there are, at 4 KiB each.
const ABOUT: usize = 1024;

/// Requests that wait for a key at a time; more are refused at once.
const MOST_WAITING: usize = 64;

/// A token that is good, but for its times.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) claims: Rc<Claims>,
    /// As it was shown.
    pub(super) token: ShownToken,
    /// Whom the gateway knows by this subject.
    pub(super) consumer: Option<Arc<Consumer>>,
    pub(super) times: Times,
    /// Where its issuer stands, and the keys that it was checked with: with others it is checked anew.
    pub(super) issuer: usize,
    pub(super) keys: Arc<KeySet>,
    /// Bytes that it takes up, about.
    pub(super) weight: u64,
}

/// The tokens that a worker knows, and how many requests wait for a key.
#[derive(Default)]
pub(crate) struct Known {
    good: RefCell<Option<Good>>,
    waiting: Cell<usize>,
}

type Good = Cache<[u8; 32], Rc<Verified>, Weigh>;

/// A place among the requests that wait.
pub(super) struct Waiting<'k>(&'k Cell<usize>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[derive(Clone)]
struct Weigh;

impl Weighter<[u8; 32], Rc<Verified>> for Weigh {
    fn weight(&self, _: &[u8; 32], verified: &Rc<Verified>) -> u64 {
        verified.weight
    }
}

impl Known {
    /// A place among those that wait, if there is one.
    pub(super) fn wait(&self) -> Option<Waiting<'_>> {
        let waiting = self.waiting.get();
        (waiting < MOST_WAITING).then(|| {
            self.waiting.set(waiting + 1);
            Waiting(&self.waiting)
        })
    }

    /// The token of this hash.
    pub(super) fn find(&self, hash: &[u8; 32]) -> Option<Rc<Verified>> {
        self.good.borrow().as_ref()?.get(hash).map(Rc::clone)
    }

    /// Remembers a good one.
    pub(super) fn keep(&self, hash: [u8; 32], verified: Rc<Verified>) {
        let mut known = self.good.borrow_mut();
        known.get_or_insert_with(|| Cache::with_weighter(ABOUT, MOST, Weigh)).insert(hash, verified);
    }

    /// Forgets one that is no longer good.
    pub(super) fn forget(&self, hash: &[u8; 32]) {
        if let Some(known) = self.good.borrow_mut().as_mut() {
            known.remove(hash);
        }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.good.borrow().as_ref().map_or(0, Cache::len);
        write!(f, "{count} known tokens")
    }
}
