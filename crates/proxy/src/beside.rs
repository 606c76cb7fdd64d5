//! What goes on beside requests, on a worker's thread: an answer is put into a store while its client has it already.
//! There is never more of it than a bound, since nobody waits for it.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use maitred_net::Timers;
use maitred_policy::{Aside, Beside, Sleep};
use maitred_store::{Moment, Seat};

use crate::clock::{Clock, micros, unix_micros};

/// How much goes on at once on one worker. Stores answer within a time-out, so that this is some ten thousand a second where one is away.
const MOST: usize = 1024;

/// A worker, for what outlives the hooks of policies.
#[derive(Debug)]
pub(crate) struct WorkerBeside {
    index: usize,
    clock: Clock,
    began: Instant,
    timers: Timers,
    going_on: Rc<Cell<usize>>,
}

/// One thing that goes on.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(going_on: &Rc<Cell<usize>>) -> Option<Self> {
        let count = going_on.get();
        (count < MOST).then(|| {
            going_on.set(count + 1);
            Self(Rc::clone(going_on))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl WorkerBeside {
    /// Of worker `index`, of a gateway that began then.
    pub(crate) fn new(index: usize, clock: Clock, began: Instant, timers: Timers) -> Self {
        Self { index, clock, began, timers, going_on: Rc::default() }
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

    fn detach(&self, mut aside: Aside) -> bool {
        if aside.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        let Some(place) = Place::take(&self.going_on) else { return false };
        // The task polls it once more, by which it learns whom to wake.
        tokio::task::spawn_local(async move {
            aside.await;
            drop(place);
        });
        true
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
}
