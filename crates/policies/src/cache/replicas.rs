//! Replicas that share a store: what one keeps the others find there, and what is removed at one is removed at all. It is marked in the store first
//! and told then, so that whoever has heard of it finds nothing there that it covers.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use maitred_policy::Beside;
use maitred_store::{Ear, Moment, Scope, Seat, StoreShared};
use serde_json::{Value, json};

use super::marks::{Mark, stamp};
use super::owed::OwedShared;
use super::purge::Purge;
use super::shared::CacheShared;
use super::shelf::Shelf;

const CHANNEL: &str = "cache_purge";

/// The other replicas, as far as one cache is concerned.
pub(super) struct Replicas {
    pub(super) shelf: Arc<Shelf>,
    pub(super) owed: OwedShared,
    /// Which replica this is. What it hears of itself it has done already.
    own: u64,
    /// Marks that it has made.
    marks: AtomicU64,
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
    /// Those that share this store. What they tell is heard from now on. The scope is the same for all of them.
    pub(super) fn new(store: StoreShared, scope: Scope, cache: &Arc<CacheShared>) -> Self {
        let own = RandomState::new().hash_one(0);
        let listening = Listening { cache: Arc::downgrade(cache), scope: scope.name.clone(), own };
        let ear: Arc<dyn Ear> = Arc::new(listening);
        store.listen(CHANNEL, Arc::downgrade(&ear));
        let shelf = Arc::new(Shelf { store, scope });
        Self { shelf, owed: OwedShared::default(), own, marks: AtomicU64::new(0), _ear: ear }
    }

    /// Tells what is owed, beside requests.
    pub(super) fn settle_beside(self: &Arc<Self>, beside: &Rc<dyn Beside>) {
        let (replicas, seat, now) = (Arc::clone(self), beside.seat(), beside.moment());
        beside.detach(Box::pin(async move { replicas.settle(seat, now).await }));
    }

    /// Marks in the store what is owed, and tells the others. Where the store is away it stays owed.
    pub(super) async fn settle(&self, seat: Seat, now: Moment) {
        let Some(mut teller) = self.owed.teller() else { return };
        while let Some(owed) = teller.next() {
            let marks = owed.iter().map(|(_, purge)| (Mark::of(purge), self.stamp(now)));
            if self.shelf.mark(marks, seat, now).await.is_err() {
                return;
            }
            for (_, purge) in &owed {
                let message =
                    json!({ "cache": &*self.shelf.scope.name, "by": self.own, "purge": purge.to_json() });
                self.shelf.store.tell(seat, CHANNEL, message.to_string().into_bytes().into());
            }
            teller.told(owed.last().map_or(0, |(number, _)| *number));
        }
    }

    fn stamp(&self, now: Moment) -> Vec<u8> {
        stamp(now.wall, self.own, self.marks.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replicas of {}", self.shelf.scope.name)
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
