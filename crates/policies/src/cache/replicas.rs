//! What is removed at one replica is removed at all: they tell each other over a store that they share.
//! Answers themselves are not shared.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

use maitred_store::{Ear, Scope, Seat, StoreShared};
use serde_json::{Value, json};

use super::purge::Purge;
use super::shared::CacheShared;

const CHANNEL: &str = "cache_purge";

/// The other replicas, as far as one cache is concerned.
pub(super) struct Replicas {
    pub(super) store: StoreShared,
    /// Which cache it is: the same on all replicas.
    scope: Box<str>,
    /// Which replica this is. What it hears of itself it has done already.
    own: u64,
    /// What hears for as long as this is there.
    _ear: Arc<dyn Ear>,
}

/// Hears what others have removed, for as long as the cache is there.
struct Listening {
    cache: Weak<CacheShared>,
    scope: Box<str>,
    own: u64,
}

impl Replicas {
    /// Those that share this store. What they tell is heard from now on.
    pub(super) fn new(store: StoreShared, scope: &Scope, cache: &Arc<CacheShared>) -> Self {
        let own = RandomState::new().hash_one(0);
        let scope = scope.name.clone();
        let listening = Listening { cache: Arc::downgrade(cache), scope: scope.clone(), own };
        let ear: Arc<dyn Ear> = Arc::new(listening);
        store.listen(CHANNEL, Arc::downgrade(&ear));
        Self { store, scope, own, _ear: ear }
    }

    /// Tells them what is to be removed. Nobody waits for that.
    pub(super) fn tell(&self, seat: Seat, purge: &Purge) {
        let message = json!({ "cache": &*self.scope, "by": self.own, "purge": purge.to_json() });
        self.store.tell(seat, CHANNEL, message.to_string().into_bytes().into());
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replicas of {}", self.scope)
    }
}

impl Ear for Listening {
    fn hear(&self, message: &[u8]) {
        let Some(cache) = self.cache.upgrade() else { return };
        let Ok(message) = serde_json::from_slice::<Value>(message) else { return };
        if message["cache"].as_str() != Some(&*self.scope) || message["by"].as_u64() == Some(self.own) {
            return;
        }
        if let Some(purge) = Purge::hear(&message["purge"]) {
            cache.purge(&purge);
        }
    }

    /// What others have removed meanwhile is not known, so that nothing of what is here can be trusted.
    fn gap(&self) {
        if let Some(cache) = self.cache.upgrade() {
            cache.purge(&Purge::All);
        }
    }
}
