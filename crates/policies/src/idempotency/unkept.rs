//! What of the answers could not be put into the store in time: counted, and told in the log, though not each of them.
//! A part of each gateway alone: the store knows nothing of it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use maitred_store::Moment;
use maitred_telemetry::{Measure, Measured, SharedCounter};

/// Lines in the log are this far apart at least, in microseconds.
const APART: u64 = 1_000_000;

/// The counts of a policy, kept over reloads.
#[derive(Debug, Default)]
pub(super) struct UnkeptShared {
    answers: SharedCounter,
    unreadable: SharedCounter,
    /// When the next line may be written.
    quiet_until: AtomicU64,
}

impl UnkeptShared {
    /// An answer was not put into the store, and neither was that it is lost.
    pub(super) fn add(&self, now: Moment, why: &dyn fmt::Display) {
        self.answers.inc();
        if self.may_tell(now) {
            let so_far = self.answers.value();
            tracing::warn!(so_far, "an answer under an idempotency key could not be kept: {why}");
        }
    }

    /// An entry cannot be read.
    pub(super) fn add_unreadable(&self, now: Moment) {
        self.unreadable.inc();
        if self.may_tell(now) {
            let so_far = self.unreadable.value();
            tracing::warn!(so_far, "what stands under an idempotency key in the store cannot be read");
        }
    }

    fn may_tell(&self, now: Moment) -> bool {
        let until = self.quiet_until.load(Ordering::Relaxed);
        let next = now.steady.saturating_add(APART);
        now.steady >= until
            && self.quiet_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Measured for UnkeptShared {
    fn measures(&self) -> Vec<Measure> {
        let counted = |why, counter: &SharedCounter| Measure {
            family: "maitred_idempotency_failures_total",
            help: "Answers under a key that could not be put into the store, and entries there that could not be read.",
            is_counter: true,
            label: Some(("reason", why)),
            value: counter.value(),
        };
        vec![counted("unkept", &self.answers), counted("unreadable", &self.unreadable)]
    }
}
