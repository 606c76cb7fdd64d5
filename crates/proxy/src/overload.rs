//! Whether the gateway has too much to do itself: short of memory, as the control runtime finds, or late with what is due, as each
//! worker finds. Requests ask with one load.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use maitred_telemetry::{Measure, Measured};

const MEMORY: u8 = 1;
const LAG: u8 = 2;

/// What each worker has too much of. Written when that changes.
#[derive(Debug)]
pub struct OverloadShared {
    of_workers: Box<[AtomicU8]>,
}

impl OverloadShared {
    /// Nothing, for so many workers.
    pub fn new(workers: usize) -> Self {
        Self { of_workers: (0..workers).map(|_| AtomicU8::new(0)).collect() }
    }

    /// Says whether memory is short, for all workers.
    pub fn set_memory(&self, is_short: bool) {
        for worker in &self.of_workers {
            set(worker, MEMORY, is_short);
        }
    }

    /// Whether no worker takes new requests.
    pub fn is_everywhere(&self) -> bool {
        self.of_workers.iter().all(|worker| worker.load(Relaxed) != 0)
    }

    pub(crate) fn is_late(&self, worker: usize) -> bool {
        self.of_workers[worker].load(Relaxed) & LAG != 0
    }

    pub(crate) fn is_short_of_memory(&self, worker: usize) -> bool {
        self.of_workers[worker].load(Relaxed) & MEMORY != 0
    }

    pub(crate) fn set_lag(&self, worker: usize, is_late: bool) {
        set(&self.of_workers[worker], LAG, is_late);
    }

    /// Whether this worker takes no new requests.
    #[inline]
    pub(crate) fn is_at(&self, worker: usize) -> bool {
        self.of_workers[worker].load(Relaxed) != 0
    }
}

fn set(worker: &AtomicU8, cause: u8, is_there: bool) {
    if is_there {
        worker.fetch_or(cause, Relaxed);
    } else {
        worker.fetch_and(!cause, Relaxed);
    }
}

impl Measured for OverloadShared {
    fn measures(&self) -> Vec<Measure> {
        let measure = |(cause, word)| Measure {
            family: "maitred_overloaded_workers",
            help: "Workers that take no new requests because the gateway has too much to do, by cause.",
            is_counter: false,
            label: Some(("cause", word)),
            value: self.of_workers.iter().filter(|worker| worker.load(Relaxed) & cause != 0).count() as u64,
        };
        [(MEMORY, "memory"), (LAG, "lag")].map(measure).into()
    }
}

/// Whether something is above its bound: from there on, until it is below 95 % of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hysteresis {
    is_above: bool,
}

impl Hysteresis {
    /// Takes in what it is now.
    pub fn update(&mut self, value: u64, bound: u64) -> bool {
        let back = bound - bound / 20;
        self.is_above = if self.is_above { value >= back } else { value >= bound };
        self.is_above
    }
}

/// Whether a worker is late. Once may be an accident: a stopped machine, a large document that takes effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lag {
    hysteresis: Hysteresis,
    was_late: bool,
}

impl Lag {
    /// Takes in how late something came that was due; without a bound it may be as late as it likes.
    pub(crate) fn update(&mut self, late: Duration, bound: Option<Duration>) -> bool {
        let Some(bound) = bound else {
            *self = Self::default();
            return false;
        };
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let is_late = self.hysteresis.update(micros(late), micros(bound));
        std::mem::replace(&mut self.was_late, is_late) && is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_its_bound_comes_back_below_it() {
        let mut memory = Hysteresis::default();
        let seen = [0, 999, 1000, 1500, 999, 950, 949, 999, 1000].map(|value| memory.update(value, 1000));
        assert_eq!(seen, [false, false, true, true, true, true, false, false, true]);
        assert!(Hysteresis::default().update(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_worker_is_late_if_it_is_late_twice() {
        let mut lag = Lag::default();
        let bound = Some(Duration::from_secs(1));
        let mut seen = |millis: u64| lag.update(Duration::from_millis(millis), bound);
        assert_eq!(
            [3000, 2, 1000, 960, 970, 949, 1001, 0].map(&mut seen),
            [false, false, false, true, true, false, false, false]
        );
        assert!(!lag.update(Duration::MAX, None) && !lag.update(Duration::MAX, bound));
    }

    #[test]
    fn causes_come_and_go_by_themselves() {
        let overload = OverloadShared::new(2);
        overload.set_lag(1, true);
        assert!(overload.is_at(1) && !overload.is_at(0) && !overload.is_everywhere());
        overload.set_memory(true);
        assert!(overload.is_everywhere());
        assert_eq!(overload.measures().iter().map(|one| one.value).collect::<Vec<_>>(), [2, 1]);
        overload.set_lag(1, false);
        assert!(overload.is_everywhere());
        overload.set_memory(false);
        assert!(!overload.is_at(0) && !overload.is_at(1));
    }
}
