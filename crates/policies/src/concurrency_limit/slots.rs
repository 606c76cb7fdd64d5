//! The places of requests under way, counted for the whole process, and the queue for them.
//!
//! A request that finds a free place while nobody waits takes it with one atomic step. The queue is behind a lock, which is taken only where the limit is
//! reached, for as long as it takes to move a few pointers. A place is given back when its [`Permit`] is dropped, wherever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

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
}

/// The places, and who waits for one. Kept over reloads.
#[derive(Debug, Default)]
pub(super) struct SlotsShared {
    taken: AtomicUsize,
    /// As long as the queue; written with it.
    waiting: AtomicUsize,
    queue: LockedQueue,
    pub(super) adaptive: AdaptiveShared,
    /// The limit that was kept last, for the metrics.
    limit: AtomicUsize,
    refused: [SharedCounter; Refusal::ALL.len()],
}

#[expect(clippy::disallowed_types, reason = "taken only where the limit is reached, and never while waiting")]
type LockedQueue = std::sync::Mutex<Queue<Permit>>;

/// A place. Dropping it lets another in.
#[derive(Debug)]
pub(super) struct Permit {
    slots: Arc<SlotsShared>,
    limit: Limit,
}

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
}

impl Refusal {
    const ALL: [Self; 3] = [Self::Full, Self::Timeout, Self::Displaced];

    const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Timeout => "timeout",
            Self::Displaced => "displaced",
        }
    }
}

impl Limit {
    fn now(self, adaptive: &AdaptiveShared) -> usize {
        match self {
            Self::Fixed(most) => most,
            Self::Adaptive(bounds) => adaptive.limit(bounds),
        }
    }
}

impl SlotsShared {
    /// Places of which none is taken.
    pub(super) fn new(limit: Limit) -> Self {
        let slots = Self::default();
        slots.limit.store(limit.now(&slots.adaptive), Relaxed);
        slots
    }

    /// Asks for a place. `room`: how many may wait; `class` is asked only of one that must.
    pub(super) fn admit(
        self: &Arc<Self>,
        limit: Limit,
        room: usize,
        class: impl FnOnce() -> Class,
    ) -> Admission {
        if self.waiting.load(SeqCst) == 0 {
            if let Some(permit) = self.take(limit) {
                return Admission::Admitted(permit);
            }
            if room == 0 {
                return Admission::Refused;
            }
        }
        self.wait(limit, room, class())
    }

    fn wait(self: &Arc<Self>, limit: Limit, room: usize, class: Class) -> Admission {
        let (sender, receiver) = channel();
        let mut queue = self.lock();
        let mut free = self.hand_out(&mut queue, limit);
        if queue.len() == 0 {
            free = free.or_else(|| self.take(limit));
        }
        if let Some(permit) = free {
            return Admission::Admitted(permit);
        }
        let pushed = queue.push(class, room, sender);
        self.waiting.store(queue.len(), SeqCst);
        let Ok(displaced) = pushed else { return Admission::Refused };
        // A place that came back before that was said went to nobody.
        let spare = self.hand_out(&mut queue, limit);
        drop(queue);
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
        if self.limit.load(Relaxed) != most {
            self.limit.store(most, Relaxed);
        }
        let taken = self.taken.fetch_update(SeqCst, SeqCst, |taken| (taken < most).then_some(taken + 1));
        taken.is_ok().then(|| Permit { slots: Arc::clone(self), limit })
    }

    /// Gives free places to those that wait. A place may be left over: then nobody does.
    fn hand_out(self: &Arc<Self>, queue: &mut Queue<Permit>, limit: Limit) -> Option<Permit> {
        let mut spare = None;
        while let Some((class, next)) = queue.pop() {
            let Some(permit) = spare.take().or_else(|| self.take(limit)) else {
                queue.put_back(class, next);
                break;
            };
            // It may have gone just now.
            spare = next.send(permit).err();
        }
        self.waiting.store(queue.len(), SeqCst);
        spare
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue<Permit>> {
        // A queue is whole after each of its steps, whatever panicked while it was held.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let slots = &self.slots;
        slots.taken.fetch_sub(1, SeqCst);
        // Who begins to wait says so first and looks for a free place then: one of the two sees the other.
        if slots.waiting.load(SeqCst) > 0 {
            let _spare = {
                let mut queue = slots.lock();
                slots.hand_out(&mut queue, self.limit)
            };
        }
    }
}

impl Measured for SlotsShared {
    fn measures(&self) -> Vec<Measure> {
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
                self.lock().waiting(),
            ),
            gauge(
                "maitred_concurrency_limit_slots",
                "Requests that a concurrency limit lets be under way at once.",
                self.limit.load(Relaxed),
            ),
        ];
        gauges.into_iter().chain(refused).collect()
    }
}
