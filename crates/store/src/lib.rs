//! What requests share beyond the one that asks: counters of limits, entries with an end, slots. One contract ([`Store`]); memory and
//! Redis fulfil it. Policies say what they count and under which key; where that is kept, users say once, under `stores`.

mod answer;
mod key;
mod limit;
mod limits;
mod memory;
mod redis;
mod store;

pub use answer::{Answer, Away, Said, all};
pub use key::{Key, Scope};
pub use limit::{Algorithm, Decision, Limit, Moment, Period, Standing, Take};
pub use memory::{MemorySettings, MemoryStore};
pub use redis::{RedisLogin, RedisPlace, RedisServers, RedisSettings, RedisStore};
pub use store::{Ear, Hold, Seat, Store, StoreShared};
