//! Sizes in bytes: `512B`, `1KB`, `64KiB`, `8MiB`.

use super::ScalarProblem;

/// Reads a size with its unit, in bytes.
pub fn parse(text: &str) -> Result<u64, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}

/// Writes a number of bytes with the largest unit that is exact.
pub fn format(bytes: u64) -> String {
    format!("{bytes}B")
}
