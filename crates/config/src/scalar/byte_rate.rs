//! Rates of bytes: `1KiB/s`.

use super::ScalarProblem;

/// Bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteRate {
    /// Bytes per second.
    pub bytes_per_second: u64,
}

/// Reads a rate of bytes.
pub fn parse(text: &str) -> Result<ByteRate, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
