//! The store in memory: the default, with nothing to install. Bounded in bytes; each part of it is behind a lock of its own, which is held for
//! as long as a look at a table takes and never while waiting.
//!
//! Of the bytes that it may take, a half is for counters, a quarter for entries, an eighth for logs of exact windows, and a sixteenth each
//! for durable counters and for slots. What is for counters is taken when the first comes; the rest as it is needed.

mod counters;
mod ears;
mod entries;
mod file;
mod hash;
mod lasting;
mod logs;
mod measures;
mod shard;
mod slots;
mod sweep;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use maitred_telemetry::Measured;

use self::ears::Ears;
use self::file::CountersFile;
use self::hash::KeyHasher;
use self::lasting::Named;
use self::shard::ShardsShared;
use self::text::CountersText;
use crate::answer::{Answer, Away};
use crate::key::{Key, Scope};
use crate::limit::{Decision, Limit, Moment, Take};
use crate::store::{Ear, Hold, Seat, Store};

/// How often durable counters are saved, if they have changed: as much may be lost when the process is killed.
const SAVED_EVERY: Duration = Duration::from_secs(5);
/// How many records are copied under one lock.
const SAVED_AT_ONCE: usize = 256;

/// A store in the memory of this process.
pub struct MemoryStore {
    settings: MemorySettings,
    hasher: KeyHasher,
    shards: Arc<ShardsShared>,
    ears: Ears,
    /// Where durable counters are kept over a restart.
    file: Option<CountersFile>,
    /// What the clock on the wall showed when the steady one began. Durable counters go by the sum of both, which goes on in the next
    /// process and cannot be set back in this one.
    began: OnceLock<u64>,
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
    /// A store with what its file has in it, if there is one; otherwise empty. Reads the file.
    pub fn new(settings: MemorySettings) -> Self {
        let shards = Arc::new(ShardsShared::new(settings.size));
        let (file, kept) = settings.path.as_deref().map(CountersFile::open).unzip();
        let (hasher, ears, began) = (KeyHasher::new(), Ears::default(), OnceLock::new());
        let store = Self { settings, hasher, shards, ears, file, began };
        store.restore(kept.unwrap_or_default());
        store
    }

    fn restore(&self, kept: Vec<Named>) {
        let mut lost = 0;
        for (scope, value, record) in kept {
            let scope = Scope::durable(scope);
            let hash = self.hasher.hash(Key { scope: &scope, value: &value });
            lost += u64::from(!self.shards.of(hash).lasting.insert(scope.name, value, record));
        }
        if lost > 0 {
            tracing::warn!(
                lost,
                "the store has become too small for all counters that were saved; give it more `size`"
            );
        }
    }

    /// What is to be saved. A part is held for some records at a time, so that nobody waits for all of them.
    fn text(&self) -> String {
        let mut text = CountersText::new();
        for part in 0..self.shards.len() {
            let mut last: Option<Named> = None;
            loop {
                let records = self.shards.at(part).lasting.after(last.as_ref(), SAVED_AT_ONCE);
                for record in &records {
                    text.push(record);
                }
                last = records.into_iter().next_back();
                if last.is_none() {
                    break;
                }
            }
        }
        text.finish()
    }

    /// The time for durable counters.
    fn lasting_moment(&self, now: Moment) -> Moment {
        let began = *self.began.get_or_init(|| now.wall.saturating_sub(now.steady));
        Moment { steady: began.saturating_add(now.steady), ..now }
    }
}

impl Store for MemoryStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn forgets_at_restart(&self) -> bool {
        self.settings.path.is_none()
    }

    fn take<'a>(&'a self, _: Seat, take: Take<'a>) -> Answer<'a, Decision> {
        let hash = self.hasher.hash(take.key);
        if take.key.scope.is_durable {
            let take = Take { now: self.lasting_moment(take.now), ..take };
            return Answer::Ready(self.shards.of(hash).lasting.take(&take));
        }
        Answer::ready(self.shards.of(hash).take(hash, &take))
    }

    fn reset<'a>(&'a self, _: Seat, key: Key<'a>, limits: &'a [Limit]) -> Answer<'a, ()> {
        let hash = self.hasher.hash(key);
        let mut shard = self.shards.of(hash);
        if key.scope.is_durable {
            shard.lasting.reset(key, limits);
        } else {
            shard.reset(hash, limits);
        }
        Answer::ready(())
    }

    fn list<'a>(&'a self, _: Seat, scope: &'a Scope, most: usize) -> Answer<'a, Vec<Box<[u8]>>> {
        let mut values = Vec::new();
        for shard in self.shards.iter() {
            values.extend(shard.lasting.values(&scope.name, most - values.len()));
        }
        Answer::ready(values)
    }

    fn get<'a>(&'a self, _: Seat, key: Key<'a>, now: Moment) -> Answer<'a, Option<Bytes>> {
        let hash = self.hasher.hash(key);
        Answer::ready(self.shards.entries_of(hash).find(hash, now.steady))
    }

    fn put<'a>(&'a self, _: Seat, key: Key<'a>, entry: Bytes, ttl: Duration, now: Moment) -> Answer<'a, ()> {
        let hash = self.hasher.hash(key);
        let entry = Bytes::copy_from_slice(&entry);
        let is_put = self.shards.entries_of(hash).put(hash, entry, (now.steady, end(now, ttl)));
        Answer::Ready(if is_put { Ok(()) } else { Err(Away::Refused) })
    }

    fn put_new<'a>(
        &'a self,
        _: Seat,
        key: Key<'a>,
        entry: Bytes,
        ttl: Duration,
        now: Moment,
    ) -> Answer<'a, Option<Bytes>> {
        let hash = self.hasher.hash(key);
        let entry = Bytes::copy_from_slice(&entry);
        let mut entries = self.shards.entries_of(hash);
        if let Some(there) = entries.find(hash, now.steady) {
            return Answer::ready(Some(there));
        }
        let is_put = entries.put(hash, entry, (now.steady, end(now, ttl)));
        Answer::Ready(if is_put { Ok(None) } else { Err(Away::Refused) })
    }

    fn remove<'a>(&'a self, _: Seat, key: Key<'a>) -> Answer<'a, bool> {
        let hash = self.hasher.hash(key);
        Answer::ready(self.shards.entries_of(hash).remove(hash))
    }

    fn hold<'a>(&'a self, _: Seat, hold: Hold<'a>) -> Answer<'a, bool> {
        let hash = self.hasher.hash(hold.key);
        let times = (hold.now.steady, end(hold.now, hold.lease));
        Answer::Ready(self.shards.of(hash).slots.hold(hash, hold.holder, hold.most, times))
    }

    fn release(&self, _: Seat, key: Key<'_>, holder: u128) {
        let hash = self.hasher.hash(key);
        self.shards.of(hash).slots.release(hash, holder);
    }

    fn tell(&self, _: Seat, channel: &'static str, message: Bytes) {
        self.ears.tell(channel, &message);
    }

    fn listen(&self, channel: &'static str, ear: Weak<dyn Ear>) {
        self.ears.add(channel, ear);
    }

    fn measured(&self) -> Arc<dyn Measured> {
        Arc::clone(&self.shards) as Arc<dyn Measured>
    }

    fn chores(self: Arc<Self>) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        self.file.as_ref()?;
        Some(Box::pin(async move {
            loop {
                tokio::time::sleep(SAVED_EVERY).await;
                let store = Arc::clone(&self);
                // A panic is told by the hook of the program; the next save tries again.
                let _ = tokio::task::spawn_blocking(move || store.save()).await;
            }
        }))
    }

    fn save(&self) {
        let Some(file) = &self.file else { return };
        let text = || {
            let is_changed = self.shards.iter().fold(false, |any, mut part| part.lasting.settle() | any);
            (is_changed || file.is_failing()).then(|| self.text())
        };
        if !file.write(text) {
            self.shards.failed_saves.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// When something ends that begins now.
fn end(now: Moment, after: Duration) -> u64 {
    now.steady.saturating_add(u64::try_from(after.as_micros()).unwrap_or(u64::MAX))
}
