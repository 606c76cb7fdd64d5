//! Notices that files of the configuration changed, on disks whose kernel tells (not on network file systems: SIGHUP is
//! for those).
//!
//! Folders are watched and not files, because editors and Kubernetes replace a file instead of writing it. Only changes
//! of names that matter (`places`) count, so that a log file beside the configuration wakes nobody.

mod places;

use std::time::Duration;

use maitred_config::Watched;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use self::places::Places;

/// After a change, how long nothing more may change before it is acted on: a copy of several files is one change.
const QUIET: Duration = Duration::from_millis(100);
/// How long it is acted on nothing while changes go on.
const PATIENCE: Duration = Duration::from_secs(2);

/// A watch over what one load has read.
#[derive(Debug)]
pub(crate) struct Watch {
    settled: mpsc::Receiver<()>,
    /// Watches until it is dropped.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches these from now on. To be called on the control runtime.
    pub(crate) fn new(watched: &[Watched]) -> notify::Result<Self> {
        let places = Places::of(watched);
        let folders = places.folders.clone();
        // One waiting change says all: the load that follows reads everything again.
        let (tell, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |event| matters(&event, &places)) {
                // Full means that a change is waiting already.
                let _ = tell.try_send(());
            }
        })?;
        for folder in &folders {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        let (tell_settled, settled) = mpsc::channel(1);
        tokio::spawn(settle(changes, tell_settled));
        Ok(Self { settled, _watcher: watcher })
    }

    /// Waits until something changed and then stayed as it is for a moment. Loses nothing if it is dropped while waiting.
    pub(crate) async fn changed(&mut self) {
        if self.settled.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Passes changes on once they are over. Ends with the watcher.
async fn settle(mut changes: mpsc::Receiver<()>, tell: mpsc::Sender<()>) {
    while changes.recv().await.is_some() {
        let quiet = async { while let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await {} };
        // Changes that go on and on are acted on as well.
        let _ = tokio::time::timeout(PATIENCE, quiet).await;
        // Full means that a change is waiting already.
        let _ = tell.try_send(());
    }
}

/// Reading is no change: our own load would wake us.
fn matters(event: &Event, places: &Places) -> bool {
    let is_read =
        matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
    event.need_rescan() || !is_read && event.paths.iter().any(|path| places.matters(path))
}

#[cfg(test)]
mod tests;
