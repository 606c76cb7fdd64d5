//! Requests to services whose answers may be kept: who asks the same meanwhile waits for the first, and what becomes out of date while it is
//! on its way is not kept.
//!
//! Each part of the table has a lock, held for as long as a look at it takes.

#![expect(
    clippy::disallowed_types,
    reason = "held for a look at a table, and only where an answer is not there"
)]

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;
use tokio::sync::watch;

const SHARDS: usize = 16;

/// All requests under way, by their keys.
#[derive(Default)]
pub(super) struct FlightsShared {
    shards: [Mutex<Table>; SHARDS],
    hash: RandomState,
}

type Table = HashMap<Box<[u8]>, SmallVec<[Arc<State>; 1]>>;

/// What is known of one.
struct State {
    secondary: Box<[u8]>,
    /// Whether others may wait for it.
    is_open: bool,
    /// Whether its answer was out of date before it came.
    is_void: AtomicBool,
    ended: watch::Sender<Ended>,
}

/// How one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is under way.
    NotYet,
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
    key: Box<[u8]>,
    state: Arc<State>,
}

/// What one who asks is to do.
pub(super) enum Joined {
    /// Ask the service.
    Leads(Flight),
    /// Wait for who does.
    Follows(watch::Receiver<Ended>),
}

impl FlightsShared {
    /// Joins who asks the same, or begins. Where `waits` is false, it begins in any case, and nobody waits for it.
    pub(super) fn join(self: &Arc<Self>, key: &[u8], secondary: &[u8], waits: bool) -> Joined {
        let mut table = self.table(key);
        let same = |state: &&Arc<State>| state.is_open && *state.secondary == *secondary;
        if waits && let Some(state) = table.get(key).and_then(|all| all.iter().find(same)) {
            return Joined::Follows(state.ended.subscribe());
        }
        let (ended, _) = watch::channel(Ended::NotYet);
        let is_void = AtomicBool::new(false);
        let state = Arc::new(State { secondary: secondary.into(), is_open: waits, is_void, ended });
        let key: Box<[u8]> = key.into();
        table.entry(key.clone()).or_default().push(Arc::clone(&state));
        Joined::Leads(Flight { all: Arc::clone(self), key, state })
    }

    /// What is under way with this key is not to be kept.
    pub(super) fn void(&self, key: &[u8]) {
        for state in self.table(key).get(key).into_iter().flatten() {
            state.is_void.store(true, Ordering::Release);
        }
    }

    /// Nothing that is under way is to be kept.
    pub(super) fn void_all(&self) {
        for shard in &self.shards {
            for state in lock(shard).values().flatten() {
                state.is_void.store(true, Ordering::Release);
            }
        }
    }

    fn table(&self, key: &[u8]) -> MutexGuard<'_, Table> {
        let hash = self.hash.hash_one(key);
        let shard = usize::try_from(hash % SHARDS as u64).expect("there are few shards");
        lock(&self.shards[shard])
    }
}

/// A panic elsewhere leaves it whole: every change is one call.
fn lock(shard: &Mutex<Table>) -> MutexGuard<'_, Table> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flight {
    /// Whether its answer may still be kept.
    pub(super) fn is_good(&self) -> bool {
        !self.state.is_void.load(Ordering::Acquire)
    }

    /// Tells those who wait.
    pub(super) fn end(self, how: Ended) {
        self.state.ended.send_replace(how);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut table = self.all.table(&self.key);
        if let Some(states) = table.get_mut(&self.key) {
            states.retain(|state| !Arc::ptr_eq(state, &self.state));
            if states.is_empty() {
                table.remove(&self.key);
            }
        }
        drop(table);
        let abandon = |ended: &mut Ended| {
            let is_open = *ended == Ended::NotYet;
            if is_open {
                *ended = Ended::Abandoned;
            }
            is_open
        };
        self.state.ended.send_if_modified(abandon);
    }
}

impl fmt::Debug for FlightsShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: usize = self.shards.iter().map(|shard| lock(shard).len()).sum();
        write!(f, "{keys} keys under way")
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flight")
    }
}
