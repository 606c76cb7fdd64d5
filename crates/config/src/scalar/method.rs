//! Request methods: tokens in capitals (RFC 9110, 9.1).

use super::ScalarProblem;

/// Reads a method.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
