//! The stores of a snapshot, and the words that they were opened by: a reload that has the same words goes on with them.
//! They are opened in `compile/stores.rs`.

use std::sync::Arc;

use maitred_config::Store;
use maitred_policy::Stores;
use maitred_store::StoreShared;

/// The stores of a snapshot, with what they were opened by.
#[derive(Debug)]
pub(crate) struct OpenStores {
    pub(crate) written: Vec<(Box<str>, Store)>,
    pub(crate) open: Stores,
}

impl OpenStores {
    /// The stores.
    pub(crate) fn open(&self) -> &Stores {
        &self.open
    }

    /// The store of this name, if it was opened by the same words.
    pub(crate) fn same(&self, name: &str, store: &Store) -> Option<StoreShared> {
        let is_same = self.written.iter().any(|(known, written)| **known == *name && written == store);
        let (_, open) = self.open.iter().find(|(known, _)| is_same && *known == name)?;
        Some(Arc::clone(open))
    }
}
