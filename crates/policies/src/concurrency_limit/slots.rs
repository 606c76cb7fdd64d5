//! The places of requests under way, counted for the whole process, and the queue for them.
//!
//! A request that finds a free place while nobody waits takes it with one atomic step. The queue is behind a lock, which is taken only where the limit is
//! reached, for as long as it takes to move a few pointers. A place is given back when its [`Permit`] is dropped, wherever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

use maitred_telemetry::{Measure, Measured, SharedCounter};
use tokio::sync::oneshot::{Receiver, channel};

use super::adaptive::AdaptiveShared;
use super::gradient::Bounds;
use super::queue::{Class, Queue};

/// How many requests may be under way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Fixed(usize),
    Adaptive(Bounds),
    /// So many of each caller, however many they are together: those are slots in a store, and here they are only counted.
    EachCaller(usize),
}

/// What a configuration says of the places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) limit: Limit,
    /// How many may wait.
    pub(super) room: usize,
    /// How many configurations were in force before this one. The limit of the latest holds for all, whichever they came with.
    pub(super) edition: u64,
}

/// The places, and who waits for one. Kept over reloads.
#[derive(Debug)]
pub(super) struct SlotsShared {
    taken: AtomicUsize,
    /// As long as the queue; written with it.
    waiting: AtomicUsize,
    /// That of the latest rules that a request came with; written with their limit.
    edition: AtomicU64,
    line: LockedLine,
    pub(super) adaptive: AdaptiveShared,
    refused: [SharedCounter; Refusal::ALL.len()],
}

/// Those that wait, and the limit that keeps them waiting.
#[derive(Debug)]
struct Line {
    queue: Queue<Permit>,
    limit: Limit,
}

#[expect(clippy::disallowed_types, reason = "taken only where the limit is reached, and never while waiting")]
type LockedLine = std::sync::Mutex<Line>;

/// A place. Dropping it lets another in.
#[derive(Debug)]
pub(crate) struct Permit(Arc<SlotsShared>);

/// What became of a request that asked for a place.
#[derive(Debug)]
pub(super) enum Admission {
    Admitted(Permit),
    /// It comes later, or never: then another has taken the turn.
    Waits(Receiver<Permit>),
    Refused,
}

/// Why a request got no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// All are taken, and nobody may wait, or as many as may already do.
    Full,
    /// It waited for too long.
    Timeout,
    /// It waited, and one of a higher class took its turn.
    Displaced,
    /// All that one caller may have are taken.
    Caller,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Full, Self::Timeout, Self::Displaced, Self::Caller];

    const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Timeout => "timeout",
            Self::Displaced => "displaced",
            Self::Caller => "caller",
        }
    }
}

impl Limit {
    fn now(self, adaptive: &AdaptiveShared) -> usize {
        match self {
            Self::Fixed(most) => most,
            Self::Adaptive(bounds) => adaptive.limit(bounds),
            Self::EachCaller(_) => usize::MAX,
        }
    }

    /// What operators are told of it.
    fn told(self, adaptive: &AdaptiveShared) -> usize {
        match self {
            Self::EachCaller(most) => most,
            Self::Fixed(_) | Self::Adaptive(_) => self.now(adaptive),
        }
    }
}

impl SlotsShared {
    /// Places of which none is taken.
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            taken: AtomicUsize::default(),
            waiting: AtomicUsize::default(),
            edition: AtomicU64::default(),
            line: LockedLine::new(Line { queue: Queue::default(), limit }),
            adaptive: AdaptiveShared::default(),
            refused: Default::default(),
        }
    }

    /// Asks for a place. `class` is asked only of one that must wait.
    pub(super) fn admit(self: &Arc<Self>, rules: Rules, class: impl FnOnce() -> Class) -> Admission {
        let edition = self.edition.load(Relaxed);
        if edition < rules.edition {
            self.adopt(rules);
        }
        // One that comes with the rules of before asks for those in force, which stand behind the lock.
        if edition <= rules.edition && self.waiting.load(SeqCst) == 0 {
            if let Some(permit) = self.take(rules.limit) {
                return Admission::Admitted(permit);
            }
            if rules.room == 0 {
                return Admission::Refused;
            }
        }
        self.wait(rules.room, class())
    }

    #[cold]
    fn adopt(&self, rules: Rules) {
        let mut line = self.lock();
        if self.edition.load(Relaxed) < rules.edition {
            line.limit = rules.limit;
            self.edition.store(rules.edition, Relaxed);
        }
    }

    fn wait(self: &Arc<Self>, room: usize, class: Class) -> Admission {
        let (sender, receiver) = channel();
        let mut line = self.lock();
        let mut free = self.hand_out(&mut line);
        if line.queue.len() == 0 {
            free = free.or_else(|| self.take(line.limit));
        }
        if let Some(permit) = free {
            return Admission::Admitted(permit);
        }
        let pushed = line.queue.push(class, room, sender);
        self.waiting.store(line.queue.len(), SeqCst);
        let Ok(displaced) = pushed else { return Admission::Refused };
        // A place that came back before that was said went to nobody.
        let spare = self.hand_out(&mut line);
        drop(line);
        // Both are news for others, who take the lock in turn.
        drop((spare, displaced));
        Admission::Waits(receiver)
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(SeqCst)
    }

    /// Counts a request that got none.
    pub(super) fn count(&self, refusal: Refusal) {
        self.refused[refusal as usize].inc();
    }

    fn take(self: &Arc<Self>, limit: Limit) -> Option<Permit> {
        let most = limit.now(&self.adaptive);
        let taken = self.taken.fetch_update(SeqCst, SeqCst, |taken| (taken < most).then_some(taken + 1));
        taken.is_ok().then(|| Permit(Arc::clone(self)))
    }

    /// Gives free places to those that wait. A place may be left over: then nobody does.
    fn hand_out(self: &Arc<Self>, line: &mut Line) -> Option<Permit> {
        let mut spare = None;
        while let Some((class, next)) = line.queue.pop() {
            let Some(permit) = spare.take().or_else(|| self.take(line.limit)) else {
                line.queue.put_back(class, next);
                break;
            };
            // It may have gone just now.
            spare = next.send(permit).err();
        }
        self.waiting.store(line.queue.len(), SeqCst);
        spare
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Line> {
        // A line is whole after each of its steps, whatever panicked while it was held.
        self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self(slots) = self;
        slots.taken.fetch_sub(1, SeqCst);
        // Who begins to wait says so first and looks for a free place then: one of the two sees the other.
        if slots.waiting.load(SeqCst) > 0 {
            let _spare = {
                let mut line = slots.lock();
                slots.hand_out(&mut line)
            };
        }
    }
}

impl Measured for SlotsShared {
    fn measures(&self) -> Vec<Measure> {
        let (queued, slots) = {
            let line = self.lock();
            (line.queue.waiting(), line.limit.told(&self.adaptive))
        };
        let gauge = |family, help, value: usize| Measure {
            family,
            help,
            is_counter: false,
            label: None,
            value: value as u64,
        };
        let refused = Refusal::ALL.map(|refusal| Measure {
            family: "maitred_concurrency_limit_refused_total",
            help: "Requests that a concurrency limit refused, by reason.",
            is_counter: true,
            label: Some(("reason", refusal.label())),
            value: self.refused[refusal as usize].value(),
        });
        let gauges = [
            gauge(
                "maitred_concurrency_limit_in_flight",
                "Requests under way that a concurrency limit counts.",
                self.taken(),
            ),
            gauge(
                "maitred_concurrency_limit_queued",
                "Requests that wait for a place of a concurrency limit.",
                queued,
            ),
            gauge(
                "maitred_concurrency_limit_slots",
                "Requests that a concurrency limit lets be under way at once, of each caller where it goes by caller.",
                slots,
            ),
        ];
        gauges.into_iter().chain(refused).collect()
    }
}
