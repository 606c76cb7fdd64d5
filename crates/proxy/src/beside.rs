//! What goes on beside requests, on a worker's thread: an answer is put into a store while its client has it already.
//! There is never more of it than a bound, since nobody waits for it.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use maitred_net::Timers;
use maitred_policy::{Aside, Beside, Sleep};
use maitred_store::{Moment, Seat};
use tokio::sync::Notify;

use crate::clock::{Clock, micros, unix_micros};
use crate::place::Place;

/// How much goes on at once on one worker. Stores answer within a time-out, so that this is some ten thousand a second where one is away.
const MOST: usize = 1024;

/// How long a worker that ends waits for it: some time-outs of stores.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A worker, for what outlives the hooks of policies.
#[derive(Debug)]
pub(crate) struct WorkerBeside {
    index: usize,
    clock: Clock,
    began: Instant,
    timers: Timers,
    going_on: Rc<Cell<usize>>,
    awaited: Rc<Awaited>,
    /// Whether the worker has ended: nothing is begun any more.
    is_over: Cell<bool>,
}

/// What of that a worker waits for before it ends.
#[derive(Debug, Default)]
struct Awaited {
    going_on: Rc<Cell<usize>>,
    ended: Notify,
}

/// Marks the end of a worker by its drop.
pub(crate) struct End(Rc<WorkerBeside>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.is_over.set(true);
    }
}

impl WorkerBeside {
    /// Of worker `index`, of a gateway that began then.
    pub(crate) fn new(index: usize, clock: Clock, began: Instant, timers: Timers) -> Self {
        let (going_on, awaited, is_over) = Default::default();
        Self { index, clock, began, timers, going_on, awaited, is_over }
    }

    /// Has nothing begun any more once this is dropped. What falls then would be woken by nobody.
    pub(crate) fn until_end(self: &Rc<Self>) -> End {
        End(Rc::clone(self))
    }

    /// Waits for what is to be finished, though not for long: a store may be away.
    pub(crate) async fn finish(&self) {
        let finished = async {
            while self.awaited.going_on.get() > 0 {
                self.awaited.ended.notified().await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, finished).await.is_err() {
            let (worker, left) = (self.index, self.awaited.going_on.get());
            tracing::warn!(worker, left, "the worker ends before all was put into stores");
        }
    }

    fn begin(&self, mut aside: Aside, is_awaited: bool) -> bool {
        if self.is_over.get() {
            return false;
        }
        if aside.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        let Some(place) = Place::take(&self.going_on, MOST) else { return false };
        let awaited = is_awaited.then(|| Rc::clone(&self.awaited));
        let waits = awaited.as_ref().and_then(|awaited| Place::take(&awaited.going_on, MOST));
        // The task polls it once more, by which it learns whom to wake.
        tokio::task::spawn_local(async move {
            aside.await;
            drop((place, waits));
            if let Some(awaited) = awaited {
                awaited.ended.notify_one();
            }
        });
        true
    }
}

impl Beside for WorkerBeside {
    fn seat(&self) -> Seat {
        Seat::Worker(self.index)
    }

    fn moment(&self) -> Moment {
        let steady = micros(self.clock.now().saturating_duration_since(self.began));
        Moment { steady, wall: unix_micros(self.clock.wall()) }
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let timer = self.timers.timer();
        timer.set(self.clock.now() + time);
        Box::pin(std::future::poll_fn(move |cx| timer.poll_fired(cx)))
    }

    fn detach(&self, aside: Aside) -> bool {
        self.begin(aside, true)
    }

    fn attend(&self, aside: Aside) -> bool {
        self.begin(aside, false)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn what_is_ready_is_done_at_once_and_only_so_much_goes_on() {
        let local = tokio::runtime::LocalOptions::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build_local(local).unwrap();
        runtime.block_on(async {
            let clock = Clock::default();
            let beside = WorkerBeside::new(0, clock, clock.now(), Timers::new(clock.now()));
            let marked = Rc::new(Cell::new(0));
            let mark = Rc::clone(&marked);
            assert!(beside.detach(Box::pin(async move { mark.set(1) })));
            assert_eq!(marked.get(), 1, "a store in memory has it before anybody else asks");
            let mark = Rc::clone(&marked);
            let later = async move {
                tokio::task::yield_now().await;
                mark.set(2);
            };
            assert!(beside.detach(Box::pin(later)));
            for _ in 1..MOST {
                assert!(beside.detach(Box::pin(pending())));
            }
            assert!(!beside.detach(Box::pin(pending())) && beside.detach(Box::pin(ready(()))));
            while beside.going_on.get() == MOST {
                tokio::task::yield_now().await;
            }
            assert_eq!(marked.get(), 2);
            assert!(beside.detach(Box::pin(pending())), "what has ended leaves its place");
        });
    }

    #[test]
    fn a_worker_that_ends_waits_for_what_is_to_be_finished() {
        let local = tokio::runtime::LocalOptions::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build_local(local).unwrap();
        runtime.block_on(async {
            let clock = Clock::default();
            let beside = Rc::new(WorkerBeside::new(0, clock, clock.now(), Timers::new(clock.now())));
            let end = beside.until_end();
            assert!(beside.attend(Box::pin(pending())));
            let (done, marked) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
            for _ in 0..3 {
                let (done, marked) = (Rc::clone(&done), Rc::clone(&marked));
                let put = async move {
                    marked.notified().await;
                    done.set(done.get() + 1);
                };
                assert!(beside.detach(Box::pin(put)));
            }
            let mut finish = std::pin::pin!(beside.finish());
            for _ in 0..3 {
                assert!(finish.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                marked.notify_one();
                tokio::task::yield_now().await;
            }
            finish.await;
            assert_eq!(done.get(), 3);
            drop(end);
            assert!(!beside.detach(Box::pin(ready(()))), "nobody would wake it");
        });
    }
}
