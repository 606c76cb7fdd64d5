//! Where the slots of a configuration are, for whom, and what becomes of requests while their store is away.
//! How a slot is taken, renewed and given back is the business of `shared`.

use std::sync::Arc;

use maitred_policy::values::View;
use maitred_policy::{Build, Facts, Runtime};
use maitred_store::{MemorySettings, MemoryStore, Said, StoreShared};

use super::config::{ConcurrencyLimitConfig, PlacesWithoutStore};
use super::shared::{Holding, Slot, Slots};
use crate::limiting::caller::Callers;
use crate::limiting::compile::CountScope;

/// What places of callers may take in memory. A sixteenth of a store is for slots: 64 MiB, enough for about 200000 callers with a request each. It is taken as
/// it is needed, and a request under way takes many times as much elsewhere.
const MEMORY: u64 = 16 * (64 << 20);

/// Places that are slots in a store.
#[derive(Debug)]
pub(super) struct Leased {
    slots: Arc<Slots>,
    /// Who has places of their own; all have the same without it.
    callers: Option<Callers>,
    when_away: WhenAway,
}

/// What becomes of requests while the store is away.
#[derive(Debug)]
enum WhenAway {
    /// The gateway goes by its own count of all.
    OwnCount,
    /// Callers have places in the memory of this process.
    Memory(Arc<Slots>),
    /// They are refused.
    Deny,
}

/// What came of asking.
#[derive(Debug)]
pub(super) enum Asked {
    /// It has a slot.
    Taken(Slot),
    /// There is no store to say it, and its place in the gateway's own count is enough.
    OwnCount,
    /// All are taken.
    Full,
}

impl Leased {
    /// So many in a store, or for each caller. All problems are reported.
    pub(super) fn compile(config: &ConcurrencyLimitConfig, most: u64, build: &mut Build<'_>) -> Option<Self> {
        let by_caller = !config.by.is_empty();
        let per_route = config.scope == CountScope::Route;
        let callers = if by_caller {
            Callers::compile(&config.by, per_route, config.ipv6_prefix, build).map(Some)
        } else {
            Some(None)
        };
        let store = config.store.as_ref().map(|name| build.store(Some(name)));
        let scope = build.scope("concurrency");
        let slots = |store| Arc::new(Slots { store, scope: scope.clone(), most });
        let (slots, when_away) = match (store, config.on_store_failure, by_caller) {
            (None, ..) => (slots(memory(build)?), WhenAway::Deny),
            (Some(store), PlacesWithoutStore::Deny, _) => (slots(store?), WhenAway::Deny),
            (Some(store), PlacesWithoutStore::Local, false) => (slots(store?), WhenAway::OwnCount),
            (Some(store), PlacesWithoutStore::Local, true) => {
                (slots(store?), WhenAway::Memory(slots(memory(build)?)))
            }
        };
        Some(Self { slots, callers: callers?, when_away })
    }

    /// Whether the store answers at once.
    pub(super) fn is_at_hand(&self) -> bool {
        !self.slots.store.is_shared()
    }

    /// Whether callers have places of their own.
    pub(super) fn is_by_caller(&self) -> bool {
        self.callers.is_some()
    }

    /// Whose places a request counts for.
    pub(super) fn caller(&self, view: &View<'_>) -> Vec<u8> {
        let mut key = Vec::new();
        if let Some(callers) = &self.callers {
            callers.write(view, &mut key);
        }
        key
    }

    /// Asks for a slot of this caller's. An error where nobody can say whether there is one.
    pub(super) async fn ask(
        &self,
        caller: &[u8],
        facts: &mut Facts,
        local: &Holding,
        runtime: &dyn Runtime,
    ) -> Said<Asked> {
        let said = match (local.take(&self.slots, caller, facts, runtime).await, &self.when_away) {
            (Err(_), WhenAway::OwnCount) => return Ok(Asked::OwnCount),
            (Err(_), WhenAway::Memory(slots)) => local.take(slots, caller, facts, runtime).await,
            (said, _) => said,
        };
        Ok(said?.map_or(Asked::Full, Asked::Taken))
    }
}

/// Where callers have their places without a store: one for the whole process, and for as long as it lives.
fn memory(build: &mut Build<'_>) -> Option<StoreShared> {
    let store = build.resource("places of callers", |_, previous| {
        let made = || Arc::new(MemoryStore::new(MemorySettings { size: MEMORY, path: None }));
        Some(previous.map_or_else(made, Arc::clone))
    });
    Some(store?)
}
