//! `JobsShared`: few threads that do what takes too long for workers, and one bounded queue before them. Policies reach it through
//! their worker. Who finds the queue full is told so at once: where work comes faster than it can be done, waiting helps nobody.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use maitred_policy::{Fault, Job};
use maitred_telemetry::SharedCounter;

use crate::catch_panic::message;

/// Jobs that may wait, for each thread: at the tens of milliseconds that a password takes, the last one waits for seconds.
const QUEUED: usize = 64;

/// The threads, which begin with the first job.
#[derive(Debug)]
pub(crate) struct JobsShared {
    threads: usize,
    queue: OnceLock<SyncSender<Job>>,
    panics: Arc<SharedCounter>,
}

/// Where threads wait for jobs, one at a time.
#[expect(clippy::disallowed_types, reason = "only these threads take it, while they have nothing to do")]
type Waiting = std::sync::Mutex<Receiver<Job>>;

impl JobsShared {
    /// For so many workers: half as many threads, so that jobs cannot take all processors from them. Panics are counted.
    pub(crate) fn new(workers: usize, panics: Arc<SharedCounter>) -> Self {
        Self { threads: (workers / 2).max(1), queue: OnceLock::new(), panics }
    }

    /// Has a job done; a fault if there are too many, or no thread could be had.
    pub(crate) fn queue(&self, job: Job) -> Result<(), Fault> {
        let queue = if let Some(queue) = self.queue.get() {
            queue
        } else {
            // Threads that cannot be had now may be had later. Where two workers come at once, the threads of one of them end at once.
            let begun = self.begin().map_err(|error| Fault::gateway("no_threads").source(error))?;
            self.queue.get_or_init(|| begun)
        };
        queue.try_send(job).map_err(|_| Fault::shed("busy"))
    }

    fn begin(&self) -> io::Result<SyncSender<Job>> {
        let (sender, receiver) = sync_channel(self.threads * QUEUED);
        let waiting = Arc::new(Waiting::new(receiver));
        for index in 0..self.threads {
            let (waiting, panics) = (Arc::clone(&waiting), Arc::clone(&self.panics));
            let name = format!("jobs-{index}");
            std::thread::Builder::new().name(name).spawn(move || work(&waiting, &panics))?;
        }
        Ok(sender)
    }
}

/// Does one job after the other until nobody can bring another. A panic ends a job and not its thread.
fn work(waiting: &Waiting, panics: &SharedCounter) {
    let next = || waiting.lock().ok().and_then(|jobs| jobs.recv().ok());
    while let Some(job) = next() {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
            panics.inc();
            tracing::error!("a job panicked: {}", message(&*payload));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_full_queue_says_so_and_a_panic_ends_one_job() {
        let panics = Arc::new(SharedCounter::default());
        let jobs = JobsShared::new(1, Arc::clone(&panics));
        let (go, held) = channel::<()>();
        let (begun, begins) = channel();
        jobs.queue(Box::new(move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        }))
        .unwrap();
        begins.recv().unwrap();
        jobs.queue(Box::new(|| panic!("a test"))).unwrap();
        let (done, all_done) = channel();
        for _ in 1..QUEUED {
            let done = done.clone();
            jobs.queue(Box::new(move || done.send(()).unwrap())).unwrap();
        }
        let full = jobs.queue(Box::new(|| {})).unwrap_err();
        assert_eq!((full.status(), full.cause()), (503, "busy"));
        go.send(()).unwrap();
        (1..QUEUED).for_each(|_| all_done.recv().unwrap());
        assert_eq!(panics.value(), 1);
    }
}
