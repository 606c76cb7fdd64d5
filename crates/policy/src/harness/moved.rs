//! The worker of a test: its clock stands until the test moves it, and its dice are seeded.
//! It is what the engine gives to hooks, without a thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::runtime::{Job, Runtime, Sleep};

/// Clones are the same worker.
#[derive(Clone, Debug)]
pub(super) struct MovedRuntime(Rc<Moved>);

#[derive(Debug)]
struct Moved {
    now: Cell<Instant>,
    /// When somebody is to be woken; those of waits that were given up stay until their time has passed.
    alarms: RefCell<Vec<Instant>>,
    random: RefCell<fastrand::Rng>,
    jobs: RefCell<Jobs>,
}

/// What was handed over to other threads, of which there are none.
#[derive(Default)]
struct Jobs {
    /// How many may wait for the test to have them done; none where each is done at once.
    held: Option<usize>,
    waiting: VecDeque<Job>,
    done: usize,
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs wait", self.waiting.len())
    }
}

impl Default for MovedRuntime {
    #[expect(clippy::disallowed_methods, reason = "any instant will do: it is moved by hand from here on")]
    fn default() -> Self {
        let random = RefCell::new(fastrand::Rng::with_seed(0));
        let (now, alarms, jobs) = (Cell::new(Instant::now()), RefCell::default(), RefCell::default());
        Self(Rc::new(Moved { now, alarms, random, jobs }))
    }
}

impl MovedRuntime {
    pub(super) fn seed(&self, seed: u64) {
        self.0.random.borrow_mut().seed(seed);
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.now.set(self.0.now.get() + by);
    }

    /// Has jobs wait until [`work`](Self::work) is called. More than `most` are refused.
    pub(super) fn hold_jobs(&self, most: usize) {
        self.0.jobs.borrow_mut().held = Some(most);
    }

    /// Does the job that has waited longest; false if there is none.
    pub(super) fn work(&self) -> bool {
        let job = self.0.jobs.borrow_mut().waiting.pop_front();
        job.map(|job| self.run(job)).is_some()
    }

    /// How many jobs were done.
    pub(super) fn jobs_done(&self) -> usize {
        self.0.jobs.borrow().done
    }

    fn run(&self, job: Job) {
        self.0.jobs.borrow_mut().done += 1;
        job();
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

    fn queue(&self, job: Job) -> Result<(), Fault> {
        let mut jobs = self.0.jobs.borrow_mut();
        match jobs.held {
            Some(most) if jobs.waiting.len() >= most => return Err(Fault::shed("busy")),
            Some(_) => jobs.waiting.push_back(job),
            None => {
                drop(jobs);
                self.run(job);
            }
        }
        Ok(())
    }
}
