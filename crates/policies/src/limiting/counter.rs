//! Limits that count together under one scope of a store, and what is done while that store is away.
//! How is counted is the store's business.

use std::sync::Arc;

use maitred_config::{Problem, Spanned, config_words};
use maitred_policy::{Build, Facts};
use maitred_store::{
    Answer, Away, Decision, Key, Limit, MemorySettings, MemoryStore, Moment, Said, Scope, Seat, Store,
    StoreShared, Take,
};

use super::outage::OutageShared;
use super::told::Class;

config_words! {
    /// What is done with requests while the store is away.
    pub enum OnStoreFailure {
        /// They are counted by the same limits in the memory of this process.
        Local = "local",
        /// They pass uncounted.
        Allow = "allow",
        /// They are refused: 503.
        Deny = "deny",
    }
}

/// Where counts are kept.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    store: StoreShared,
    when_away: WhenAway,
}

/// What is done while the store is away.
#[derive(Clone, Debug)]
enum WhenAway {
    /// This one counts.
    Local(Arc<MemoryStore>),
    Allow,
    Deny,
}

/// Limits that count together.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) class: Class,
    pub(crate) scope: Scope,
    /// What counts while the store is away goes by this: it is forgotten where memory is short.
    scope_when_away: Scope,
    pub(crate) limits: Box<[Limit]>,
    keeper: Keeper,
    outage: OutageShared,
}

/// What came of asking.
#[derive(Debug)]
pub(super) enum Counted {
    /// By whichever store.
    Decided(Decision),
    /// Nobody knows, and it is to pass.
    Unknown,
    /// Nobody knows, and it is to be refused.
    Denied,
}

/// What is asked of a counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) key: &'a [u8],
    /// What the request needs.
    pub(super) cost: u64,
    /// What is taken beyond that from the store, for other requests.
    pub(super) more: u64,
    pub(super) is_due: bool,
    pub(super) now: Moment,
}

impl Keeper {
    /// The store of this name, with what is done while it is away. That there is none is reported.
    pub(crate) fn compile(
        name: Option<&Spanned<String>>,
        on_failure: OnStoreFailure,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        let store = build.store(name)?;
        let when_away = match on_failure {
            OnStoreFailure::Local => WhenAway::Local(local(build)?),
            OnStoreFailure::Allow => WhenAway::Allow,
            OnStoreFailure::Deny => WhenAway::Deny,
        };
        Some(Self { store, when_away })
    }
}

impl Keeper {
    /// Warns of quotas that begin anew when the process does.
    pub(crate) fn warn_of_forgetting(&self, build: &mut Build<'_>) {
        if self.store.forgets_at_restart() {
            let problem =
                Problem::warning("the store forgets quotas when the gateway ends, and they begin anew");
            let help = "write `stores: { default: { memory: { path: FILE } } }`, or a store on a server";
            build.report(problem.at(build.span()).help(help));
        }
    }
}

/// What counts in place of stores that are away: one for all limits of the process, and for as long as it lives.
fn local(build: &mut Build<'_>) -> Option<Arc<MemoryStore>> {
    build.resource("limits while their store is away", |_, previous| {
        let made = || Arc::new(MemoryStore::new(MemorySettings::default()));
        Some(previous.map_or_else(made, Arc::clone))
    })
}

impl Counter {
    pub(crate) fn new(class: Class, scope: Scope, limits: Box<[Limit]>, keeper: &Keeper) -> Self {
        let scope_when_away = Scope::new(scope.name.clone());
        Self {
            class,
            scope,
            scope_when_away,
            limits,
            keeper: keeper.clone(),
            outage: OutageShared::default(),
        }
    }

    /// Where its counts are.
    pub(super) fn store(&self) -> &StoreShared {
        &self.keeper.store
    }

    /// Whether workers may take more than a request needs.
    pub(super) fn may_lease(&self) -> bool {
        self.class == Class::Rate && self.keeper.store.is_shared()
    }

    /// Whether its store answers at once.
    pub(super) fn is_at_hand(&self) -> bool {
        !self.keeper.store.is_shared()
    }

    /// Counts a request: what came of it, and whether the store said it.
    pub(super) async fn count(&self, seat: Seat, asked: Asked<'_>, facts: &mut Facts) -> (Counted, bool) {
        let said = facts.ask(&self.keeper.store, self.ask(seat, asked)).await;
        self.counted(seat, asked, said)
    }

    /// The same beside a request, where nobody waits.
    pub(super) async fn count_beside(&self, seat: Seat, asked: Asked<'_>) {
        let said = self.ask(seat, asked).await;
        self.counted(seat, asked, said);
    }

    async fn ask(&self, seat: Seat, asked: Asked<'_>) -> Said<Decision> {
        self.keeper.store.take(seat, self.take(&self.scope, asked, asked.more)).wait().await
    }

    /// What the store said, or what is done in its place.
    fn counted(&self, seat: Seat, asked: Asked<'_>, said: Said<Decision>) -> (Counted, bool) {
        self.note(&said, asked.now);
        match (said, &self.keeper.when_away) {
            (Ok(decision), _) => (Counted::Decided(decision), true),
            (Err(_), WhenAway::Local(local)) => {
                let local: &dyn Store = &**local;
                let Answer::Ready(Ok(decision)) =
                    local.take(seat, self.take(&self.scope_when_away, asked, 0))
                else {
                    return (Counted::Unknown, false);
                };
                (Counted::Decided(decision), false)
            }
            (Err(_), WhenAway::Allow) => (Counted::Unknown, false),
            (Err(_), WhenAway::Deny) => (Counted::Denied, false),
        }
    }

    /// How it stands where that can be said at once.
    pub(super) fn look(&self, seat: Seat, key: &[u8], now: Moment) -> Option<Decision> {
        let look = Asked { key, cost: 0, more: 0, is_due: false, now };
        match self.keeper.store.take(seat, self.take(&self.scope, look, 0)) {
            Answer::Ready(said) if self.is_at_hand() => said.ok(),
            _ => None,
        }
    }

    fn take<'a>(&'a self, scope: &'a Scope, asked: Asked<'a>, more: u64) -> Take<'a> {
        let Asked { key: value, cost, is_due, now, .. } = asked;
        let cost = cost.saturating_add(more);
        Take { key: Key { scope, value }, limits: &self.limits, cost, is_due, now }
    }

    /// Logs that the store went away, and that it is back.
    fn note(&self, said: &Said<Decision>, now: Moment) {
        let scope = &*self.scope.name;
        match said {
            Ok(_) if self.outage.ends(now.steady) => tracing::info!(scope, "the store of a limit is back"),
            Err(away) if self.outage.begins(now.steady) => self.warn(scope, *away),
            _ => {}
        }
    }

    fn warn(&self, scope: &str, away: Away) {
        let instead = match self.keeper.when_away {
            WhenAway::Local(_) => "this process counts for itself",
            WhenAway::Allow => "requests pass uncounted",
            WhenAway::Deny => "requests are refused",
        };
        if self.is_at_hand() {
            tracing::warn!(
                scope,
                "the store has no room for new keys of a limit, of these {instead}; give it more `size`"
            );
            return;
        }
        tracing::warn!(scope, "a limit cannot be counted in its store, {instead}: {away}");
    }
}
