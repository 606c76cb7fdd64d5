//! The short form of `match`: `[METHOD[,METHOD]] [host]/path`.

use std::ops::Range;

use super::ScalarProblem;

/// A short match line, cut into its pieces; host and path are not yet read as patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchLine {
    /// The methods; none: all. Each is a method token.
    pub methods: Vec<Piece>,
    /// The host pattern's text.
    pub host: Option<Piece>,
    /// The path pattern's text.
    pub path: Piece,
}

/// Some text, and the bytes of the line where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Where it stands in the line.
    pub at: Range<usize>,
}

/// Cuts a short match line into its pieces.
pub fn parse(text: &str) -> Result<MatchLine, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
