//! The stores of a snapshot, and the words that they were opened by: a reload that has the same words goes on with them.
//! They are opened in `compile/stores.rs`.

use std::path::Path;
use std::sync::Arc;

use maitred_config::Store;
use maitred_net::ClientTls;
use maitred_policy::Stores;
use maitred_store::StoreShared;

/// The stores of a snapshot, with what they were opened by.
#[derive(Debug)]
pub(crate) struct OpenStores {
    pub(crate) written: Vec<(Box<str>, Store)>,
    /// How TLS is spoken to those that it is spoken to: words that are the same may name files that are not.
    pub(crate) tls: Vec<(Box<str>, ClientTls)>,
    pub(crate) open: Stores,
}

impl OpenStores {
    /// The stores.
    pub(crate) fn open(&self) -> &Stores {
        &self.open
    }

    /// Has a store that is kept in the same file as this one write it, so that this one goes on from there.
    pub(crate) fn save_for(&self, next: &Store) {
        let Some(path) = file(next) else { return };
        let same = self.written.iter().filter(|(_, store)| file(store) == Some(path));
        for (name, _) in same {
            if let Some((_, open)) = self.open.iter().find(|(known, _)| **known == **name) {
                open.save();
            }
        }
    }

    /// The store of this name, if it was opened by the same words and TLS.
    pub(crate) fn same(&self, name: &str, store: &Store, tls: Option<&ClientTls>) -> Option<StoreShared> {
        let of_name = self.tls.iter().find(|(known, _)| **known == *name).map(|(_, tls)| tls);
        let is_same_tls = match (of_name, tls) {
            (Some(before), Some(tls)) => before.is_same(tls),
            (before, tls) => before.is_none() && tls.is_none(),
        };
        let is_same =
            is_same_tls && self.written.iter().any(|(known, written)| **known == *name && written == store);
        let (_, open) = self.open.iter().find(|(known, _)| is_same && *known == name)?;
        Some(Arc::clone(open))
    }
}

/// The file in which a store keeps what must not be lost.
fn file(store: &Store) -> Option<&Path> {
    let memory = store.memory.as_ref()?;
    memory.path.as_ref().map(|path| path.value.as_path())
}
