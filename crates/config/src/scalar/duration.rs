//! Durations: `250ms`, `5s`, `1h30m`, `7d`.

use std::time::Duration;

use super::ScalarProblem;

/// Reads a duration with its units; a bare number is refused.
pub fn parse(text: &str) -> Result<Duration, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}

/// Writes a duration as the language does: `90s` is `1m30s`.
pub fn format(duration: Duration) -> String {
    format!("{}ns", duration.as_nanos())
}
