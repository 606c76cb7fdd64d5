//! What caches count. Each worker has numbers of its own, so that a hit touches no memory that others write.
//! They are added up when somebody looks.

use std::sync::atomic::{AtomicU64, Ordering};

use maitred_store::Seat;

/// Parts; workers beyond so many share one with another.
const PARTS: usize = 32;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Hit,
    Miss,
    Stale,
    Bypass,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::Stale, Self::Bypass];

    /// As `X-Cache` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Stale => "STALE",
            Self::Bypass => "BYPASS",
        }
    }

    /// As metrics have it.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Bypass => "bypass",
        }
    }
}

/// How many requests came to what.
#[derive(Debug)]
pub(super) struct Counts(Box<[Part]>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Part([AtomicU64; Outcome::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self((0..PARTS).map(|_| Part::default()).collect())
    }
}

impl Counts {
    /// One more.
    pub(super) fn count(&self, seat: Seat, outcome: Outcome) {
        let part = match seat {
            Seat::Worker(number) => number % PARTS,
            Seat::Control => 0,
        };
        self.0[part].0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All of them.
    pub(super) fn totals(&self) -> impl Iterator<Item = (Outcome, u64)> {
        let total = |outcome: Outcome| {
            self.0.iter().map(|part| part.0[outcome as usize].load(Ordering::Relaxed)).sum()
        };
        Outcome::ALL.into_iter().map(move |outcome| (outcome, total(outcome)))
    }
}
