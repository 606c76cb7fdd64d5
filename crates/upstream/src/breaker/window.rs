//! How many calls of the last seconds there were, failed and slow ones: counted exactly by all threads, without a lock.
//!
//! The counts only grow. At the beginning of each tenth of the window the first thread that comes notes how far they were, in a ring
//! of such marks, so that the window is the difference between now and the oldest mark.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use crate::since::millis;

/// In how many parts the window moves on.
const PARTS: u64 = MARKS as u64;
/// A mark for the beginning of each.
const MARKS: usize = 10;
/// The bits of a moment that are its part; the others are its generation.
const PART_BITS: u32 = 52;

/// What the calls of a window were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

/// The calls of the last while, of one generation of the circuit.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct WindowShared {
    pub(super) length: Duration,
    /// How long a part is, in milliseconds.
    part: u64,
    /// The moment that calls are counted at.
    at: AtomicU64,
    calls: AtomicU64,
    failures: AtomicU64,
    slow: AtomicU64,
    marks: [Mark; MARKS],
}

/// How far the counts were when a part began.
#[derive(Debug, Default)]
struct Mark {
    /// Which part that is; written last, and none while the others are written.
    at: AtomicU64,
    calls: AtomicU64,
    failures: AtomicU64,
    slow: AtomicU64,
}

/// A part of time, of one generation. Parts are counted from [`PARTS`] on, so that there are some before the first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    generation: u16,
    part: u64,
}

impl WindowShared {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            length,
            part: millis(length).div_ceil(PARTS).max(1),
            at: AtomicU64::default(),
            calls: AtomicU64::default(),
            failures: AtomicU64::default(),
            slow: AtomicU64::default(),
            marks: Default::default(),
        }
    }

    /// Counts a call that ended at `now`, in milliseconds. Answers what the window holds with it; nothing in the moment in which it
    /// moves on.
    pub(super) fn count(&self, generation: u16, now: u64, is_failure: bool, is_slow: bool) -> Option<Counts> {
        let moment = self.move_on(Moment { generation, part: now / self.part + PARTS });
        let add = |to: &AtomicU64, is_one: bool| {
            if is_one { to.fetch_add(1, Ordering::Relaxed) + 1 } else { to.load(Ordering::Relaxed) }
        };
        let now = Counts {
            calls: add(&self.calls, true),
            failures: add(&self.failures, is_failure),
            slow: add(&self.slow, is_slow),
        };
        let oldest = Moment { part: moment.part + 1 - PARTS, ..moment };
        let before = self.mark(oldest).read(oldest)?;
        Some(Counts {
            calls: now.calls.saturating_sub(before.calls),
            failures: now.failures.saturating_sub(before.failures),
            slow: now.slow.saturating_sub(before.slow),
        })
    }

    /// Begins this moment, unless it has begun. Answers the one that calls are counted at: a thread may come late.
    fn move_on(&self, to: Moment) -> Moment {
        let mut seen = self.at.load(Ordering::Acquire);
        loop {
            let before = Moment::unpack(seen);
            let is_same = before.generation == to.generation;
            if is_same && before.part >= to.part {
                return before;
            }
            // Read before the moment begins, so that no call of it is taken for an earlier one.
            let counts = self.counts();
            match self.at.compare_exchange(seen, to.pack(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // Of another generation nothing counts: the window begins here.
                    let first = if is_same { before.part + 1 } else { 0 };
                    for part in first.max(to.part + 1 - PARTS)..=to.part {
                        let moment = Moment { part, ..to };
                        self.mark(moment).write(moment, counts);
                    }
                    return to;
                }
                Err(other) => seen = other,
            }
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        }
    }

    fn mark(&self, moment: Moment) -> &Mark {
        &self.marks[(moment.part % PARTS) as usize]
    }
}

impl Mark {
    fn write(&self, moment: Moment, counts: Counts) {
        self.at.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        self.calls.store(counts.calls, Ordering::Relaxed);
        self.failures.store(counts.failures, Ordering::Relaxed);
        self.slow.store(counts.slow, Ordering::Relaxed);
        self.at.store(moment.pack(), Ordering::Release);
    }

    /// How far the counts were at this moment; nothing while that is being written.
    fn read(&self, moment: Moment) -> Option<Counts> {
        let is_it = |order| self.at.load(order) == moment.pack();
        if !is_it(Ordering::Acquire) {
            return None;
        }
        let counts = Counts {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        is_it(Ordering::Relaxed).then_some(counts)
    }
}

impl Moment {
    fn pack(self) -> u64 {
        u64::from(self.generation) << PART_BITS | self.part
    }

    fn unpack(word: u64) -> Self {
        Self { generation: (word >> PART_BITS) as u16, part: word & ((1 << PART_BITS) - 1) }
    }
}
