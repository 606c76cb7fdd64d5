//! Requests to services whose answers may be kept: who asks the same meanwhile waits for the first, and what becomes out of date while it is
//! on its way is not kept. Where the last answer was for nobody else, nobody waits for the next.
//!
//! Each part of the table has a lock, held for as long as a look at it takes. All else are numbers in tables that do not grow, by hashes: where two
//! have the same place, an answer is not kept, or somebody does not wait.

#![expect(
    clippy::disallowed_types,
    reason = "held for a look at a table, and only where an answer is not there"
)]

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maitred_cache::{Entry, Moment};
use tokio::sync::watch;

use super::purge::Purge;

const SHARDS: usize = 16;
/// How many numbers tell of changes. A service may be asked to change many things while an answer is on its way: of a hundred, one in 300 answers
/// that have nothing to do with them is not kept.
const CHANGES: usize = 32 << 10;
/// How many tell what was not kept.
const UNKEPT: usize = 4096;
/// Purges that are remembered. What is under way for longer than these is not kept.
const MOST_PURGES: usize = 64;
/// For so many seconds nobody waits for what was not kept.
const UNKEPT_FOR: u64 = 10;

/// All requests under way that others may wait for, and what is known of others.
pub(super) struct FlightsShared {
    shards: [Mutex<Table>; SHARDS],
    /// How often what is kept under URLs went out of date, by their hashes.
    changes: Box<[AtomicU32]>,
    /// How often operators have purged anything.
    purges: AtomicU64,
    /// What they have purged lately, the last one first.
    purged: Mutex<VecDeque<Purge>>,
    /// Whose answers were not kept: the upper half of their hash, and the second until which that counts.
    unkept: Box<[AtomicU64]>,
    hash: RandomState,
}

/// By the hash of URL and secondary key. Where two have the same, the second is waited for by nobody.
type Table = HashMap<u64, Arc<State>>;

/// What is known of one that others may wait for.
struct State {
    key: Box<[u8]>,
    secondary: Box<[u8]>,
    /// None as long as there is no head, and one more with each piece of the body.
    progress: AtomicU64,
    ended: watch::Sender<Ended>,
}

/// How one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is under way.
    NotYet,
    /// It is under way, and nothing comes of it: whoever gets it, or gives it, is slow.
    Stalled,
    /// Its answer was kept.
    Kept,
    /// Its answer is for nobody else.
    NotKept,
    /// The service failed, and what was kept stands in for it.
    Failed,
    /// It never got an answer, or not all of it.
    Abandoned,
}

/// A request under way. Dropped before it ended, it was abandoned.
pub(super) struct Flight {
    all: Arc<FlightsShared>,
    hash: u64,
    url: u64,
    /// What had changed when it began.
    changes: u32,
    purges: u64,
    /// None where nobody may wait for it.
    open: Option<Arc<State>>,
}

/// Somebody else's request, which is waited for.
pub(super) struct Followed {
    all: Arc<FlightsShared>,
    hash: u64,
    state: Arc<State>,
    pub(super) ended: watch::Receiver<Ended>,
}

/// What one who asks is to do.
pub(super) enum Joined {
    /// Ask the service.
    Leads(Flight),
    /// Wait for who does.
    Follows(Followed),
}

impl Default for FlightsShared {
    fn default() -> Self {
        Self {
            shards: Default::default(),
            changes: (0..CHANGES).map(|_| AtomicU32::new(0)).collect(),
            purges: AtomicU64::new(0),
            purged: Mutex::default(),
            unkept: (0..UNKEPT).map(|_| AtomicU64::new(0)).collect(),
            hash: RandomState::new(),
        }
    }
}

impl FlightsShared {
    /// Joins who asks the same, or begins. Where `waits` is false, or the last answer was not kept, it begins in any case, and nobody waits for it.
    pub(super) fn join(self: &Arc<Self>, key: &[u8], secondary: &[u8], waits: bool, now: Moment) -> Joined {
        let (hash, url) = (self.hash.hash_one((key, secondary)), self.hash.hash_one(key));
        let mut open = None;
        if waits && !self.is_unkept(hash, now) {
            let mut table = self.table(hash);
            match table.get(&hash) {
                Some(state) if *state.key == *key && *state.secondary == *secondary => {
                    let (state, ended) = (Arc::clone(state), state.ended.subscribe());
                    return Joined::Follows(Followed { all: Arc::clone(self), hash, state, ended });
                }
                Some(_) => {}
                None => {
                    let (ended, _) = watch::channel(Ended::NotYet);
                    let (key, secondary, progress) = (key.into(), secondary.into(), AtomicU64::new(0));
                    let state = Arc::new(State { key, secondary, progress, ended });
                    open = Some(Arc::clone(table.entry(hash).insert_entry(state).get()));
                }
            }
        }
        let (changes, purges) = (self.changes_of(url), self.purges.load(Ordering::Acquire));
        Joined::Leads(Flight { all: Arc::clone(self), hash, url, changes, purges, open })
    }

    /// What is under way with this key is not to be kept.
    pub(super) fn void(&self, key: &[u8]) {
        let url = self.hash.hash_one(key);
        place(&self.changes, url).fetch_add(1, Ordering::AcqRel);
    }

    /// Nothing of this that is under way is to be kept.
    pub(super) fn purged(&self, purge: &Purge) {
        let mut purged = self.purged.lock().unwrap_or_else(PoisonError::into_inner);
        purged.push_front(purge.clone());
        purged.truncate(MOST_PURGES);
        self.purges.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether any purge but the first so many concerns this.
    fn is_purged_since(&self, purges: u64, key: &[u8], entry: &Entry) -> bool {
        if self.purges.load(Ordering::Acquire) == purges {
            return false;
        }
        let purged = self.purged.lock().unwrap_or_else(PoisonError::into_inner);
        let since = self.purges.load(Ordering::Acquire) - purges;
        since > purged.len() as u64
            || purged.iter().zip(0..since).any(|(purge, _)| purge.concerns(key, entry))
    }

    fn changes_of(&self, url: u64) -> u32 {
        place(&self.changes, url).load(Ordering::Acquire)
    }

    fn is_unkept(&self, hash: u64, now: Moment) -> bool {
        let known = place(&self.unkept, hash).load(Ordering::Relaxed);
        known >> 32 == hash >> 32 && (known & LOWER) > seconds(now)
    }

    /// One that is not waited for any more, if it is still there.
    fn close(&self, hash: u64, state: &Arc<State>) {
        let mut table = self.table(hash);
        if table.get(&hash).is_some_and(|known| Arc::ptr_eq(known, state)) {
            table.remove(&hash);
        }
    }

    /// A panic elsewhere leaves it whole: every change is one call.
    fn table(&self, hash: u64) -> MutexGuard<'_, Table> {
        let shard = usize::try_from(hash % SHARDS as u64).expect("there are few shards");
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LOWER: u64 = 0xffff_ffff;

/// Seconds, of which the lower half is enough.
fn seconds(now: Moment) -> u64 {
    (now.steady / 1_000_000) & LOWER
}

fn place<T>(table: &[T], hash: u64) -> &T {
    &table[usize::try_from(hash % table.len() as u64).expect("there are few places")]
}

impl Flight {
    /// Whether its answer, which is to be kept under this key, may still be.
    pub(super) fn is_good(&self, key: &[u8], entry: &Entry) -> bool {
        self.all.changes_of(self.url) == self.changes && !self.all.is_purged_since(self.purges, key, entry)
    }

    /// Whether somebody waits for it.
    pub(super) fn is_waited_for(&self) -> bool {
        self.open.as_ref().is_some_and(|state| state.ended.receiver_count() > 0)
    }

    /// Its head has come, or more of its body.
    pub(super) fn progresses(&self) {
        if let Some(state) = &self.open {
            state.progress.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells those who wait.
    pub(super) fn end(self, how: Ended) {
        if how == Ended::Kept {
            let known = place(&self.all.unkept, self.hash);
            if known.load(Ordering::Relaxed) != 0 {
                known.store(0, Ordering::Relaxed);
            }
        }
        if let Some(state) = &self.open {
            state.ended.send_replace(how);
        }
    }

    /// Tells those who wait that the answer is not kept; who asks in the next seconds does not wait.
    pub(super) fn end_unkept(self, now: Moment) {
        let known = (self.hash & !LOWER) | seconds(now).saturating_add(UNKEPT_FOR).min(LOWER);
        place(&self.all.unkept, self.hash).store(known, Ordering::Relaxed);
        self.end(Ended::NotKept);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(state) = &self.open else { return };
        self.all.close(self.hash, state);
        let abandon = |ended: &mut Ended| {
            let is_open = *ended == Ended::NotYet;
            if is_open {
                *ended = Ended::Abandoned;
            }
            is_open
        };
        state.ended.send_if_modified(abandon);
    }
}

impl Followed {
    /// How far it has come: 0 before its head.
    pub(super) fn progress(&self) -> u64 {
        self.state.progress.load(Ordering::Relaxed)
    }

    /// It takes too long: nobody else begins to wait for it.
    pub(super) fn close(&self) {
        self.all.close(self.hash, &self.state);
    }
}

impl fmt::Debug for FlightsShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shards = self.shards.iter();
        let open: usize = shards.map(|shard| shard.lock().map_or(0, |table| table.len())).sum();
        write!(f, "{open} requests that others may wait for")
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flight")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_changes_few_are_taken_for_those_of_others() {
        let all = Arc::new(FlightsShared::default());
        let now = Moment { steady: 0, wall: 0 };
        let key = |number: u32| format!("https://shop.example/{number}").into_bytes();
        let lead = |number| match all.join(&key(number), b"", true, now) {
            Joined::Leads(flight) => flight,
            Joined::Follows(_) => panic!("all are different"),
        };
        let flights: Vec<_> = (0..1000).map(lead).collect();
        (5000..5100).for_each(|number| all.void(&key(number)));
        let void =
            |flights: &[Flight]| flights.iter().filter(|one| all.changes_of(one.url) != one.changes).count();
        // Three, as chance has it.
        let of_others = void(&flights);
        assert!(of_others < 15, "{of_others}");
        (0..1000).for_each(|number| all.void(&key(number)));
        assert_eq!(void(&flights), 1000);
    }
}
