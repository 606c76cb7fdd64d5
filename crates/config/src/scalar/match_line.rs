//! The short form of `match`: `[METHOD[,METHOD]] [host]/path`.
//!
//! Cuts the line and reads the methods. Host and path are read as patterns by whoever reads the long form, so that
//! both forms say the same of them; each piece knows where it stands ([`ScalarProblem::shifted`]).

use std::ops::Range;

use super::{ScalarProblem, method, quote, refuse_blank};

mod foreign;
#[cfg(test)]
mod tests;

/// A short match line, cut into its pieces; host and path are not yet read as patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchLine {
    /// The methods; none: all. Each is a method token, and none stands twice.
    pub methods: Vec<Piece>,
    /// The host pattern's text.
    pub host: Option<Piece>,
    /// The path pattern's text; it begins with `/` or `~`.
    pub path: Piece,
}

/// Some text, and the bytes of the line where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Where it stands in the line.
    pub at: Range<usize>,
}

impl Piece {
    fn cut(line: &str, at: Range<usize>) -> Self {
        Self { text: line[at.clone()].to_owned(), at }
    }
}

/// Cuts a short match line into its pieces.
pub fn parse(text: &str) -> Result<MatchLine, ScalarProblem> {
    refuse_blank(text, "what to match", "GET api.example.com/users/*")?;
    foreign::refuse(text)?;
    let words: Vec<Range<usize>> = text
        .split_whitespace()
        .map(|word| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            start..start + word.len()
        })
        .collect();
    let (methods, target) = match words.as_slice() {
        [target] => (None, target.clone()),
        [methods, target] if may_be_methods(&text[methods.clone()]) => {
            (Some(methods.clone()), target.clone())
        }
        _ => return Err(too_many_words(text, &words)),
    };
    let Some(length) = text[target.clone()].find(['/', '~']) else {
        return Err(no_path(text, methods.is_some(), target));
    };
    let methods = match methods {
        Some(at) => read_methods(text, at)?,
        None => Vec::new(),
    };
    let path_at = target.start + length;
    let host = (length > 0).then(|| Piece::cut(text, target.start..path_at));
    Ok(MatchLine { methods, host, path: Piece::cut(text, path_at..target.end) })
}

/// Whether a word stands where methods do: it has neither a slash nor a dot.
fn may_be_methods(word: &str) -> bool {
    !word.contains(['/', '.', '~', '[', ']'])
}

fn read_methods(text: &str, at: Range<usize>) -> Result<Vec<Piece>, ScalarProblem> {
    let mut methods: Vec<Piece> = Vec::new();
    let word = &text[at.clone()];
    if word.contains('|') {
        let help = format!("write commas: {}", quote(word.replace('|', ",").trim_matches(',')));
        return Err(ScalarProblem::new("methods do not stand between `|`", at).help(help));
    }
    let mut start = at.start;
    for written in word.split(',') {
        let here = start..start + written.len();
        start = here.end + 1;
        if written.is_empty() {
            return Err(ScalarProblem::new("a method is missing beside the comma", at));
        }
        let problem = match method::parse(written) {
            Ok(_) => None,
            Err(problem) if method::known(written).is_none() && written.contains(char::is_lowercase) => {
                let joined = format!("{word}{}", text[at.end..].trim_start());
                let help =
                    format!("methods are in capitals; a host has no space behind it: {}", quote(&joined));
                Some(problem.help(help))
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem {
            return Err(problem.shifted(here.start));
        }
        if methods.iter().any(|method| method.text == written) {
            return Err(ScalarProblem::new(format!("{} is named twice", quote(written)), here));
        }
        methods.push(Piece::cut(text, here));
    }
    Ok(methods)
}

fn no_path(text: &str, has_methods: bool, target: Range<usize>) -> ScalarProblem {
    let word = &text[target.clone()];
    let problem = ScalarProblem::new(format!("a path is missing in {}", quote(text)), target.clone());
    if word == "*" {
        return problem
            .help(format!("write {} for every path", quote(&format!("{}/*", &text[..target.start]))));
    }
    let method = !has_methods && word.split(',').all(|word| method::parse(word).is_ok());
    let all = if method { format!("{text} /*") } else { format!("{text}/*") };
    problem.help(format!("write {} for every path", quote(&all)))
}

/// More than methods and a target: blanks between methods, before a path, or in one.
fn too_many_words(text: &str, words: &[Range<usize>]) -> ScalarProblem {
    let word = |index: usize| words.get(index).map_or("", |at| &text[at.clone()]);
    let is_method = |word: &str| !word.is_empty() && method::parse(word.trim_matches(',')).is_ok();
    let methods = words.iter().take_while(|at| is_method(text[(*at).clone()].trim_matches(','))).count();
    let problem = |message: &str, at: Range<usize>| ScalarProblem::new(message, at);
    if methods > 1 {
        let listed: Vec<&str> =
            words[..methods].iter().map(|at| text[at.clone()].trim_matches(',')).collect();
        let rest = &text[words[methods - 1].end..];
        return problem(
            "methods stand with commas and no spaces between them",
            words[0].start..words[methods - 1].end,
        )
        .help(format!("write {}", quote(&format!("{}{rest}", listed.join(",")))));
    }
    let last = words.len() - 1;
    if word(last).starts_with("HTTP/") {
        let end = words[last - 1].end;
        return problem("a match has no version of HTTP", words[last].clone())
            .help(format!("write {}", quote(&text[..end])));
    }
    if words.len() == 2 && word(0).starts_with('/') && is_method(word(1)) {
        return problem("the method stands behind the path", words[1].clone())
            .help(format!("write {}", quote(&format!("{} {}", word(1), word(0)))));
    }
    let host = usize::from(is_method(word(0)));
    if words.len() == host + 2 && !word(host).contains('/') && word(host + 1).starts_with(['/', '~']) {
        let before = &text[..words[host].end];
        return problem("a space stands between host and path", words[host].end..words[host + 1].start)
            .help(format!("write {}", quote(&format!("{before}{}", word(host + 1)))));
    }
    let between =
        words.iter().position(|at| text[at.clone()].contains(['/', '~'])).unwrap_or(0).min(last - 1);
    problem("a space stands in the path", words[between].end..words[between + 1].start)
        .help("a path has none: write `%20`; several paths are a list, `match: { path: [/a, /b] }`")
}
