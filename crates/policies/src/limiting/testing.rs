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
    /// How often it was asked to take.
    pub(crate) takes: AtomicUsize,
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
            takes: AtomicUsize::default(),
            gets: AtomicUsize::default(),
        })
    }

    /// What memory says, a moment later.
    fn later<'a, T: 'a>(&self, said: Answer<'a, T>) -> Answer<'a, T> {
        let is_away = self.is_away.load(Relaxed);
        Answer::Later(Box::pin(
            async move { if is_away { Err(Away::Unreachable) } else { said.wait().await } },
        ))
    }
}

impl Store for FarStore {
    fn is_shared(&self) -> bool {
        true
    }

    fn take<'a>(&'a self, seat: Seat, take: Take<'a>) -> Answer<'a, Decision> {
        self.takes.fetch_add(1, Relaxed);
        if self.is_away.load(Relaxed) {
            return Answer::Later(Box::pin(async { Err(Away::Unreachable) }));
        }
        self.later(self.memory.take(seat, take))
    }

    fn reset<'a>(&'a self, seat: Seat, key: Key<'a>, limits: &'a [Limit]) -> Answer<'a, ()> {
        self.later(self.memory.reset(seat, key, limits))
    }

    fn list<'a>(&'a self, seat: Seat, scope: &'a Scope, most: usize) -> Answer<'a, Vec<Box<[u8]>>> {
        self.later(self.memory.list(seat, scope, most))
    }

    fn get<'a>(&'a self, seat: Seat, key: Key<'a>, now: Moment) -> Answer<'a, Option<Bytes>> {
        self.gets.fetch_add(1, Relaxed);
        self.later(self.memory.get(seat, key, now))
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
        self.later(self.memory.put(seat, key, entry, ttl, now))
    }

    fn put_new<'a>(
        &'a self,
        seat: Seat,
        key: Key<'a>,
        entry: Bytes,
        ttl: Duration,
        now: Moment,
    ) -> Answer<'a, Option<Bytes>> {
        self.later(self.memory.put_new(seat, key, entry, ttl, now))
    }

    fn remove<'a>(&'a self, seat: Seat, key: Key<'a>) -> Answer<'a, bool> {
        self.later(self.memory.remove(seat, key))
    }

    fn hold<'a>(&'a self, seat: Seat, hold: Hold<'a>) -> Answer<'a, bool> {
        self.later(self.memory.hold(seat, hold))
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
