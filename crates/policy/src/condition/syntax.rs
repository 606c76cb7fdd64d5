//! What is said of a condition that cannot be parsed.
//! The parser speaks of tokens; people write `=` and `and`, and want to know what to write instead.

use std::ops::Range;

use cel::ParseError;
use maitred_config::scalar::{ScalarProblem, quote};

/// The problem that a parser's first error means.
pub(super) fn problem(text: &str, error: &ParseError) -> ScalarProblem {
    let at = offset(text, error.pos);
    let rest = &text[at..];
    let word = word_at(rest);
    let here = at..at + word.len();
    if error.msg.contains("invalid argument to has()") {
        return ScalarProblem::new("`has` takes a name with a dot", here)
            .help("write `has(header.accept)`, or `\"X-A\" in header`");
    }
    if let Some(problem) = foreign_operator(word, here.clone()) {
        return problem;
    }
    if text.starts_with('{') {
        let bare = text.trim_matches(['{', '}', ' ']);
        return ScalarProblem::whole("values stand without braces in a condition", text)
            .help(format!("write {}", quote(bare)));
    }
    if rest.starts_with(['"', '\'']) && rest[1..].find(rest.chars().next().unwrap_or('"')).is_none() {
        return ScalarProblem::new("this text is not closed", at..text.len());
    }
    if rest.trim().is_empty() {
        let end = text.trim_end().len();
        return match error.msg.split_once("missing '").and_then(|(_, sign)| sign.chars().next()) {
            Some(sign) => ScalarProblem::new(format!("`{sign}` is missing at the end"), end..text.len()),
            None => ScalarProblem::new("something is missing at the end", end..text.len()),
        };
    }
    if error.msg.contains("ecursion") {
        return too_deep(text);
    }
    if error.msg.starts_with("Syntax error") || word.is_empty() {
        return ScalarProblem::new(format!("{} cannot stand here", quote(word)), here);
    }
    ScalarProblem::new(error.msg.clone(), here)
}

/// The problem of a condition that is nested more deeply than is read.
pub(super) fn too_deep(text: &str) -> ScalarProblem {
    ScalarProblem::whole("the condition is nested too deeply", text)
}

/// What other languages write for CEL's operators.
fn foreign_operator(word: &str, at: Range<usize>) -> Option<ScalarProblem> {
    let ours = match word.to_ascii_lowercase().as_str() {
        "=" | "===" | "eq" | "is" => "==",
        "<>" | "ne" | "!==" => "!=",
        "&" | "and" => "&&",
        "|" | "or" => "||",
        "not" => "!",
        "=~" | "~" => ".matches(\"…\")",
        _ => return None,
    };
    Some(ScalarProblem::new(format!("`{word}` is no operator here"), at).help(format!("write `{ours}`")))
}

/// The word, or the run of signs, at the beginning of `rest`.
fn word_at(rest: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_sign = |c: char| "=<>!&|~".contains(c);
    let end = match rest.chars().next() {
        Some(c) if is_word(c) => rest.find(|c| !is_word(c)),
        Some(c) if is_sign(c) => rest.find(|c| !is_sign(c)),
        Some(c) => Some(c.len_utf8()),
        None => None,
    };
    &rest[..end.unwrap_or(rest.len())]
}

/// The byte of a line and column, both from 1.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let number = |number: isize| usize::try_from(number - 1).unwrap_or_default();
    let line_at: usize = text.split_inclusive('\n').take(number(line)).map(str::len).sum();
    let at = (line_at + number(column)).min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default()
}
