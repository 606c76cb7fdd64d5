//! The contract of stores. Memory answers at once; a server answers within the store's time-out, or is away.
//! Who asks says which thread it is on, and when.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use maitred_telemetry::Measured;

use crate::answer::Answer;
use crate::key::{Key, Scope};
use crate::limit::{Decision, Limit, Moment, Take};

/// A store, shared by all that name it.
pub type StoreShared = Arc<dyn Store>;

/// Who asks: each thread has connections of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The worker of this number.
    Worker(usize),
    /// The control runtime.
    Control,
}

/// A slot that is asked for: one of `most` that are held under a key at once.
#[derive(Clone, Copy, Debug)]
pub struct Hold<'a> {
    /// What is held.
    pub key: Key<'a>,
    /// Who holds it: nobody else has this number.
    pub holder: u128,
    /// How many may hold at once.
    pub most: u64,
    /// After this long without another `hold` by the same holder it is free again: its gateway may have died.
    pub lease: Duration,
    /// Now.
    pub now: Moment,
}

/// What is kept beyond one request. Everything is bounded: memory by its size, a server by its own means, waiting by a time-out.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Whether replicas of the gateway share it.
    fn is_shared(&self) -> bool;

    /// Whether what is counted in durable scopes is forgotten when the process ends.
    fn forgets_at_restart(&self) -> bool {
        false
    }

    /// Takes from limits, in one step that nobody else's comes between.
    fn take<'a>(&'a self, seat: Seat, take: Take<'a>) -> Answer<'a, Decision>;

    /// Forgets what was taken from these limits under this key.
    fn reset<'a>(&'a self, seat: Seat, key: Key<'a>, limits: &'a [Limit]) -> Answer<'a, ()>;

    /// The values of keys that something was taken under, of a durable scope: at most so many, in no order.
    fn list<'a>(&'a self, seat: Seat, scope: &'a Scope, most: usize) -> Answer<'a, Vec<Box<[u8]>>>;

    /// What was put under a key and has not ended.
    fn get<'a>(&'a self, seat: Seat, key: Key<'a>, now: Moment) -> Answer<'a, Option<Bytes>>;

    /// Puts an entry, in the place of any other, that ends in `ttl`.
    fn put<'a>(
        &'a self,
        seat: Seat,
        key: Key<'a>,
        entry: Bytes,
        ttl: Duration,
        now: Moment,
    ) -> Answer<'a, ()>;

    /// Puts an entry where there is none. Answers with the one that is there otherwise.
    fn put_new<'a>(
        &'a self,
        seat: Seat,
        key: Key<'a>,
        entry: Bytes,
        ttl: Duration,
        now: Moment,
    ) -> Answer<'a, Option<Bytes>>;

    /// Removes an entry. Answers whether there was one.
    fn remove<'a>(&'a self, seat: Seat, key: Key<'a>) -> Answer<'a, bool>;

    /// Takes a slot, or keeps one that the holder has. Answers whether it holds one.
    fn hold<'a>(&'a self, seat: Seat, hold: Hold<'a>) -> Answer<'a, bool>;

    /// Gives a slot back. Nobody waits for that: where the store is away, the lease ends it.
    fn release(&self, seat: Seat, key: Key<'_>, holder: u128);

    /// Tells all replicas that share the store, this one among them, on a channel. Nobody waits for that.
    fn tell(&self, seat: Seat, channel: &'static str, message: Bytes);

    /// Hears what is told on a channel from now on, for as long as somebody else has the ear. Where the store is away meanwhile, `gap` is called
    /// when it is back: something may have been missed.
    fn listen(&self, channel: &'static str, ear: Weak<dyn Ear>);

    /// What it measures.
    fn measured(&self) -> Arc<dyn Measured>;

    /// What it has to do beside requests, on the control runtime, for as long as the store is there: connections, what is written to disk.
    /// The engine ends it when no snapshot has the store any more.
    fn chores(self: Arc<Self>) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

    /// Writes down what would be lost with the process. It may take a while and blocks: it is called where nobody waits, at the end of the
    /// process and before another store takes over its file. A store that loses nothing has nothing to do.
    fn save(&self) {}
}

/// Who hears what is told on a channel.
pub trait Ear: Send + Sync + 'static {
    /// This was told.
    fn hear(&self, message: &[u8]);

    /// Something may have been missed.
    fn gap(&self);
}
