//! The regular expressions of path patterns, checked by compiling them once.
//! The router compiles them again in its own way; here only errors and the names of groups come out.

use regex::{Error, RegexBuilder};

use crate::scalar::{ScalarProblem, quote};

/// What one expression may take when compiled, in bytes: far above any path's, far below what slows a reload.
const SIZE_LIMIT: usize = 1 << 20;

/// Checks an expression (without its `~`) and tells the names of its groups.
pub(super) fn check(pattern: &str) -> Result<Vec<String>, ScalarProblem> {
    refuse_nginx(pattern)?;
    if pattern.is_empty() {
        return Err(ScalarProblem::new("a regular expression is missing behind the `~`", 0..0)
            .help("write it like `~^/v[0-9]+/(?<id>.+)$`"));
    }
    if let Some(blank) = pattern.find(char::is_whitespace) {
        let at = blank..blank + pattern[blank..].chars().next().map_or(0, char::len_utf8);
        return Err(ScalarProblem::new("no path of a request has a blank", at).help("write `%20`"));
    }
    let first = pattern.strip_prefix('^').and_then(|rest| rest.chars().next());
    if first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(ScalarProblem::whole("this matches nothing: every path begins with a slash", pattern)
            .help(format!("write {}", quote(&format!("~^/{}", &pattern[1..])))));
    }
    let expression = RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).build();
    let expression = expression.map_err(|error| explain(pattern, &error))?;
    Ok(expression.capture_names().flatten().map(str::to_owned).collect())
}

/// nginx has a blank behind `~`, and `~*` for any case.
fn refuse_nginx(pattern: &str) -> Result<(), ScalarProblem> {
    let (ours, meaning) = match pattern.strip_prefix('*') {
        Some(rest) => (format!("~(?i){}", rest.trim_start()), "any case is `(?i)`"),
        None if pattern.starts_with(char::is_whitespace) => {
            (format!("~{}", pattern.trim_start()), "no blank stands behind the `~`")
        }
        None => return Ok(()),
    };
    Err(ScalarProblem::whole(format!("{} is nginx's form", quote(&format!("~{pattern}"))), pattern)
        .help(format!("{meaning}: write {}", quote(&ours))))
}

fn explain(pattern: &str, error: &Error) -> ScalarProblem {
    let problem = |why: &str| ScalarProblem::whole(format!("this is no regular expression: {why}"), pattern);
    match error {
        Error::CompiledTooBig(_) => ScalarProblem::whole("this regular expression is too large", pattern)
            .help("write smaller repetitions: `{1,100}` of a class takes much room"),
        Error::Syntax(text) => {
            // The library draws the place below the expression; its last line has the reason.
            let why = text.lines().last().unwrap_or(text);
            let why = why.strip_prefix("error: ").unwrap_or(why);
            if why.contains("look-around") || why.contains("backreference") {
                return problem(why).help("expressions are matched in linear time, which these would break");
            }
            problem(why)
        }
        _ => problem("it is not understood"),
    }
}
