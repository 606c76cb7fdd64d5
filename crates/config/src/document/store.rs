//! Stores: where is kept what requests share: counters of limits, entries of caches, sessions.
//! What is kept there under which key is the business of those who keep it.

mod redis;

pub use redis::{RedisSentinel, RedisStore};

use crate::config_map;
use crate::problem::Problem;
use crate::read::{ByteSize, Fields, FilePath, Reader};

/// The store of whoever names none; where the document does not have it, it is in memory.
pub const DEFAULT_STORE: &str = "default";

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
    pub struct MemoryStore {
        /// How much memory it takes at most.
        #[main]
        size: ByteSize = "64MiB",
        /// The file that long counts (quotas) are kept in over a restart. Without it they begin anew.
        path: Option<FilePath>,
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
