//! A path into a claim or a JSON body: `realm_access.roles`, `items.0["a b"]`.
//!
//! Names with dots between them; what is no identifier stands in brackets and quotes. The same brackets stand in
//! the names of values, so `scan` serves both.

use std::fmt;

use super::{ScalarProblem, quote, refuse_blank};

/// The names of the fields from the outside in. A name of digits also takes the element of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FieldPath(pub Vec<String>);

/// Reads a path of at least one field, which uses up the whole text.
pub fn parse(text: &str) -> Result<FieldPath, ScalarProblem> {
    refuse_blank(text, "a field", "realm_access.roles")?;
    let (names, end) = scan(text, 0)?;
    if end < text.len() {
        return Err(ScalarProblem::whole(format!("{} is no path of fields", quote(text)), text)
            .help(format!("write a name that has other signs in brackets: `[\"{}\"]`", escape(text))));
    }
    Ok(FieldPath(names))
}

/// `realm_access.roles`; a first name that is no identifier stands in brackets too.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = String::new();
        for name in &self.0 {
            push_name(&mut written, name);
        }
        f.write_str(written.strip_prefix('.').unwrap_or(&written))
    }
}

/// Appends `.name`, or `["the name"]` if it is no identifier.
pub(super) fn push_name(written: &mut String, name: &str) {
    if !name.is_empty() && name.bytes().all(is_name_byte) && !name.starts_with('-') {
        written.push('.');
        written.push_str(name);
    } else {
        written.push_str("[\"");
        written.push_str(&escape(name));
        written.push_str("\"]");
    }
}

/// Reads names from byte `start` on, as far as they go: the names, and where they end. There is at least one.
pub(super) fn scan(text: &str, start: usize) -> Result<(Vec<String>, usize), ScalarProblem> {
    let mut names = Vec::new();
    let mut at = start;
    loop {
        let rest = &text[at..];
        if rest.starts_with('[') {
            let (name, end) = bracketed(text, at)?;
            names.push(name);
            at = end;
            continue;
        }
        let name_at = match rest.strip_prefix('.') {
            Some(_) if !names.is_empty() => at + 1,
            _ if names.is_empty() => at,
            _ => return Ok((names, at)),
        };
        let length = text[name_at..].bytes().take_while(|&byte| is_name_byte(byte)).count();
        if length == 0 || text[name_at..].starts_with('-') {
            return Err(no_name(text, start, name_at));
        }
        at = name_at + length;
        names.push(text[name_at..at].to_owned());
    }
}

/// Whether a bare name may have this byte.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn no_name(text: &str, start: usize, at: usize) -> ScalarProblem {
    let next = text[at..].chars().next();
    let problem = ScalarProblem::new(
        match next {
            Some(c) => format!("{} is no name", quote(&c.to_string())),
            None => format!("a name is missing behind {}", quote(&text[start..])),
        },
        at..at + next.map_or(0, char::len_utf8),
    );
    match next {
        Some(_) => problem.help("write a name that has such signs in brackets: `[\"…\"]`"),
        None => problem,
    }
}

/// Reads `["name"]`, `['name']` or `[0]` at byte `start`: the name, and the byte behind the bracket.
fn bracketed(text: &str, start: usize) -> Result<(String, usize), ScalarProblem> {
    let inside = &text[start + 1..];
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && inside[digits..].starts_with(']') {
        return Ok((inside[..digits].to_owned(), start + digits + 2));
    }
    let Some(mark) = inside.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = inside.find(']').map_or(text.len(), |length| start + length + 2);
        let bare = inside.split(']').next().unwrap_or(inside);
        return Err(ScalarProblem::new(format!("{} has no quotes", quote(&text[start..end])), start..end)
            .help(format!("write `[\"{}\"]`", escape(bare))));
    };
    let mut name = String::new();
    let mut letters = inside.char_indices().skip(1);
    while let Some((index, c)) = letters.next() {
        match c {
            '\\' => {
                let Some((_, escaped @ ('"' | '\'' | '\\'))) = letters.next() else {
                    let at = start + 1 + index;
                    return Err(ScalarProblem::new(
                        "a backslash stands before nothing that it escapes",
                        at..at + 1,
                    )
                    .help("write `\\\\` for a backslash, `\\\"` for a quote"));
                };
                name.push(escaped);
            }
            _ if c == mark => {
                let behind = start + index + 2;
                if text[behind..].starts_with(']') {
                    return Ok((name, behind + 1));
                }
                break;
            }
            _ => name.push(c),
        }
    }
    Err(ScalarProblem::new(format!("{} is not closed", quote(&text[start..])), start..text.len())
        .help(format!("write `{mark}]` behind the name")))
}

fn escape(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        for (text, names, written) in [
            ("count", vec!["count"], "count"),
            ("realm_access.roles", vec!["realm_access", "roles"], "realm_access.roles"),
            ("items[0].id", vec!["items", "0", "id"], "items.0.id"),
            ("items.0", vec!["items", "0"], "items.0"),
            ("[\"cognito:groups\"]", vec!["cognito:groups"], "[\"cognito:groups\"]"),
            ("['a b'].c", vec!["a b", "c"], "[\"a b\"].c"),
            ("x[\"a\\\"b\\\\\"]", vec!["x", "a\"b\\"], "x[\"a\\\"b\\\\\"]"),
            ("x['it\\'s']", vec!["x", "it's"], "x[\"it's\"]"),
            ("a[\"b\"]", vec!["a", "b"], "a.b"),
            ("a[\"]\"]", vec!["a", "]"], "a[\"]\"]"),
            ("a[\"\"]", vec!["a", ""], "a[\"\"]"),
        ] {
            let path = FieldPath(names.into_iter().map(str::to_owned).collect());
            assert_eq!(parse(text), Ok(path.clone()), "{text}");
            assert_eq!(path.to_string(), written);
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let other = "write a name that has such signs in brackets: `[\"…\"]`";
        assert_refused(
            parse,
            &[
                ("", "", "a field is missing here (write it like `realm_access.roles`)"),
                (
                    "cognito:groups",
                    "cognito:groups",
                    "`cognito:groups` is no path of fields (write a name that has other signs in brackets: `[\"cognito:groups\"]`)",
                ),
                ("a.", "", "a name is missing behind `a.`"),
                ("a..b", ".", &format!("`.` is no name ({other})")),
                (".a", ".", &format!("`.` is no name ({other})")),
                ("a.-b", "-", &format!("`-` is no name ({other})")),
                ("a.é", "é", &format!("`é` is no name ({other})")),
                ("a[b c].d", "[b c]", "`[b c]` has no quotes (write `[\"b c\"]`)"),
                ("a[", "[", "`[` has no quotes (write `[\"\"]`)"),
                ("a[\"b", "[\"b", "`[\"b` is not closed (write `\"]` behind the name)"),
                ("a['b'", "['b'", "`['b'` is not closed (write `']` behind the name)"),
                (
                    "a[\"\\n\"]",
                    "\\",
                    "a backslash stands before nothing that it escapes (write `\\\\` for a backslash, `\\\"` for a quote)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(names in prop::collection::vec("\\PC*|[a-z0-9_-]{1,8}|[\"'\\\\\\]]{0,3}", 1..4)) {
            let path = FieldPath(names);
            prop_assert_eq!(parse(&path.to_string()), Ok(path));
        }

        #[test]
        fn never_panics(text in "\\PC*|[a-b0.\\[\\]\"'\\\\é-]{0,12}") {
            assert_no_panic(parse, &text);
        }
    }
}
