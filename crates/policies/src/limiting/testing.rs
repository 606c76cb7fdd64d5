//! A store as tests of policies need it: shared and slow to answer like a server, kept in memory, and away when the test says so.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use maitred_store::{
    Answer, Away, Decision, Ear, Hold, Key, Limit, MemorySettings, MemoryStore, Moment, Scope, Seat, Store,
    Take,
};
use maitred_telemetry::Measured;

/// The store of a server.
#[derive(Debug)]
pub(crate) struct FarStore {
    memory: MemoryStore,
    pub(crate) is_away: AtomicBool,
    /// Whether it takes no entries, as a server that is full.
    pub(crate) is_full: AtomicBool,
    /// Whether it answers nothing in time.
    pub(crate) is_late: AtomicBool,
    /// Whether it does what it is asked, and nobody hears of that in time.
    pub(crate) loses_words: AtomicBool,
    /// How often it was asked to take, and how often anything.
    pub(crate) takes: AtomicUsize,
    pub(crate) asked: AtomicUsize,
    /// How often it was asked for an entry.
    pub(crate) gets: AtomicUsize,
}

impl FarStore {
    pub(crate) fn new() -> Arc<Self> {
        let memory = MemoryStore::new(MemorySettings::default());
        Arc::new(Self {
            memory,
            is_away: AtomicBool::default(),
            is_full: AtomicBool::default(),
            is_late: AtomicBool::default(),
            loses_words: AtomicBool::default(),
            takes: AtomicUsize::default(),
            asked: AtomicUsize::default(),
            gets: AtomicUsize::default(),
        })
    }

    /// What memory says, a moment later; it is not asked by who gets no answer.
    fn later<'a, T: 'a>(&'a self, ask: impl FnOnce(&'a MemoryStore) -> Answer<'a, T>) -> Answer<'a, T> {
        let fails = match (self.is_away.load(Relaxed), self.is_late.load(Relaxed)) {
            (true, _) => Some(Away::Unreachable),
            (_, true) => Some(Away::Late),
            _ => None,
        };
        let mut said = fails.map_or_else(|| ask(&self.memory), |away| Answer::Ready(Err(away)));
        if self.loses_words.load(Relaxed) {
            said = Answer::Ready(Err(Away::Late));
        }
        Answer::Later(Box::pin(async move {
            self.asked.fetch_add(1, Relaxed);
            said.wait().await
        }))
    }
}

impl Store for FarStore {
    fn is_shared(&self) -> bool {
        true
    }

    fn take<'a>(&'a self, seat: Seat, take: Take<'a>) -> Answer<'a, Decision> {
        self.takes.fetch_add(1, Relaxed);
        self.later(|memory| memory.take(seat, take))
    }

    fn reset<'a>(&'a self, seat: Seat, key: Key<'a>, limits: &'a [Limit]) -> Answer<'a, ()> {
        self.later(|memory| memory.reset(seat, key, limits))
    }

    fn list<'a>(&'a self, seat: Seat, scope: &'a Scope, most: usize) -> Answer<'a, Vec<Box<[u8]>>> {
        self.later(|memory| memory.list(seat, scope, most))
    }

    fn get<'a>(&'a self, seat: Seat, key: Key<'a>, now: Moment) -> Answer<'a, Option<Bytes>> {
        self.gets.fetch_add(1, Relaxed);
        self.later(|memory| memory.get(seat, key, now))
    }

    fn put<'a>(
        &'a self,
        seat: Seat,
        key: Key<'a>,
        entry: Bytes,
        ttl: Duration,
        now: Moment,
    ) -> Answer<'a, ()> {
        if self.is_full.load(Relaxed) {
            return Answer::Ready(Err(Away::Refused));
        }
        self.later(|memory| memory.put(seat, key, entry, ttl, now))
    }

    fn put_new<'a>(
        &'a self,
        seat: Seat,
        key: Key<'a>,
        entry: Bytes,
        ttl: Duration,
        now: Moment,
    ) -> Answer<'a, Option<Bytes>> {
        self.later(|memory| memory.put_new(seat, key, entry, ttl, now))
    }

    fn remove<'a>(&'a self, seat: Seat, key: Key<'a>) -> Answer<'a, bool> {
        self.later(|memory| memory.remove(seat, key))
    }

    fn hold<'a>(&'a self, seat: Seat, hold: Hold<'a>) -> Answer<'a, bool> {
        self.later(|memory| memory.hold(seat, hold))
    }

    fn release(&self, seat: Seat, key: Key<'_>, holder: u128) {
        self.memory.release(seat, key, holder);
    }

    fn tell(&self, seat: Seat, channel: &'static str, message: Bytes) {
        self.memory.tell(seat, channel, message);
    }

    fn listen(&self, channel: &'static str, ear: Weak<dyn Ear>) {
        self.memory.listen(channel, ear);
    }

    fn measured(&self) -> Arc<dyn Measured> {
        self.memory.measured()
    }

    fn chores(self: Arc<Self>) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}
