//! What stores do beside requests: a task on the control runtime for each, for as long as a snapshot has the store.
//! What that is, the store knows.

use std::sync::Arc;

use maitred_store::StoreShared;
use tokio::task::AbortHandle;

use crate::snapshot::Snapshot;

/// The tasks of the snapshot in force.
#[derive(Debug, Default)]
pub(crate) struct Chores(Vec<Chore>);

#[derive(Debug)]
struct Chore {
    store: StoreShared,
    task: Option<AbortHandle>,
}

impl Drop for Chore {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Chores {
    /// Does the chores of this snapshot's stores from now on, and no others.
    pub(crate) fn adopt(&mut self, snapshot: &Snapshot) {
        let mut before = std::mem::take(&mut self.0);
        for (_, store) in snapshot.stores.open().iter() {
            let same = |chore: &Chore| Arc::ptr_eq(&chore.store, store);
            let chore = before.iter().position(same).map(|at| before.swap_remove(at));
            self.0.push(chore.unwrap_or_else(|| Chore::start(store)));
        }
    }
}

impl Chore {
    fn start(store: &StoreShared) -> Self {
        let task = Arc::clone(store).chores().map(|chores| tokio::task::spawn_local(chores).abort_handle());
        Self { store: Arc::clone(store), task }
    }
}
