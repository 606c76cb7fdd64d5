//! What hooks may ask of the worker that runs them: the time, to be woken later, chance, and threads for what takes long. All of it
//! is passed in, so that tests move the clock and seed the dice.

use std::fmt;
use std::pin::Pin;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::fault::Fault;

/// A wait for an instant. Dropping it costs nothing more.
pub type Sleep = Pin<Box<dyn Future<Output = ()>>>;

/// Work for another thread.
pub type Job = Box<dyn FnOnce() + Send>;

/// The worker, as far as policies know it.
pub trait Runtime: fmt::Debug {
    /// The time.
    fn now(&self) -> Instant;

    /// Ready at this instant, or some milliseconds later.
    fn sleep_until(&self, at: Instant) -> Sleep;

    /// A random number, each as likely as any other. Not for secrets.
    fn random(&self) -> u64;

    /// Has a job done by a thread that may take its time. There are few of these threads, and one queue for the process; where that
    /// is full, the fault says so at once. For hooks there is [`off_worker`].
    fn queue(&self, job: Job) -> Result<(), Fault>;
}

/// Does what takes longer than a worker may (hashing passwords) on another thread: its result. Work whose client has gone before
/// its turn came is not begun. A full queue is a fault (503), and so is a panic (500).
pub async fn off_worker<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let (sender, result) = oneshot::channel();
    runtime.queue(Box::new(move || {
        if !sender.is_closed() {
            // The client may have gone meanwhile.
            let _ = sender.send(work());
        }
    }))?;
    result.await.map_err(|_| Fault::gateway("panic"))
}
