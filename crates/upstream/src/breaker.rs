//! The circuit breaker of an upstream (Nygard, "Release It!"): a service that fails is sent nothing for a while, and then one request
//! at a time. Exact for the process: its workers share one number, and exchange it without a lock.
//!
//! How it moves is in `state`, the shares of failed and slow calls in `window`. What asks and tells it is `Call`.

mod state;
#[cfg(test)]
mod tests;
mod why;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use maitred_telemetry::{CircuitSeries, CircuitState};

pub use self::state::Force;
use self::state::{Admission, Circuit, State, Thresholds};
use self::why::Why;
use self::window::{Counts, WindowShared};
use crate::result::{ResultSet, TryResult};
use crate::since::{SinceFirst, millis};

/// When a circuit opens and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How many failures in a row open it; none where they do not.
    pub failures: Option<u32>,
    /// How many trials in a row close it, at most 500.
    pub successes: u16,
    /// How long it is open before the first trial.
    pub open_for: Duration,
    /// How long a trial may hold up others; then the next one comes, and what this one tells no longer counts.
    pub trial_for: Duration,
    /// Which ends of a try are failures.
    pub failure_on: ResultSet,
    /// Which shares of the last calls open it.
    pub shares: Option<Shares>,
}

/// Shares of the last calls that open a circuit, in millionths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The time that they are taken of.
    pub window: Duration,
    /// How many calls there have to be in it.
    pub min_calls: u32,
    /// The share of failures.
    pub failed: Option<u32>,
    /// From how long on a call is slow, and the share of such.
    pub slow: Option<(Duration, u32)>,
}

/// The breaker of an upstream in a snapshot: its settings, and what goes on over snapshots.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    thresholds: Thresholds,
    shared: Arc<BreakerShared>,
    window: Option<Arc<WindowShared>>,
}

/// The circuit that the workers share. It goes on over reloads, for as long as its upstream has a breaker.
#[derive(Debug)]
#[repr(align(128))]
struct BreakerShared {
    /// A [`Circuit`], packed.
    circuit: AtomicU64,
    since: SinceFirst,
    name: Arc<str>,
    series: Arc<CircuitSeries>,
}

/// The circuit is open: nobody is to be tried before this time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitOpen {
    /// How long.
    pub retry_after: Duration,
}

/// Leave for a call that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    generation: u16,
    pub(crate) is_trial: bool,
}

/// A circuit as people are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Where it stands.
    pub state: CircuitState,
    /// Whether an operator said so.
    pub is_forced: bool,
    /// While it is closed: how many calls have failed in a row.
    pub failures: u32,
    /// While it is half-open: how many trials have succeeded in a row.
    pub successes: u16,
    /// While it is open by itself: how long there will be no trial.
    pub open_for: Option<Duration>,
}

impl Breaker {
    /// The breaker of the upstream of this name, told of in `series`. The circuit of `previous` goes on, under these settings; shares
    /// begin anew where another `window` is wanted.
    pub fn new(
        name: &Arc<str>,
        settings: BreakerSettings,
        series: Arc<CircuitSeries>,
        previous: Option<&Self>,
    ) -> Self {
        let shared = previous.map_or_else(
            || Arc::new(BreakerShared::new(Arc::clone(name), series)),
            |previous| Arc::clone(&previous.shared),
        );
        let window = settings.shares.as_ref().map(|shares| {
            let same = previous.and_then(|previous| previous.window.as_ref());
            let same = same.filter(|window| window.length == shares.window);
            same.map_or_else(|| Arc::new(WindowShared::new(shares.window)), Arc::clone)
        });
        let thresholds = Thresholds {
            failures: settings.failures,
            successes: settings.successes,
            open_for: millis(settings.open_for),
            trial_for: millis(settings.trial_for),
        };
        Self { settings, thresholds, shared, window }
    }

    /// Asks for leave for a call. Without a pass nothing is counted.
    #[inline]
    pub(crate) fn admit(&self, now: Instant) -> Result<Option<Pass>, CircuitOpen> {
        let now = self.shared.since.millis(now);
        let mut seen = self.shared.circuit.load(Ordering::Acquire);
        loop {
            let circuit = Circuit::unpack(seen);
            let trial = match circuit.admit(now, &self.thresholds) {
                Admission::Counted => {
                    return Ok(Some(Pass { generation: circuit.generation, is_trial: false }));
                }
                Admission::Uncounted => return Ok(None),
                Admission::Refused(wait) => {
                    return Err(CircuitOpen { retry_after: Duration::from_millis(wait) });
                }
                Admission::Trial(trial) => trial,
            };
            match self.shared.exchange(seen, trial) {
                Ok(()) => {
                    self.shared.tell(circuit, trial, &Why::Waited);
                    return Ok(Some(Pass { generation: trial.generation, is_trial: true }));
                }
                Err(other) => seen = other,
            }
        }
    }

    /// Tells how a call ended that `took` so long until the head of its answer.
    #[inline]
    pub(crate) fn settle(&self, pass: Pass, result: TryResult, took: Duration, now: Instant) {
        let now = self.shared.since.millis(now);
        let shares = self.settings.shares.as_ref();
        let is_slow = shares.and_then(|shares| shares.slow).is_some_and(|(slow, _)| took >= slow);
        let is_failure = self.settings.failure_on.has(result);
        if !pass.is_trial
            && let (Some(window), Some(shares)) = (&self.window, shares)
            && self.shared.load().generation == pass.generation
            && let Some(counts) = window.count(pass.generation, now, is_failure, is_slow)
            && let Some(why) = shares.exceeded_by(counts)
        {
            self.shared.change(&why, |circuit| circuit.trip(pass.generation, now, &self.thresholds));
            return;
        }
        let is_failure = is_failure || (is_slow && pass.is_trial);
        let why = match (pass.is_trial, is_failure) {
            (false, _) => Why::Failures(self.settings.failures.unwrap_or_default()),
            (true, false) => Why::Successes(self.settings.successes),
            (true, true) => Why::Trial(result, took),
        };
        self.shared
            .change(&why, |circuit| circuit.settle(pass.generation, is_failure, now, &self.thresholds));
    }

    /// Takes back a trial that told nothing.
    pub(crate) fn give_back(&self, pass: Pass) {
        if pass.is_trial {
            self.shared.change(&Why::Waited, |circuit| circuit.give_back(pass.generation));
        }
    }

    /// Whether it wants to know how long calls take.
    pub(crate) fn is_timed(&self) -> bool {
        self.settings.shares.as_ref().is_some_and(|shares| shares.slow.is_some())
    }

    /// Makes of the circuit what an operator wants.
    pub fn force(&self, force: Force) {
        self.shared.change(&Why::Forced, |circuit| circuit.force(force));
    }

    /// Where it stands at `now`.
    pub fn status(&self, now: Instant) -> BreakerStatus {
        let circuit = self.shared.load();
        let now = self.shared.since.millis(now);
        let mut status = BreakerStatus {
            state: circuit.shown(),
            is_forced: circuit.is_forced(),
            failures: 0,
            successes: 0,
            open_for: None,
        };
        match circuit.state {
            State::Closed { failures } => status.failures = failures,
            State::HalfOpen { successes, .. } => status.successes = successes,
            State::Open { until } => {
                status.open_for = Some(Duration::from_millis(until.saturating_sub(now)));
            }
            State::ForcedClosed | State::ForcedOpen => {}
        }
        status
    }
}

impl Shares {
    /// Which of them is too large in what the window holds.
    fn exceeded_by(&self, counts: Counts) -> Option<Why<'_>> {
        let exceeds = |part: u64, share: u32| part * 1_000_000 >= counts.calls * u64::from(share);
        if counts.calls < u64::from(self.min_calls) {
            None
        } else if self.failed.is_some_and(|share| exceeds(counts.failures, share)) {
            Some(Why::Failed(counts, self))
        } else if self.slow.is_some_and(|(_, share)| exceeds(counts.slow, share)) {
            Some(Why::Slow(counts, self))
        } else {
            None
        }
    }
}

impl BreakerShared {
    fn new(name: Arc<str>, series: Arc<CircuitSeries>) -> Self {
        let this = Self {
            circuit: AtomicU64::new(Circuit::CLOSED.pack()),
            since: SinceFirst::default(),
            name,
            series,
        };
        this.show();
        this
    }

    #[inline]
    fn load(&self) -> Circuit {
        Circuit::unpack(self.circuit.load(Ordering::Acquire))
    }

    /// Puts `to` in the place of what was seen, unless that is no longer there: then it answers what is.
    fn exchange(&self, seen: u64, to: Circuit) -> Result<(), u64> {
        let exchanged = self.circuit.compare_exchange(seen, to.pack(), Ordering::AcqRel, Ordering::Acquire);
        exchanged.map(|_| ())
    }

    /// Lets `step` make another of the circuit. Writes nothing where it is the same.
    #[inline]
    fn change(&self, why: &Why<'_>, step: impl Fn(Circuit) -> Circuit) {
        let mut seen = self.circuit.load(Ordering::Acquire);
        loop {
            let before = Circuit::unpack(seen);
            let after = step(before);
            if after == before {
                return;
            }
            match self.exchange(seen, after) {
                Ok(()) => return self.tell(before, after, why),
                Err(other) => seen = other,
            }
        }
    }

    /// Says that the circuit has changed, where that is more than a count.
    fn tell(&self, before: Circuit, after: Circuit, why: &Why<'_>) {
        if before.shown() == after.shown() && before.is_forced() == after.is_forced() {
            return;
        }
        if before.shown() != after.shown() {
            self.series.at(0).transitions(after.shown()).inc();
        }
        self.show();
        let (upstream, state) = (&*self.name, after.shown().label());
        match after.state {
            State::ForcedClosed | State::ForcedOpen => {
                tracing::warn!(upstream, "the circuit is forced {state}");
            }
            State::Closed { .. } if before.is_forced() => {
                tracing::info!(upstream, "the circuit is no longer forced: it is closed");
            }
            State::Open { .. } => tracing::warn!(upstream, "the circuit is open: {why}"),
            State::Closed { .. } | State::HalfOpen { .. } => {
                tracing::info!(upstream, "the circuit is {state}: {why}");
            }
        }
    }

    /// Puts the state into the metrics. Who puts it there last has looked after that whether it still holds, so that it does.
    fn show(&self) {
        let mut shown = self.load().shown();
        loop {
            self.series.at(0).state.set(shown.number());
            let now = self.load().shown();
            if now == shown {
                return;
            }
            shown = now;
        }
    }
}
