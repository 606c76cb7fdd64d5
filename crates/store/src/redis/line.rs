//! One connection of one seat to a server: it comes about in a task of its own on the thread of the seat, is shared by all that this
//! thread asks, and ends when the line is dropped, with all that wait for answers over it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::breaker::Era;
use super::link::Link;
use super::settings::RedisPlace;
use crate::answer::{Away, Said};

/// A connection, or one that comes about.
#[derive(Debug)]
pub(super) struct Line {
    /// When it was begun.
    pub(super) era: Era,
    progress: Arc<Progress>,
    task: AbortHandle,
}

/// How far it is.
#[derive(Debug, Default)]
struct Progress {
    state: AtomicU8,
    connection: OnceLock<MultiplexedConnection>,
    changed: Notify,
}

/// It comes about, and who needs it may wait.
const CONNECTING: u8 = 0;
/// It takes longer than a request may wait.
const SLOW: u8 = 1;
const UP: u8 = 2;
const GONE: u8 = 3;

impl Line {
    /// Begins to connect, and tells where that fails.
    pub(super) fn begin(
        link: Arc<Link>,
        place: RedisPlace,
        era: Era,
        failed: impl FnOnce(&RedisError) + Send + 'static,
    ) -> Self {
        let progress = Arc::<Progress>::default();
        let shown = Arc::clone(&progress);
        let task = tokio::spawn(async move {
            if let Err(error) = run(&link, &place, &shown).await {
                failed(&error);
            }
            shown.is_now(GONE);
        });
        Self { era, progress, task: task.abort_handle() }
    }

    /// Whether it is of no use any more.
    pub(super) fn is_gone(&self) -> bool {
        self.progress.state.load(Ordering::Acquire) == GONE
    }

    /// The connection. Where it does not come about as fast as a command must be answered, nobody waits for it.
    pub(super) async fn connection(&self) -> Said<MultiplexedConnection> {
        loop {
            // Before the look, so that no change between is missed.
            let changed = self.progress.changed.notified();
            match self.progress.state.load(Ordering::Acquire) {
                CONNECTING => changed.await,
                UP => return self.progress.connection.get().cloned().ok_or(Away::Unreachable),
                _ => return Err(Away::Unreachable),
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Its answers would come to nobody, and a server that hangs would keep it open.
        self.task.abort();
    }
}

impl Progress {
    fn is_now(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.changed.notify_waiters();
    }
}

/// Connects, and drives the connection until it ends.
async fn run(link: &Link, place: &RedisPlace, shown: &Progress) -> Result<(), RedisError> {
    let mut running = std::pin::pin!(link.run(place, |connection| {
        // Nobody else sets it.
        let _ = shown.connection.set(connection);
        shown.is_now(UP);
    }));
    if let Ok(ended) = tokio::time::timeout(link.timeout, &mut running).await {
        return ended;
    }
    if shown.connection.get().is_none() {
        shown.is_now(SLOW);
    }
    running.await
}
