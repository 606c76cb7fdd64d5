//! Stores: where is kept what requests share: counters of limits, entries of caches, sessions.
//! What is kept there under which key is the business of those who keep it.

use std::collections::HashMap;
use std::path::{Component, PathBuf};

use crate::config_map;
use crate::problem::Problem;
use crate::read::{ByteSize, Fields, Named, Reader, Spanned, StatePath};

mod redis;

pub use redis::{RedisSentinel, RedisStore};

/// The store of whoever names none; where the document does not have it, it is in memory.
pub const DEFAULT_STORE: &str = "default";

/// With less memory not even a few thousand keys find room.
const LEAST: u64 = 1 << 20;

config_map! {
    /// Where is kept what requests share.
    #[check = Store::check]
    pub struct Store {
        /// In the memory of this process: each replica of the gateway has its own.
        memory: Option<MemoryStore>,
        /// In Redis or Valkey, which replicas share: its URL, or where and how.
        redis: Option<RedisStore>,
    }
}

config_map! {
    /// A store in memory.
    #[check = MemoryStore::check]
    pub struct MemoryStore {
        /// How much memory it takes at most; at least 1MiB. Half of it is for counters of limits, of which each takes 32 bytes.
        #[main]
        size: ByteSize = "64MiB",
        /// The file that the counts of quotas are kept in over a restart. Without it they begin anew.
        path: Option<Spanned<StatePath>>,
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { size: ByteSize(64 << 20), path: None }
    }
}

impl Store {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.memory.is_none() && self.redis.is_none() && !fields.has_unknown() {
            // One that was refused is a problem already.
            if !fields.has("memory") && !fields.has("redis") {
                let problem = Problem::error("this store is nowhere").at(fields.place());
                reader.problem(problem.help("write `memory: 64MiB`, or `redis: \"redis://HOST:6379\"`"));
            }
        }
        if self.memory.is_some() && self.redis.is_some() {
            let problem =
                Problem::error("a store is in one place").label(fields.key_span("redis"), "and here");
            reader.problem(problem.label(fields.key_span("memory"), "it is here").help("leave one out"));
        }
    }
}

impl MemoryStore {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.size.0 < LEAST {
            let problem = Problem::error("a store needs at least 1MiB").at(fields.value_span("size"));
            reader.problem(problem.help("leave `size` out for 64MiB"));
        }
    }
}

/// Checks that no two stores write the same file.
pub(super) fn check(stores: &Named<Store>, reader: &mut Reader<'_>) {
    let mut taken: HashMap<PathBuf, &Spanned<StatePath>> = HashMap::new();
    let memories = stores.iter().filter_map(|store| store.value.memory.as_ref());
    for path in memories.filter_map(|memory| memory.path.as_ref()) {
        // `./a` is `a`.
        let parts = path.value.as_path().components().filter(|part| *part != Component::CurDir);
        if let Some(first) = taken.insert(parts.collect(), path) {
            let problem = Problem::error("two stores are kept in the same file");
            reader.problem(problem.label(path.span, "again here").label(first.span, "first here"));
        }
    }
}
