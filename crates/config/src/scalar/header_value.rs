//! Values of header fields, without CR, LF and NUL (RFC 9110, 5.5).

use super::ScalarProblem;

/// Reads a header value; it may be empty.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
