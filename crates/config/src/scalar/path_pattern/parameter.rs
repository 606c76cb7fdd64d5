//! The parameters of a path pattern: `{id}` and, at the end, `{*rest}`.
//! A parameter is a whole segment. What other routers write for one is refused, with our form as help.

use std::ops::Range;

use crate::scalar::{ScalarProblem, quote};

/// A parameter, with its name.
pub(super) struct Parameter<'a> {
    /// As `path.NAME` has it.
    pub name: &'a str,
    /// Whether it takes all segments that follow.
    pub takes_rest: bool,
}

/// The parameter that the segment `written` is, if it is one; `at` is its place in `text`.
pub(super) fn read<'a>(
    text: &str,
    written: &'a str,
    at: Range<usize>,
) -> Result<Option<Parameter<'a>>, ScalarProblem> {
    if let Some(name) = foreign_name(written) {
        return Err(ScalarProblem::new(format!("{} is no parameter here", quote(written)), at)
            .help(format!("write `{{{name}}}`")));
    }
    let Some(inside) = written.strip_prefix('{') else { return Ok(None) };
    let Some(inside) = inside.strip_suffix('}') else {
        if text[at.start..].contains('}') && !written.contains('}') {
            let message = "a slash stands in the braces of a parameter";
            return Err(ScalarProblem::new(message, at).help(expression(text)));
        }
        return Ok(None);
    };
    if inside.contains(['{', '}']) && !inside.contains(':') {
        return Ok(None);
    }
    let (name, takes_rest) = match inside.strip_prefix('*') {
        Some(name) => (name, true),
        None => (inside, false),
    };
    if is_name(name) {
        return Ok(Some(Parameter { name, takes_rest }));
    }
    Err(refuse(text, written, inside, at))
}

/// Letters, digits, `_` and `-`, not beginning with a digit or `-`.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// `:id` of Express and `<id>`, `<int:id>` of Flask.
fn foreign_name(written: &str) -> Option<&str> {
    let name = match written.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        Some(inside) => inside.rsplit(':').next().unwrap_or(inside),
        None => written.strip_prefix(':')?,
    };
    Some(name).filter(|name| is_name(name))
}

fn refuse(text: &str, written: &str, inside: &str, at: Range<usize>) -> ScalarProblem {
    let problem = ScalarProblem::new(format!("{} is no parameter", quote(written)), at);
    if inside.is_empty() || inside == "*" {
        return problem.help(format!("give it a name: `{{{inside}name}}`"));
    }
    // Go and Spring write `{name...}` and `{name:.*}`, AWS `{proxy+}`.
    let rest = ["...", "+", "*", ":.*", ":.+"].iter().find_map(|mark| inside.strip_suffix(mark));
    if let Some(name) = rest.filter(|name| is_name(name)) {
        return problem.help(format!("write `{{*{name}}}`"));
    }
    if inside.ends_with('?') {
        return problem.help("no parameter may be left out: list both paths");
    }
    if inside == "$" {
        return problem.help("leave it out: a path is exact as it stands");
    }
    if inside.contains(':') {
        return problem.help(expression(text));
    }
    problem.help("names have letters, digits, `_` and `-`: `{user_id}`")
}

/// How a pattern with `{name:regex}` is written as one regular expression.
fn expression(text: &str) -> String {
    let mut pattern = String::from("~^");
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let end = closing_brace(behind);
        let (name, body) = behind[..end].split_once(':').unwrap_or((&behind[..end], "[^/]+"));
        pattern.push_str(&regex::escape(before));
        pattern.extend(["(?<", name, ">", body, ")"]);
        rest = behind.get(end + 1..).unwrap_or("");
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    if regex::Regex::new(&pattern[1..]).is_ok() {
        format!("write a regular expression: `{pattern}`")
    } else {
        "write a regular expression: `~^/users/(?<id>[0-9]+)$`".to_owned()
    }
}

/// Where the brace that opened before `text` closes, braces within it counted.
fn closing_brace(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}
