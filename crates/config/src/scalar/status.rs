//! Status codes: `100` to `599`.

use super::ScalarProblem;

/// Reads a status code.
pub fn parse(text: &str) -> Result<u16, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
