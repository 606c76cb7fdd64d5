//! Patterns of paths: `/users`, `/users/{id}`, `/users/*`, `/files/{*rest}` and `~^/v[0-9]+/(?<id>.+)$`.
//!
//! They are read once, when the configuration is compiled, and normalised as requests are, so that what a user
//! writes as `/café` or `/%7Ejo` meets what arrives. Which of two ranks first is in `path/rank.rs`; how a request
//! finds its pattern is the business of `table`.

mod error;
mod parse;
mod rank;

pub use error::PathSpecError;

use crate::pattern::Pattern;

/// A pattern of paths, checked.
#[derive(Clone, Debug)]
pub struct PathSpec {
    text: String,
    form: PathForm,
    names: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum PathForm {
    Segments { segments: Vec<Segment>, tail: Tail },
    Regex(Pattern),
}

/// One piece of a path pattern, between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Exactly this text, normalised; empty behind a trailing slash.
    Literal(String),
    /// Any text but the empty one, under the name that stands at the same place among the names of the pattern.
    Param,
}

/// What follows the segments of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing: the path ends here.
    Nothing,
    /// `*`: nothing, or a slash and anything.
    Prefix,
    /// `{*rest}`: as `*`, with the last of the names for it.
    Rest,
}

/// The kinds of path patterns, the one that ranks first first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PathKind {
    Exact,
    Params,
    Regex,
    Prefix,
}

impl PathSpec {
    /// Reads a pattern of paths as it stands in a configuration.
    ///
    /// `{name}` is a whole segment and takes one that is not empty. `*` and `{*rest}` stand at the end and take
    /// whatever follows from the end of a segment on, also nothing. What begins with `~` is a regular expression,
    /// anchored as written, whose named groups are names. A trailing slash makes another path.
    pub fn parse(text: &str) -> Result<Self, PathSpecError> {
        parse::parse(text)
    }

    /// `/*`: every path.
    pub fn every() -> Self {
        let form = PathForm::Segments { segments: Vec::new(), tail: Tail::Prefix };
        Self { text: "/*".to_owned(), form, names: Vec::new() }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names that it gives to parts of a path (`path.NAME`), in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether it ends in `*` or `{*rest}`, so that [`Captures::prefix_end`](crate::Captures::prefix_end) is known.
    pub fn is_prefix(&self) -> bool {
        self.kind() == PathKind::Prefix
    }

    pub(crate) fn form(&self) -> &PathForm {
        &self.form
    }

    pub(crate) fn kind(&self) -> PathKind {
        match &self.form {
            PathForm::Regex(_) => PathKind::Regex,
            PathForm::Segments { tail: Tail::Prefix | Tail::Rest, .. } => PathKind::Prefix,
            PathForm::Segments { segments, .. } if segments.contains(&Segment::Param) => PathKind::Params,
            PathForm::Segments { .. } => PathKind::Exact,
        }
    }

    /// The regular expression, where it is one.
    pub(crate) fn pattern(&self) -> Option<&Pattern> {
        match &self.form {
            PathForm::Regex(pattern) => Some(pattern),
            PathForm::Segments { .. } => None,
        }
    }

    /// Whether `path` is one of these, asked without a table.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let Some(inner) = path.strip_prefix('/') else { return false };
        match &self.form {
            PathForm::Regex(pattern) => pattern.is_match(path.as_bytes()),
            PathForm::Segments { segments, tail } => {
                let mut given = inner.split('/');
                let fit = segments.iter().all(|segment| match (segment, given.next()) {
                    (Segment::Literal(text), Some(given)) => text == given,
                    (Segment::Param, Some(given)) => !given.is_empty(),
                    (_, None) => false,
                });
                fit && (*tail != Tail::Nothing || given.next().is_none())
            }
        }
    }
}

impl Segment {
    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Param => None,
        }
    }
}

#[cfg(test)]
mod tests;
