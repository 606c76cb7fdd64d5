//! Gateways that share a store, and what goes on there beside requests.
//! The clock is the same for all of them.

use std::rc::Rc;

use maitred_config::{DEFAULT_STORE, Memory};
use maitred_store::StoreShared;

use super::{Around, Harness, of_document};
use crate::kind::PolicyKind;
use crate::runtime::{Beside, Runtime as _};
use crate::stores::Stores;

impl Harness {
    /// The only policy of this one in another gateway, whose stores are these. The clock is the same.
    pub fn replica<K: PolicyKind>(&self, yaml: &str) -> Self {
        let (facts, runtime, around) = (self.facts.clone(), self.runtime.clone(), self.around.clone());
        Self { policies: Vec::new(), facts, around, runtime }.and::<K>(yaml)
    }

    /// The policy `K` where the default store is this one.
    pub fn with_store<K: PolicyKind>(store: StoreShared, yaml: &str) -> Self {
        let stores = Stores::new([(DEFAULT_STORE.into(), store)]);
        Self::amid::<K>(Around { stores, ..Around::default() }, yaml)
    }

    /// The same in a gateway that has this document, which may name the files.
    pub fn in_document_with_store<K: PolicyKind>(
        (document, files): (&str, &Memory),
        store: StoreShared,
        yaml: &str,
    ) -> Self {
        let stores = Stores::new([(DEFAULT_STORE.into(), store)]);
        Self::amid::<K>(Around { stores, ..of_document(document, files) }, yaml)
    }

    /// The worker, for what outlives hooks.
    pub fn beside(&self) -> Rc<dyn Beside> {
        self.runtime.beside()
    }
}
