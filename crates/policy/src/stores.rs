//! The stores that a document has, by name. Policies ask for one while they are compiled, and keep it.
//! They are opened and closed by the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use maitred_config::scalar::{nearest, quote};
use maitred_config::{DEFAULT_STORE, Problem, Spanned};
use maitred_store::{MemorySettings, MemoryStore, StoreShared};

/// Stores by name; `default` is always among them.
#[derive(Clone, Debug)]
pub struct Stores(BTreeMap<Box<str>, StoreShared>);

impl Stores {
    /// These stores. Where `default` is not one of them, it is in memory.
    pub fn new(named: impl IntoIterator<Item = (Box<str>, StoreShared)>) -> Self {
        let mut all: BTreeMap<_, _> = named.into_iter().collect();
        let in_memory = || Arc::new(MemoryStore::new(MemorySettings::default())) as StoreShared;
        all.entry(DEFAULT_STORE.into()).or_insert_with(in_memory);
        Self(all)
    }

    /// The store of this name; the default one where none is named.
    pub fn find(&self, name: Option<&Spanned<String>>) -> Result<&StoreShared, Problem> {
        let wanted = name.map_or(DEFAULT_STORE, |name| &name.value);
        self.0.get(wanted).ok_or_else(|| {
            let problem = Problem::error(format!("there is no store {}", quote(wanted)));
            let problem = name.map_or(problem.clone(), |name| problem.at(name.span));
            match nearest::nearest(wanted, self.0.keys().map(|name| &**name)) {
                Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                None => problem.help("stores are defined under `stores`; `default` is always there"),
            }
        })
    }

    /// Names and stores.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StoreShared)> {
        self.0.iter().map(|(name, store)| (&**name, store))
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self::new([])
    }
}
