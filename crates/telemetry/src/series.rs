//! One labelled thing that is measured (a route, an upstream, …), with one shard for each worker.
//!
//! A series is found by name when a configuration is compiled and kept in the snapshot; on the path of a request
//! `Series::at` is three dependent loads. Its shards are allocated when a worker first records into them, and whether
//! the series is exposed under its own name or under `other` is decided then (`Budget`).

mod budget;

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

pub(crate) use self::budget::Budget;

/// The name under which is counted what found no room in `max_series`.
pub(crate) const OTHER: &str = "other";

/// What one worker records for one series.
pub trait Shard: Default + Send + Sync + 'static {
    /// How many lines of the exposition one series of this kind can take: what it counts against `max_series`.
    const LINES: u64;
}

/// One measured thing, shared by all workers; each writes only into its own shard.
#[derive(Debug)]
pub struct Series<S: Shard> {
    pub(crate) labels: Arc<str>,
    workers: usize,
    shards: OnceLock<Box<[Slot<S>]>>,
    admission: Admission<S>,
}

/// One worker's shard, once it has recorded something.
type Slot<S> = OnceLock<Arc<Padded<S>>>;

/// Whether a series is exposed under its own name.
#[derive(Debug)]
enum Admission<S: Shard> {
    /// It always is: it takes what finds no room.
    Overflow,
    /// If there is room when it is first used; else its shards are those of `overflow`.
    Asked { budget: Arc<Budget>, overflow: Arc<Series<S>>, granted: OnceLock<bool> },
}

/// A worker's own shard, held so that to record into it is one step.
#[derive(Debug)]
pub struct OwnShard<S>(Arc<Padded<S>>);

impl<S> Deref for OwnShard<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.0.0
    }
}

/// A shard that shares no cache line with another worker's (128 bytes: neighbouring lines are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<S>(S);

impl<S: Shard> Series<S> {
    /// The series that takes what finds no room.
    pub(crate) fn overflow(labels: Arc<str>, workers: usize) -> Self {
        Self { labels, workers, shards: OnceLock::new(), admission: Admission::Overflow }
    }

    /// A series that asks `budget` for room when it is first used.
    pub(crate) fn asked(labels: Arc<str>, budget: Arc<Budget>, overflow: Arc<Self>) -> Self {
        let workers = overflow.workers;
        let admission = Admission::Asked { budget, overflow, granted: OnceLock::new() };
        Self { labels, workers, shards: OnceLock::new(), admission }
    }

    /// The shard of `worker`, counted from 0. Only that worker may write into it.
    ///
    /// # Panics
    ///
    /// If `worker` is not below the number of shards that `Metrics` was made with.
    #[inline]
    pub fn at(&self, worker: usize) -> &S {
        match self.shards.get().and_then(|shards| shards[worker].get()) {
            Some(shard) => &shard.0,
            None => &self.open(worker).0,
        }
    }

    /// The same, to be kept. It must not outlive the series, of which it is no longer a part then.
    ///
    /// # Panics
    ///
    /// As [`at`](Self::at).
    pub fn own(&self, worker: usize) -> OwnShard<S> {
        OwnShard(Arc::clone(self.open(worker)))
    }

    /// The labels as they stand in the exposition, without braces: `route="users"`.
    pub fn labels(&self) -> &str {
        &self.labels
    }

    /// Whether it takes what finds no room.
    pub(crate) fn is_overflow(&self) -> bool {
        matches!(self.admission, Admission::Overflow)
    }

    /// The shards in use, if the series is exposed under its own name.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = &S> {
        let own = match &self.admission {
            Admission::Overflow => true,
            Admission::Asked { granted, .. } => granted.get().copied().unwrap_or(false),
        };
        let shards = self.shards.get().filter(|_| own);
        shards.into_iter().flat_map(|shards| shards.iter()).filter_map(OnceLock::get).map(|shard| &shard.0)
    }

    #[cold]
    fn open(&self, worker: usize) -> &Arc<Padded<S>> {
        let empty = || (0..self.workers).map(|_| OnceLock::new()).collect();
        self.shards.get_or_init(empty)[worker].get_or_init(|| match &self.admission {
            Admission::Overflow => Arc::default(),
            Admission::Asked { budget, overflow, granted } => {
                if *granted.get_or_init(|| budget.take(S::LINES)) {
                    Arc::default()
                } else {
                    Arc::clone(overflow.open(worker))
                }
            }
        })
    }
}

impl<S: Shard> Drop for Series<S> {
    fn drop(&mut self) {
        if let Admission::Asked { budget, granted, .. } = &self.admission
            && granted.get() == Some(&true)
        {
            budget.give_back(S::LINES);
        }
    }
}
