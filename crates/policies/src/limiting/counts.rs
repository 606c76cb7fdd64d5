//! What a limiter measures: what it let through, what it refused, and how often its store was away. Each worker counts in a place of its own.
//! Counts of callers are elsewhere: in stores.

use maitred_store::Seat;
use maitred_telemetry::{Measure, Measured, SharedCounter};

use super::told::Class;

/// The counts of a limiter. Kept over reloads.
#[derive(Debug)]
pub(super) struct CountsShared {
    class: Class,
    /// By the number of the worker.
    shards: Box<[Shard]>,
}

/// What one worker counts, in cache lines that no other writes to. With more workers than places some share one.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) allowed: SharedCounter,
    pub(super) refused: SharedCounter,
    pub(super) failures: SharedCounter,
}

const SHARDS: usize = 32;

impl CountsShared {
    pub(super) fn new(class: Class) -> Self {
        Self { class, shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    /// Where this one counts.
    pub(super) fn at(&self, seat: Seat) -> &Shard {
        match seat {
            Seat::Worker(worker) => &self.shards[worker % SHARDS],
            Seat::Control => &self.shards[0],
        }
    }
}

impl Measured for CountsShared {
    fn measures(&self) -> Vec<Measure> {
        let sum = |of: fn(&Shard) -> &SharedCounter| self.shards.iter().map(|shard| of(shard).value()).sum();
        let [requests, failures] = match self.class {
            Class::Rate => ["maitred_rate_limit_requests_total", "maitred_rate_limit_store_failures_total"],
            Class::Quota => ["maitred_quota_requests_total", "maitred_quota_store_failures_total"],
        };
        let counted = |result, value| Measure {
            family: requests,
            help: "Requests that a limit has counted, by what came of it.",
            is_counter: true,
            label: Some(("result", result)),
            value,
        };
        let failed = Measure {
            family: failures,
            help: "Requests that a limit could not count because its store was away.",
            is_counter: true,
            label: None,
            value: sum(|shard| &shard.failures),
        };
        vec![
            counted("allowed", sum(|shard| &shard.allowed)),
            counted("refused", sum(|shard| &shard.refused)),
            failed,
        ]
    }
}
