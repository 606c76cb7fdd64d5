//! Rates: `10/s`, `100/m`, `4/2s`, and by the calendar `1000000/month`.

use std::time::Duration;

use super::ScalarProblem;

/// So many in each window. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In which time.
    pub window: Window,
}

/// The time that a rate counts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// A length of time; never zero.
    Span(Duration),
    /// A calendar month in UTC.
    Month,
}

/// Reads a rate.
pub fn parse(text: &str) -> Result<Rate, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
