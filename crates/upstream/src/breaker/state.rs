//! The circuit of a breaker: where it stands, and what each event makes of it. Pure: time comes in as milliseconds since some
//! first instant, and nothing here is shared.
//!
//! All of it fits into one number, so that threads can exchange it in one step.

use maitred_telemetry::CircuitState;

/// A circuit at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circuit {
    /// Another number after each change of state and for each trial: what a call tells counts only while the number is the one
    /// that it began under. It comes round after 4096, which no call outlasts.
    pub(super) generation: u16,
    pub(super) state: State,
}

/// Where a circuit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Requests pass; so many of the last ones failed, in a row.
    Closed { failures: u32 },
    /// None passes before this time.
    Open { until: u64 },
    /// One at a time passes, on trial; so many succeeded, in a row. The one that is out holds the others up until this time.
    HalfOpen { successes: u16, trial: Option<u64> },
    /// All pass and nothing is counted, because somebody said so.
    ForcedClosed,
    /// None passes, because somebody said so.
    ForcedOpen,
}

/// What moves a circuit. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// How many failures in a row open it; none where they do not.
    pub(super) failures: Option<u32>,
    /// How many trials in a row close it.
    pub(super) successes: u16,
    /// How long it is open.
    pub(super) open_for: u64,
    /// How long a trial may hold up others.
    pub(super) trial_for: u64,
}

/// What becomes of a call that asks for leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It passes, and what it tells counts.
    Counted,
    /// It passes.
    Uncounted,
    /// It passes on trial, once the circuit has become this.
    Trial(Circuit),
    /// It does not pass; in so many milliseconds another may.
    Refused(u64),
}

/// What an operator makes of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Nothing passes.
    Open,
    /// Everything passes, and nothing is counted.
    Closed,
    /// It moves by itself: it begins closed, unless it moved by itself before.
    Auto,
}

/// How long those wait who come while a trial is out. When that ends nobody knows; most take less.
const WHILE_A_TRIAL_IS_OUT: u64 = 1000;

/// The bits of the number: the state in 3, the generation in 12, successes in 9, a time or failures in 40 (34 years).
const GENERATIONS: u16 = 1 << 12;
const SUCCESSES: u64 = (1 << 9) - 1;
const NUMBER: u64 = (1 << 40) - 1;

impl Circuit {
    /// A new one.
    pub(super) const CLOSED: Self = Self { generation: 0, state: State::Closed { failures: 0 } };

    pub(super) fn pack(self) -> u64 {
        let (kind, successes, number) = match self.state {
            State::Closed { failures } => (0, 0, u64::from(failures)),
            State::Open { until } => (1, 0, until),
            State::HalfOpen { successes, trial } => (2, u64::from(successes), trial.unwrap_or_default()),
            State::ForcedClosed => (3, 0, 0),
            State::ForcedOpen => (4, 0, 0),
        };
        kind | u64::from(self.generation) << 3 | successes.min(SUCCESSES) << 15 | number.min(NUMBER) << 24
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each is masked to its bits")]
    pub(super) fn unpack(word: u64) -> Self {
        let (successes, number) = ((word >> 15 & SUCCESSES) as u16, word >> 24);
        let state = match word & 7 {
            0 => State::Closed { failures: number as u32 },
            1 => State::Open { until: number },
            2 => State::HalfOpen { successes, trial: (number > 0).then_some(number) },
            3 => State::ForcedClosed,
            _ => State::ForcedOpen,
        };
        Self { generation: (word >> 3) as u16 % GENERATIONS, state }
    }

    /// What becomes of a call that asks for leave at `now`.
    #[inline]
    pub(super) fn admit(self, now: u64, thresholds: &Thresholds) -> Admission {
        let trial = |successes| {
            let trial = Some(now + thresholds.trial_for.max(1));
            Admission::Trial(self.next(State::HalfOpen { successes, trial }))
        };
        match self.state {
            State::Closed { .. } => Admission::Counted,
            State::ForcedClosed => Admission::Uncounted,
            State::Open { until } if now < until => Admission::Refused(until - now),
            State::Open { .. } => trial(0),
            State::HalfOpen { trial: Some(until), .. } if now < until => {
                Admission::Refused(WHILE_A_TRIAL_IS_OUT)
            }
            State::HalfOpen { successes, .. } => trial(successes),
            // Nobody knows for how long.
            State::ForcedOpen => Admission::Refused(thresholds.open_for),
        }
    }

    /// After a call that began under `generation` and failed or succeeded.
    #[inline]
    pub(super) fn settle(self, generation: u16, is_failure: bool, now: u64, thresholds: &Thresholds) -> Self {
        if generation != self.generation {
            return self;
        }
        match (self.state, is_failure) {
            (State::Closed { .. }, false) => self.with(State::Closed { failures: 0 }),
            (State::Closed { failures }, true) => match thresholds.failures {
                Some(most) if failures + 1 >= most => self.open(now, thresholds),
                Some(_) => self.with(State::Closed { failures: failures + 1 }),
                None => self,
            },
            (State::HalfOpen { .. }, true) => self.open(now, thresholds),
            (State::HalfOpen { successes, .. }, false) if successes + 1 >= thresholds.successes => {
                self.next(State::Closed { failures: 0 })
            }
            (State::HalfOpen { successes, .. }, false) => {
                self.with(State::HalfOpen { successes: successes + 1, trial: None })
            }
            // No call that counts begins in these.
            (State::Open { .. } | State::ForcedClosed | State::ForcedOpen, _) => self,
        }
    }

    /// After a call that began under `generation` and made a share too large.
    pub(super) fn trip(self, generation: u16, now: u64, thresholds: &Thresholds) -> Self {
        let counts = generation == self.generation && matches!(self.state, State::Closed { .. });
        if counts { self.open(now, thresholds) } else { self }
    }

    /// After a trial of this generation that ended without telling anything.
    pub(super) fn give_back(self, generation: u16) -> Self {
        match self.state {
            State::HalfOpen { successes, .. } if generation == self.generation => {
                self.with(State::HalfOpen { successes, trial: None })
            }
            _ => self,
        }
    }

    /// As an operator wants it.
    pub(super) fn force(self, force: Force) -> Self {
        match (force, self.state) {
            (Force::Open, State::ForcedOpen) | (Force::Closed, State::ForcedClosed) => self,
            (Force::Open, _) => self.next(State::ForcedOpen),
            (Force::Closed, _) => self.next(State::ForcedClosed),
            (Force::Auto, State::ForcedOpen | State::ForcedClosed) => {
                self.next(State::Closed { failures: 0 })
            }
            (Force::Auto, _) => self,
        }
    }

    pub(super) fn is_forced(self) -> bool {
        matches!(self.state, State::ForcedOpen | State::ForcedClosed)
    }

    /// What people are told that it is.
    pub(super) fn shown(self) -> CircuitState {
        match self.state {
            State::Closed { .. } | State::ForcedClosed => CircuitState::Closed,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
            State::Open { .. } | State::ForcedOpen => CircuitState::Open,
        }
    }

    fn open(self, now: u64, thresholds: &Thresholds) -> Self {
        self.next(State::Open { until: now + thresholds.open_for })
    }

    fn with(self, state: State) -> Self {
        Self { state, ..self }
    }

    fn next(self, state: State) -> Self {
        Self { generation: (self.generation + 1) % GENERATIONS, state }
    }
}
