//! What a store in Redis measures: commands by what became of them, and how long answers took. Each seat counts for itself; they are added up
//! when somebody asks.

use maitred_telemetry::{Measure, SharedCounter};

use crate::answer::Away;
use crate::store::Seat;

/// Seats that count for themselves; where there are more, some count together.
const SEATS: usize = 16;

/// The counts of all seats.
#[derive(Debug, Default)]
pub(super) struct Tallies([Tally; SEATS]);

/// The counts of a seat, away from those of others in memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Tally {
    outcomes: [SharedCounter; 5],
    /// Of answers, in microseconds.
    waited: SharedCounter,
}

const OUTCOMES: [&str; 5] =
    ["ok", Away::Late.label(), Away::Unreachable.label(), Away::Open.label(), Away::Refused.label()];

impl Tallies {
    fn of(&self, seat: Seat) -> &Tally {
        match seat {
            Seat::Control => &self.0[0],
            Seat::Worker(number) => &self.0[(1 + number) % SEATS],
        }
    }

    /// A command was answered, so many microseconds after it was sent.
    pub(super) fn answered(&self, seat: Seat, micros: u64) {
        let tally = self.of(seat);
        tally.outcomes[0].inc();
        tally.waited.add(micros);
    }

    /// One was not.
    pub(super) fn failed(&self, seat: Seat, away: Away) {
        let outcome = match away {
            Away::Late => 1,
            Away::Unreachable => 2,
            Away::Open => 3,
            Away::Refused => 4,
        };
        self.of(seat).outcomes[outcome].inc();
    }

    /// All of it.
    pub(super) fn measures(&self, is_open: bool, connections: usize) -> Vec<Measure> {
        let sum = |counter: &dyn Fn(&Tally) -> &SharedCounter| {
            self.0.iter().map(|tally| counter(tally).value()).sum::<u64>()
        };
        let outcomes = OUTCOMES.iter().enumerate().map(|(index, outcome)| Measure {
            family: "maitred_store_commands_total",
            help: "Commands for the store, by what became of them.",
            is_counter: true,
            label: Some(("outcome", outcome)),
            value: sum(&|tally| &tally.outcomes[index]),
        });
        let alone =
            |family, help, is_counter, value| Measure { family, help, is_counter, label: None, value };
        outcomes
            .chain([
                alone(
                    "maitred_store_round_trip_microseconds_total",
                    "How long answers of the store took, all together.",
                    true,
                    sum(&|tally| &tally.waited),
                ),
                alone(
                    "maitred_store_open",
                    "Whether the store, or a server of it, is away and is not asked.",
                    false,
                    u64::from(is_open),
                ),
                alone(
                    "maitred_store_connections",
                    "Connections to the store.",
                    false,
                    u64::try_from(connections).unwrap_or(u64::MAX),
                ),
            ])
            .collect()
    }
}
