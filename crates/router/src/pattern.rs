//! Regular expressions: those of paths and those of conditions. Linear in the text they search, whatever they say.
//!
//! A pattern is anchored as written. Searching takes its memory from a pool inside the expression: the first thread
//! that uses it has its own, others try a lock and never wait for it.

use std::fmt;

use regex_automata::PatternID;
use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind, Look};

/// A regular expression, compiled.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
    /// What every match begins with, at the beginning of the text: the letters after `^`.
    prefix: String,
}

/// Why a text is no regular expression, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

/// A pattern whose automaton is larger is refused: `(\w{99}){99}` has little text and takes much memory.
const SIZE_LIMIT: usize = 1 << 20;
/// How much memory one thread may use to remember the states of one pattern; a pattern that needs more is only slower.
const CACHE_LIMIT: usize = 1 << 18;

impl Pattern {
    /// Compiles a pattern that is matched against field, query or cookie values.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, syntax::Config::new().utf8(false))
    }

    /// Compiles a pattern that is matched against paths. Paths are ASCII, where `.` and `\w` without Unicode mean
    /// the same and take a tenth of the memory; what has a meaning only with Unicode is compiled with it.
    pub(crate) fn for_path(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, syntax::Config::new().utf8(false).unicode(false)).or_else(|_| Self::parse(text))
    }

    fn compile(text: &str, config: syntax::Config) -> Result<Self, PatternError> {
        let hir = syntax::parse_with(text, &config).map_err(|error| PatternError::told(&error))?;
        let limits = meta::Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(SIZE_LIMIT))
            .hybrid_cache_capacity(CACHE_LIMIT);
        let regex = meta::Builder::new()
            .configure(limits)
            .build_from_hir(&hir)
            .map_err(|error| PatternError(error.to_string()))?;
        Ok(Self { text: text.to_owned(), regex, prefix: literal_prefix(&hir) })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern occurs in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Its named groups, in order, with the number of each.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let groups = self.regex.group_info().pattern_names(PatternID::ZERO);
        groups.enumerate().filter_map(|(group, name)| name.map(|name| (name, group)))
    }

    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }
}

/// The letters between `^` and the first thing that is no letter. Empty where the pattern is not anchored.
fn literal_prefix(hir: &Hir) -> String {
    let HirKind::Concat(parts) = hir.kind() else { return String::new() };
    match [parts[0].kind(), parts[1].kind()] {
        [HirKind::Look(Look::Start), HirKind::Literal(letters)] => {
            String::from_utf8(letters.0.to_vec()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

impl PatternError {
    /// On one line, without the drawing that the library makes of it: messages show the line of the document.
    fn told(error: &regex_syntax::Error) -> Self {
        match error {
            regex_syntax::Error::Parse(e) => Self(format!("{} at byte {}", e.kind(), e.span().start.offset)),
            regex_syntax::Error::Translate(e) => {
                Self(format!("{} at byte {}", e.kind(), e.span().start.offset))
            }
            other => Self(other.to_string()),
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_every_match_begins_with() {
        for (text, prefix) in [
            ("^/api/v[0-9]+", "/api/v"),
            ("^/api/v1$", "/api/v1"),
            ("^/ab?", "/a"),
            ("^/a|/b", ""),
            ("^(?:/a|/b)", ""),
            ("^/(?:a|b)", "/"),
            ("/api", ""),
            ("(?i)^/api", "/"),
            ("(?m)^/api", ""),
            ("^", ""),
            ("", ""),
            (r"^/a\.b/", "/a.b/"),
        ] {
            assert_eq!(Pattern::for_path(text).unwrap().prefix(), prefix, "{text}");
        }
    }

    #[test]
    fn is_anchored_as_written() {
        let found = |pattern: &str, text: &str| Pattern::for_path(pattern).unwrap().is_match(text.as_bytes());
        assert!(found("b", "/abc"));
        assert!(!found("^b", "/abc"));
        assert!(!found("b$", "/abc"));
    }

    #[test]
    fn unicode_classes_still_compile_for_paths() {
        assert!(Pattern::for_path(r"^/\p{Lu}").unwrap().is_match(b"/A"));
        assert!(!Pattern::for_path(r"^/\p{Lu}").unwrap().is_match(b"/a"));
    }

    #[test]
    fn values_may_be_any_bytes() {
        assert!(Pattern::parse("^x.*y").unwrap().is_match("x\u{e9}y".as_bytes()));
        assert!(Pattern::parse("^x").unwrap().is_match(b"x\xff"));
    }

    #[test]
    fn refuses_what_is_broken_or_huge() {
        assert_eq!(Pattern::parse("a(").unwrap_err().to_string(), "unclosed group at byte 1");
        assert!(Pattern::parse(r"(\w{99}){99}").is_err());
    }
}
