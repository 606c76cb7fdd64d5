//! The worker of a test: its clock stands until the test moves it, and its dice are seeded.
//! It is what the engine gives to hooks, without a thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::runtime::{Runtime, Sleep};

/// Clones are the same worker.
#[derive(Clone, Debug)]
pub(super) struct MovedRuntime(Rc<Moved>);

#[derive(Debug)]
struct Moved {
    now: Cell<Instant>,
    /// When somebody is to be woken; those of waits that were given up stay until their time has passed.
    alarms: RefCell<Vec<Instant>>,
    random: RefCell<fastrand::Rng>,
}

impl Default for MovedRuntime {
    #[expect(clippy::disallowed_methods, reason = "any instant will do: it is moved by hand from here on")]
    fn default() -> Self {
        let random = RefCell::new(fastrand::Rng::with_seed(0));
        Self(Rc::new(Moved { now: Cell::new(Instant::now()), alarms: RefCell::default(), random }))
    }
}

impl MovedRuntime {
    pub(super) fn seed(&self, seed: u64) {
        self.0.random.borrow_mut().seed(seed);
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.now.set(self.0.now.get() + by);
    }

    /// Moves the clock to the next instant that somebody waits for, if there is one.
    pub(super) fn skip(&self) -> bool {
        let now = self.0.now.get();
        let mut alarms = self.0.alarms.borrow_mut();
        alarms.retain(|at| *at > now);
        let next = alarms.iter().min().copied();
        self.0.now.set(next.unwrap_or(now));
        next.is_some()
    }
}

impl Runtime for MovedRuntime {
    fn now(&self) -> Instant {
        self.0.now.get()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.0.alarms.borrow_mut().push(at);
        let moved = Rc::clone(&self.0);
        Box::pin(std::future::poll_fn(
            move |_| {
                if moved.now.get() >= at { Poll::Ready(()) } else { Poll::Pending }
            },
        ))
    }

    fn random(&self) -> u64 {
        self.0.random.borrow_mut().u64(..)
    }
}
