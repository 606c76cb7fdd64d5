//! What a worker learns of others by asking, once for all who ask the same at the same time: answers are kept for a while, and the questions under
//! way are shared. Both are bounded. Who waits for a question of another goes on with it where that one has gone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use tokio::sync::OnceCell;

/// Bytes that the answers of a policy may take up on a worker.
const MOST: u64 = 4 << 20;
/// About as many as there are, at 4 KiB each.
const ABOUT: usize = 1024;
/// Questions that may be under way at a time.
const MOST_ASKED: usize = 256;

/// By what answers are kept: the SHA-256 of what was asked. Nobody can aim at one, and no secret is kept.
pub(crate) type Key = [u8; 32];

/// An answer.
pub(crate) trait Weighed: Clone {
    /// Bytes that it takes up, about.
    fn weight(&self) -> u64;
}

/// What a worker has asked.
pub(crate) struct SingleFlight<T: Weighed> {
    kept: RefCell<Option<Kept<T>>>,
    under_way: RefCell<HashMap<Key, Rc<OnceCell<T>>>>,
}

/// Until when each counts.
type Kept<T> = Cache<Key, (Instant, T), Weigh>;

#[derive(Clone)]
struct Weigh;

impl<T: Weighed> Weighter<Key, (Instant, T)> for Weigh {
    fn weight(&self, _: &Key, (_, answer): &(Instant, T)) -> u64 {
        64 + answer.weight()
    }
}

/// Too much is asked already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl<T: Weighed> SingleFlight<T> {
    /// What was answered, if that still counts at `now`.
    pub(crate) fn find(&self, key: &Key, now: Instant) -> Option<T> {
        let kept = self.kept.borrow();
        kept.as_ref()?.get(key).filter(|(until, _)| now < *until).map(|(_, answer)| answer.clone())
    }

    /// Asks, unless somebody does already: then that answer is for both. With it comes until when it counts, if it is to be kept.
    pub(crate) async fn ask(
        &self,
        key: Key,
        ask: impl AsyncFnOnce() -> (T, Option<Instant>),
    ) -> Result<T, Busy> {
        let flight = self.join(key)?;
        let answer = flight.cell.get_or_init(async || {
            let (answer, until) = ask().await;
            if let Some(until) = until {
                self.keep(key, until, answer.clone());
            }
            answer
        });
        Ok(answer.await.clone())
    }

    fn join(&self, key: Key) -> Result<Flight<'_, T>, Busy> {
        let mut under_way = self.under_way.borrow_mut();
        if under_way.len() >= MOST_ASKED && !under_way.contains_key(&key) {
            return Err(Busy);
        }
        let cell = Rc::clone(under_way.entry(key).or_default());
        Ok(Flight { all: self, key, cell })
    }

    fn keep(&self, key: Key, until: Instant, answer: T) {
        let mut kept = self.kept.borrow_mut();
        kept.get_or_insert_with(|| Cache::with_weighter(ABOUT, MOST, Weigh)).insert(key, (until, answer));
    }
}

/// Somebody's part in a question that is under way.
struct Flight<'a, T: Weighed> {
    all: &'a SingleFlight<T>,
    key: Key,
    cell: Rc<OnceCell<T>>,
}

impl<T: Weighed> Drop for Flight<'_, T> {
    /// It is over once it has an answer, or nobody waits for one.
    fn drop(&mut self) {
        let mut under_way = self.all.under_way.borrow_mut();
        let is_this = under_way.get(&self.key).is_some_and(|known| Rc::ptr_eq(known, &self.cell));
        let is_last = Rc::strong_count(&self.cell) <= 2;
        if is_this && (is_last || self.cell.initialized()) {
            under_way.remove(&self.key);
        }
    }
}

impl<T: Weighed> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { kept: RefCell::default(), under_way: RefCell::default() }
    }
}

impl<T: Weighed> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.borrow().as_ref().map_or(0, Cache::len);
        write!(f, "{kept} answers, {} questions", self.under_way.borrow().len())
    }
}
