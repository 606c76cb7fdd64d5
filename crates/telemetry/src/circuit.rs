//! What is told of the circuit breaker of an upstream. How a circuit moves is not known here.
//! It does so seldom, so that all threads write the same numbers.

use crate::counter::{SharedCounter, SharedGauge};
use crate::series::Shard;

/// Where a circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Requests pass.
    Closed,
    /// One request at a time passes, on trial.
    HalfOpen,
    /// None passes.
    Open,
}

impl CircuitState {
    /// Every state, in the order of its numbers.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The word in metrics, logs and the admin API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// Its number in metrics.
    pub fn number(self) -> i64 {
        self as i64
    }
}

/// One circuit. There is one of it for all threads, under the number 0.
#[derive(Debug, Default)]
pub struct CircuitShard {
    /// The number of its state.
    pub state: SharedGauge,
    transitions: [SharedCounter; CircuitState::ALL.len()],
}

impl CircuitShard {
    /// How often it came to be so.
    pub fn transitions(&self, to: CircuitState) -> &SharedCounter {
        &self.transitions[to as usize]
    }
}

impl Shard for CircuitShard {
    const LINES: u64 = 1 + CircuitState::ALL.len() as u64;
}
