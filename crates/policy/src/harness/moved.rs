//! The worker of a test: its clock stands until the test moves it, and its dice are seeded.
//! It is what the engine gives to hooks, without a thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use maitred_config::scalar::HttpUrl;
use maitred_http::{PathRules, RequestHead, ResponseHead};
use maitred_store::{Moment, Seat};

use super::called::{Answer, Called};
use crate::body::WholeBody;
use crate::facts::{Facts, Reached};
use crate::fault::Fault;
use crate::outbound::{CallError, CallLimits, Calling, Outbound};
use crate::runtime::{Aside, Beside, Job, Runtime, Sleep};

/// 2026-01-01, 00:00 UTC, in microseconds since 1970.
const BEGAN: u64 = 1_767_225_600_000_000;

/// The runtime of one exchange; clones are of the same worker.
#[derive(Clone, Debug)]
pub(super) struct MovedRuntime(Rc<Moved>, Cell<usize>);

/// A request that a policy has wanted asked anew.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// Its head.
    pub request: RequestHead,
    /// What is known of it.
    pub facts: Facts,
    /// The policy that it begins at.
    pub(super) first: usize,
}

struct Moved {
    refreshes: RefCell<Vec<Refresh>>,
    refuses_refreshes: Cell<bool>,
    now: Cell<Instant>,
    /// When the test began, at [`BEGAN`] by the clock on the wall.
    began: Instant,
    /// When somebody is to be woken; those of waits that were given up stay until their time has passed.
    alarms: RefCell<Vec<Instant>>,
    random: RefCell<fastrand::Rng>,
    /// How services answer.
    answer: RefCell<Option<Answer>>,
    calls: RefCell<Vec<Called>>,
    open_calls: Cell<usize>,
    jobs: RefCell<Jobs>,
    asides: RefCell<Asides>,
}

/// What goes on beside requests.
#[derive(Default)]
struct Asides(Vec<Aside>);

impl fmt::Debug for Asides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} go on", self.0.len())
    }
}

impl fmt::Debug for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moved").field("now", &self.now).field("calls", &self.calls).finish_non_exhaustive()
    }
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
        let began = Instant::now();
        let now = Cell::new(began);
        let (alarms, answer, calls) = (RefCell::default(), RefCell::default(), RefCell::default());
        let (open_calls, jobs, asides) = (Cell::default(), RefCell::default(), RefCell::default());
        let (refreshes, refuses_refreshes) = (RefCell::default(), Cell::default());
        let moved = Moved {
            refreshes,
            refuses_refreshes,
            now,
            began,
            alarms,
            random,
            answer,
            calls,
            open_calls,
            jobs,
            asides,
        };
        Self(Rc::new(moved), Cell::default())
    }
}

impl MovedRuntime {
    pub(super) fn seed(&self, seed: u64) {
        self.0.random.borrow_mut().seed(seed);
    }

    pub(super) fn answer_with(&self, answer: Answer) {
        *self.0.answer.borrow_mut() = Some(answer);
    }

    /// It is the turn of this policy.
    pub(super) fn turn(&self, policy: usize) {
        self.1.set(policy);
    }

    pub(super) fn take_refreshes(&self) -> Vec<Refresh> {
        self.0.refreshes.take()
    }

    pub(super) fn refuse_refreshes(&self) {
        self.0.refuses_refreshes.set(true);
    }

    pub(super) fn calls(&self) -> Vec<Called> {
        self.0.calls.borrow().clone()
    }

    pub(super) fn open_calls(&self) -> usize {
        self.0.open_calls.get()
    }

    /// Asks the test, and waits for the deadline where it is silent.
    async fn ask(&self, called: Called) -> Result<(ResponseHead, WholeBody), CallError> {
        self.0.calls.borrow_mut().push(called.clone());
        let open = Open::new(&self.0);
        let answer = self.0.answer.borrow_mut().as_mut().expect("the test says how services answer")(&called);
        let Some(answer) = answer else {
            self.sleep_until(called.limits.deadline).await;
            return Err(CallError::Timeout);
        };
        drop(open);
        let (head, body) = answer?;
        if body.bytes.len() > called.limits.most { Err(CallError::TooLarge) } else { Ok((head, body)) }
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

    /// Lets what goes on beside requests go on, as far as it can.
    pub(super) fn go_on(&self) {
        let before = std::mem::take(&mut self.0.asides.borrow_mut().0);
        for aside in before {
            self.detach(aside);
        }
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

    fn seat(&self) -> Seat {
        Beside::seat(self)
    }

    fn moment(&self) -> Moment {
        Beside::moment(self)
    }

    fn beside(&self) -> Rc<dyn Beside> {
        Rc::new(self.clone())
    }

    fn refresh(&self, request: RequestHead, mut facts: Facts) -> bool {
        if facts.is_refresh || self.0.refuses_refreshes.get() {
            return false;
        }
        facts.is_refresh = true;
        (facts.upstream, facts.sent_at, facts.stores) = (None, None, None);
        (facts.reached, facts.is_once) = (Reached::Nothing, false);
        self.0.refreshes.borrow_mut().push(Refresh { request, facts, first: self.1.get() });
        true
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

    fn call<'a>(
        &'a self,
        to: &'a Outbound,
        request: RequestHead,
        body: Vec<u8>,
        limits: CallLimits,
    ) -> Calling<'a> {
        Box::pin(self.ask(Called { to: to.name().to_owned(), request, body, limits }))
    }

    fn call_url<'a>(
        &'a self,
        url: &'a HttpUrl,
        mut request: RequestHead,
        body: Vec<u8>,
        limits: CallLimits,
    ) -> Calling<'a> {
        let target = url.target();
        request.target.parse(target.as_bytes(), PathRules::Raw).expect("the target of a URL is one");
        Box::pin(self.ask(Called { to: url.origin().to_string(), request, body, limits }))
    }
}

impl Beside for MovedRuntime {
    fn seat(&self) -> Seat {
        Seat::Worker(0)
    }

    fn moment(&self) -> Moment {
        let steady = self.0.now.get().saturating_duration_since(self.0.began).as_micros();
        let steady = u64::try_from(steady).expect("a test takes less than an age");
        Moment { steady, wall: BEGAN + steady }
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.sleep_until(self.0.now.get() + time)
    }

    fn detach(&self, mut aside: Aside) -> bool {
        if aside.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.0.asides.borrow_mut().0.push(aside);
        }
        true
    }

    fn attend(&self, aside: Aside) -> bool {
        self.detach(aside)
    }
}

/// Counts a call for as long as somebody waits for it.
struct Open(Rc<Moved>);

impl Open {
    fn new(moved: &Rc<Moved>) -> Self {
        moved.open_calls.set(moved.open_calls.get() + 1);
        Self(Rc::clone(moved))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_calls.set(self.0.open_calls.get() - 1);
    }
}
