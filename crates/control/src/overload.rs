//! Watches how much memory is in use, and tells the workers when it is short. On the control runtime, beside all else: also while a
//! document is loaded.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use maitred_config::{Document, Toggle};
use maitred_net::release_memory;
use maitred_proxy::{Hysteresis, OverloadShared};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::memory::MemoryBudget;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);

/// The watch over memory. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct OverloadWatch {
    budget: watch::Sender<Option<MemoryBudget>>,
    task: AbortHandle,
}

impl OverloadWatch {
    /// Begins to watch, with nothing to keep to yet. To be called on the control runtime.
    pub(crate) fn start(overload: Arc<OverloadShared>) -> Self {
        let (budget, read) = watch::channel(None);
        Self { budget, task: tokio::spawn(keep(overload, read)).abort_handle() }
    }

    /// Keeps to what this document says from now on.
    pub(crate) fn adopt(&self, document: &Document) {
        let budget = match &document.limits.overload {
            Toggle::Off => None,
            Toggle::On(overload) => MemoryBudget::of(overload.memory.as_ref(), Path::new("/")),
        };
        self.budget.send_if_modified(|old| std::mem::replace(old, budget.clone()) != budget);
    }
}

impl Drop for OverloadWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(overload: Arc<OverloadShared>, mut budget: watch::Receiver<Option<MemoryBudget>>) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut hysteresis, mut was_short) = (Hysteresis::default(), false);
    loop {
        let now = budget.borrow_and_update().clone();
        let used = now.as_ref().and_then(MemoryBudget::used);
        let is_short = if let (Some(budget), Some(used)) = (&now, used) {
            hysteresis.update(used, budget.bound)
        } else {
            hysteresis = Hysteresis::default();
            false
        };
        if is_short {
            // What this thread has; the workers see to theirs.
            release_memory();
        }
        if std::mem::replace(&mut was_short, is_short) != is_short {
            overload.set_memory(is_short);
            let (used, bound) = (used.unwrap_or(0), now.as_ref().map_or(0, |budget| budget.bound));
            if is_short {
                tracing::warn!(used, bound, "overloaded: memory is short; new requests are refused");
            } else {
                tracing::info!(used, bound, "memory is no longer short; requests are taken again");
            }
        }
        if now.is_some() {
            tick.tick().await;
        } else if budget.changed().await.is_err() {
            return;
        }
    }
}
