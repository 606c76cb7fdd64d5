//! The store in memory: the default, with nothing to install. Bounded in bytes; each part of it is behind a lock of its own, which is held for
//! as long as a look at a table takes and never while waiting.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maitred_telemetry::Measured;

use crate::answer::Answer;
use crate::key::{Key, Scope};
use crate::limit::{Decision, Limit, Moment, Take};
use crate::store::{Ear, Hold, Seat, Store};

/// A store in the memory of this process.
#[derive(Debug)]
pub struct MemoryStore {
    settings: MemorySettings,
}

/// What a store in memory may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemorySettings {
    /// Bytes, at most.
    pub size: u64,
    /// The file that durable scopes are kept in over a restart.
    pub path: Option<std::path::PathBuf>,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { size: 64 << 20, path: None }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(settings: MemorySettings) -> Self {
        Self { settings }
    }
}

impl Store for MemoryStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn take<'a>(&'a self, _: Seat, _take: Take<'a>) -> Answer<'a, Decision> {
        todo!()
    }

    fn reset<'a>(&'a self, _: Seat, _key: Key<'a>, _limits: &'a [Limit]) -> Answer<'a, ()> {
        todo!()
    }

    fn list<'a>(&'a self, _: Seat, _scope: &'a Scope, _most: usize) -> Answer<'a, Vec<Box<[u8]>>> {
        todo!()
    }

    fn get<'a>(&'a self, _: Seat, _key: Key<'a>, _now: Moment) -> Answer<'a, Option<Bytes>> {
        todo!()
    }

    fn put<'a>(&'a self, _: Seat, _: Key<'a>, _: Bytes, _: Duration, _: Moment) -> Answer<'a, ()> {
        todo!()
    }

    fn put_new<'a>(
        &'a self,
        _: Seat,
        _: Key<'a>,
        _: Bytes,
        _: Duration,
        _: Moment,
    ) -> Answer<'a, Option<Bytes>> {
        todo!()
    }

    fn remove<'a>(&'a self, _: Seat, _key: Key<'a>) -> Answer<'a, bool> {
        todo!()
    }

    fn hold<'a>(&'a self, _: Seat, _hold: Hold<'a>) -> Answer<'a, bool> {
        todo!()
    }

    fn release(&self, _: Seat, _key: Key<'_>, _holder: u128) {
        todo!()
    }

    fn tell(&self, _: Seat, _channel: &'static str, _message: Bytes) {
        todo!()
    }

    fn listen(&self, _channel: &'static str, _ear: Arc<dyn Ear>) {
        todo!()
    }

    fn measured(&self) -> Arc<dyn Measured> {
        todo!()
    }

    fn chores(self: Arc<Self>) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}
