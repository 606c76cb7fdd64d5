//! Stores: each is opened once, and goes on over reloads for as long as it is configured in the same way.

use std::path::Path;
use std::sync::Arc;

use maitred_config::{MemoryStore as Written, Store};
use maitred_policy::Stores;
use maitred_store::{MemorySettings, MemoryStore, StoreShared};

use super::Compiler;

/// The stores of a snapshot, with what they were opened by.
#[derive(Debug)]
pub(crate) struct OpenStores {
    written: Vec<(Box<str>, Store)>,
    open: Stores,
}

impl OpenStores {
    /// The stores.
    pub(crate) fn open(&self) -> &Stores {
        &self.open
    }

    /// Has a store that is kept in the same file as this one write it, so that this one goes on from there.
    fn save_for(&self, next: &Store) {
        let Some(path) = file(next) else { return };
        let same = self.written.iter().filter(|(_, store)| file(store) == Some(path));
        for (name, _) in same {
            if let Some((_, open)) = self.open.iter().find(|(known, _)| **known == **name) {
                open.save();
            }
        }
    }

    /// The store of this name, if it was opened by the same words.
    fn same(&self, name: &str, store: &Store) -> Option<StoreShared> {
        let is_same = self.written.iter().any(|(known, written)| **known == *name && written == store);
        let (_, open) = self.open.iter().find(|(known, _)| is_same && *known == name)?;
        Some(Arc::clone(open))
    }
}

/// Opens the stores of a document, or takes them over from the last snapshot.
pub(super) fn compile(compiler: &Compiler<'_>) -> OpenStores {
    let default = (maitred_config::DEFAULT_STORE, Store { memory: Some(Written::default()) });
    let stores = &compiler.document.stores;
    let mut written: Vec<(Box<str>, Store)> =
        stores.iter().map(|store| (store.name.to_string().into(), store.value.clone())).collect();
    if written.iter().all(|(name, _)| **name != *default.0) {
        written.push((default.0.into(), default.1));
    }
    let before = compiler.previous.map(|snapshot| &snapshot.stores);
    let opened = written.iter().map(|(name, store)| {
        let open = before.and_then(|before| before.same(name, store)).unwrap_or_else(|| {
            if let Some(before) = before {
                before.save_for(store);
            }
            open(store)
        });
        compiler.metrics.measure(&[("store", name)], &open.measured());
        (name.clone(), open)
    });
    let open = Stores::new(opened.collect::<Vec<_>>());
    OpenStores { written, open }
}

fn open(store: &Store) -> StoreShared {
    let size = store.memory.clone().unwrap_or_default().size;
    let path = file(store).map(Path::to_owned);
    Arc::new(MemoryStore::new(MemorySettings { size: size.0, path }))
}

/// The file that a store keeps what must not be lost in.
fn file(store: &Store) -> Option<&Path> {
    let memory = store.memory.as_ref()?;
    memory.path.as_ref().map(|path| path.value.as_path())
}
