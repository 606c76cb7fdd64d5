//! Percentages: `20%`, `0.1%`, up to `100%`.

use super::ScalarProblem;

/// A share between `0%` and `100%`, exact to a ten-thousandth of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent {
    /// The share in millionths of the whole: `20%` is 200000.
    pub millionths: u32,
}

impl Percent {
    /// The share as a number from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.millionths) / 1_000_000.0
    }
}

/// Reads a percentage.
pub fn parse(text: &str) -> Result<Percent, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
