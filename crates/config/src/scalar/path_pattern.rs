//! The paths that a route takes: `/a/b`, `/a/*`, `/a/{id}`, `/a/{*rest}`, `~^/v[0-9]+/(?<id>.+)$`.
//!
//! Literal text is normalised here exactly as the paths of requests are, so that the router compares bytes. Which of
//! several patterns wins is the router's business.

use std::fmt;

use super::{ScalarProblem, quote, refuse_blank};

mod expression;
mod literal;
mod parameter;
#[cfg(test)]
mod tests;

/// A path pattern, as written and as understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// As the user wrote it, for messages and `--expand`.
    pub text: String,
    /// What it means.
    pub kind: PathKind,
}

/// What a path pattern means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathKind {
    /// The segments between slashes, then the tail. A trailing slash is a last literal that is empty: `/` is
    /// `[""]`, `/a/` is `["a", ""]`, `/*` is `[]` with [`Tail::Prefix`].
    Segments {
        /// From the first slash on.
        segments: Vec<Segment>,
        /// What may follow.
        tail: Tail,
    },
    /// A regular expression, as the `regex` crate reads it, anchored only where it says so.
    Regex {
        /// The expression, without the `~`.
        pattern: String,
        /// The names of its groups, in order.
        names: Vec<String>,
    },
}

/// What stands between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, normalised: unreserved octets decoded, other escapes in upper case.
    Literal(String),
    /// Any one segment that is not empty, under this name.
    Param(String),
}

/// What may follow the segments of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tail {
    /// Nothing.
    None,
    /// `/*`: nothing, or a slash and anything.
    Prefix,
    /// `/{*name}`: a slash and anything, which is kept under this name.
    Rest(String),
}

impl PathPattern {
    /// The names that `path.NAME` has where this pattern matched, in order.
    pub fn names(&self) -> Vec<&str> {
        match &self.kind {
            PathKind::Regex { names, .. } => names.iter().map(String::as_str).collect(),
            PathKind::Segments { segments, tail } => {
                let params = segments.iter().filter_map(|segment| match segment {
                    Segment::Literal(_) => None,
                    Segment::Param(name) => Some(name.as_str()),
                });
                let rest = match tail {
                    Tail::Rest(name) => Some(name.as_str()),
                    Tail::None | Tail::Prefix => None,
                };
                params.chain(rest).collect()
            }
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a path pattern.
pub fn parse(text: &str) -> Result<PathPattern, ScalarProblem> {
    refuse_blank(text, "a path", "/users/*")?;
    let kind = match text.strip_prefix('~') {
        Some(pattern) => {
            let names = expression::check(pattern).map_err(|problem| problem.shifted(1))?;
            PathKind::Regex { pattern: pattern.to_owned(), names }
        }
        None => segments(text)?,
    };
    Ok(PathPattern { text: text.to_owned(), kind })
}

fn segments(text: &str) -> Result<PathKind, ScalarProblem> {
    let Some(path) = text.strip_prefix('/') else {
        return Err(no_slash(text));
    };
    let mut segments: Vec<Segment> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut start = 1;
    for written in path.split('/') {
        let at = start..start + written.len();
        let last = at.end == text.len();
        start = at.end + 1;
        if written == "*" && last {
            return Ok(PathKind::Segments { segments, tail: Tail::Prefix });
        }
        let Some(parameter) = parameter::read(text, written, at.clone())? else {
            segments.push(Segment::Literal(literal::normalise(text, at)?));
            continue;
        };
        if names.contains(&parameter.name) {
            let message = format!("{} is named twice in this path", quote(parameter.name));
            return Err(ScalarProblem::new(message, at).help("each parameter has a name of its own"));
        }
        names.push(parameter.name);
        let name = parameter.name.to_owned();
        match (parameter.takes_rest, last) {
            (false, _) => segments.push(Segment::Param(name)),
            (true, true) => return Ok(PathKind::Segments { segments, tail: Tail::Rest(name) }),
            (true, false) => {
                return Err(ScalarProblem::new(format!("{} takes all that follows", quote(written)), at)
                    .help(format!("write it last, or `{{{name}}}` for one segment")));
            }
        }
    }
    Ok(PathKind::Segments { segments, tail: Tail::None })
}

fn no_slash(text: &str) -> ScalarProblem {
    let problem = ScalarProblem::whole(format!("{} does not begin with a slash", quote(text)), text);
    if text == "*" {
        return problem.help("write `/*` for every path");
    }
    if text.starts_with('^') {
        return problem.help(format!("a regular expression begins with `~`: {}", quote(&format!("~{text}"))));
    }
    if let Some(exact) = text.strip_prefix('=').map(str::trim_start).filter(|rest| rest.starts_with('/')) {
        return problem.help(format!("a path is exact as it stands: write {}", quote(exact)));
    }
    if text.contains("://") {
        return problem.help("write the path alone, and the host as `host`");
    }
    problem.help(format!("write {}", quote(&format!("/{text}"))))
}
