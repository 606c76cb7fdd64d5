//! The literal segments of a path pattern, normalised like the paths of requests (RFC 3986, 6.2.2).
//!
//! What no request's path can have is refused here, since it would never match: dot segments, encoded slashes,
//! backslashes and control bytes, blanks. Stars and braces are refused as slips of a pattern.

use std::ops::Range;

use crate::scalar::{ScalarProblem, quote};

/// The segment that stands at `at` in `text`, as requests have it.
pub(super) fn normalise(text: &str, at: Range<usize>) -> Result<String, ScalarProblem> {
    let mut literal = String::new();
    let mut letters = text[at.clone()].char_indices();
    while let Some((index, c)) = letters.next() {
        let here = at.start + index;
        match c {
            '%' => {
                let escape = text[here..at.end].get(..3);
                let byte = escape.and_then(unescape).ok_or_else(|| broken_escape(text, here, at.end))?;
                if matches!(byte, b'/' | b'\\' | 0x7f | ..=0x1f) {
                    let shown = quote(&text[here..here + 3]);
                    return Err(ScalarProblem::new(
                        format!("{shown} stands in no path of a request"),
                        here..here + 3,
                    )
                    .help("encoded slashes, backslashes and control bytes are refused before routing"));
                }
                push_byte(&mut literal, byte);
                letters.nth(1);
            }
            _ if !c.is_ascii() => {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes).bytes().for_each(|byte| push_byte(&mut literal, byte));
            }
            _ if !c.is_ascii_graphic() || matches!(c, '\\' | '?' | '#' | '*' | '{' | '}') => {
                return Err(bad_character(text, &at, here, c));
            }
            _ => literal.push(c),
        }
    }
    if matches!(literal.as_str(), "." | "..") {
        let message =
            format!("{} is a dot segment, which no path of a request has", quote(&text[at.clone()]));
        return Err(ScalarProblem::new(message, at).help("write the path that is meant"));
    }
    Ok(literal)
}

fn unescape(escape: &str) -> Option<u8> {
    let digits =
        escape.strip_prefix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// Unreserved octets stand for themselves (RFC 3986, 2.3), all others stay encoded.
fn push_byte(literal: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        literal.push(char::from(byte));
    } else {
        let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
        literal.extend(['%', digit(byte >> 4), digit(byte & 15)]);
    }
}

fn broken_escape(text: &str, here: usize, end: usize) -> ScalarProblem {
    let shown: String = text[here..end].chars().take(3).collect();
    ScalarProblem::new(format!("{} is no percent-encoding", quote(&shown)), here..here + shown.len())
        .help("write two hexadecimal digits behind the `%`, or `%25` for the sign itself")
}

fn bad_character(text: &str, segment: &Range<usize>, here: usize, c: char) -> ScalarProblem {
    let written = &text[segment.clone()];
    let before = &text[..segment.start];
    let at = here..here + 1;
    match c {
        '?' => ScalarProblem::new("a query stands in the path", here..text.len())
            .help("match the query by `query`: `match: { path: /a, query: { page: 1 } }`"),
        '#' => {
            ScalarProblem::new("a fragment stands in the path, and no request carries one", here..text.len())
        }
        '\\' => ScalarProblem::new("a backslash stands in no path of a request", at).help("write `/`"),
        '*' if written == "**" => ScalarProblem::new("`**` is no pattern", segment.clone())
            .help(format!("write {} for all below", quote(&format!("{before}*")))),
        '*' if written == "*" => ScalarProblem::new("a star stands only at the end of a path", at)
            .help(format!("write {} for any one segment", quote(&format!("{before}{{name}}")))),
        '*' => star_in_segment(before, written, at),
        '{' | '}' => ScalarProblem::new(
            format!("a parameter is a whole segment, {} is none", quote(written)),
            segment.clone(),
        )
        .help("write `/{name}`, or a regular expression for parts of one: `~^/files/(?<name>[^/]+)[.]json$`"),
        _ => ScalarProblem::new(format!("{} cannot stand in a path", quote(&c.to_string())), at)
            .help(format!("write it as `%{:02X}`", u32::from(c))),
    }
}

fn star_in_segment(before: &str, written: &str, at: Range<usize>) -> ScalarProblem {
    let problem = ScalarProblem::new("a star stands only as a whole segment", at);
    let start = written.strip_suffix('*').filter(|start| !start.contains('*'));
    let rest = written.strip_prefix('*').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    match (start, rest) {
        (Some(start), _) => problem.help(format!(
            "write {} for all below, or {} for all that begins so",
            quote(&format!("{before}{start}/*")),
            quote(&format!("~^{}", regex::escape(&format!("{before}{start}")))),
        )),
        (None, Some(name)) => problem.help(format!("write {}", quote(&format!("{before}{{*{name}}}")))),
        (None, None) => problem.help("write a regular expression: `~^/.*[.]php$`"),
    }
}
