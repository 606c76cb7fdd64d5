//! Why a text is no pattern of paths, for people: the engine shows it beside the place in the document. What a pattern
//! is, is told in `path`.

use std::fmt;

use maitred_http::TargetError;

use crate::pattern::PatternError;

/// Why a text is no pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathSpecError {
    /// It begins neither with `/` nor with `~`.
    Start,
    /// A `*` that is not the whole last segment.
    Star,
    /// A brace that is not around a whole segment.
    Brace,
    /// `{*rest}` before the end.
    Rest,
    /// A name that is empty or holds another byte than letters, digits, `_`, `-` and `.`.
    Name(String),
    /// A name that stands twice.
    Twice(String),
    /// A `?` or `#`, which end a path.
    Query,
    /// A literal that no request can have, since such paths are refused.
    Literal(TargetError),
    /// A broken regular expression.
    Regex(PatternError),
}

impl fmt::Display for PathSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("a path begins with `/`, a regular expression with `~`"),
            Self::Star => f.write_str("`*` is the whole last segment: `/users/*`"),
            Self::Brace => {
                f.write_str("`{name}` is a whole segment; for a part of one use `~` and a regular expression")
            }
            Self::Rest => f.write_str("`{*name}` stands at the end"),
            Self::Name(name) => write!(f, "`{name}` is no name: letters, digits, `_`, `-` and `.` are"),
            Self::Twice(name) => write!(f, "the name `{name}` stands twice"),
            Self::Query => f.write_str("`?` and `#` end a path; queries are matched by `query`"),
            Self::Literal(error) => write!(f, "no request has this path: {}", error.as_str()),
            Self::Regex(error) => write!(f, "broken regular expression: {error}"),
        }
    }
}

impl std::error::Error for PathSpecError {}
