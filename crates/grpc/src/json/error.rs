//! What is wrong with JSON, or with a message that should become JSON, and where: a JSON pointer (RFC 6901). Whose fault
//! it is, and what is answered, is decided above.

use std::borrow::Cow;
use std::fmt;

/// The longest excerpt of a value in an error.
const MAX_EXCERPT: usize = 40;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Names and indexes, the innermost first: they are added on the way out.
    path: Vec<String>,
    problem: Cow<'static, str>,
}

impl JsonError {
    /// A problem of the value itself.
    pub(crate) fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self { path: Vec::new(), problem: problem.into() }
    }

    /// The same problem, seen from the object or list around the value.
    #[must_use]
    pub(crate) fn under(mut self, name: impl Into<String>) -> Self {
        self.path.push(name.into());
        self
    }

    /// Where it is, as a JSON pointer (RFC 6901): `/items/2/name`, and empty for the whole.
    pub fn pointer(&self) -> String {
        let mut out = String::new();
        for name in self.path.iter().rev() {
            out.push('/');
            out.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        out
    }

    /// What is wrong and what was wanted, for people.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer().as_str() {
            "" => f.write_str(&self.problem),
            pointer => write!(f, "{pointer}: {}", self.problem),
        }
    }
}

impl std::error::Error for JsonError {}

/// A text in quotes, shortened.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_EXCERPT) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
