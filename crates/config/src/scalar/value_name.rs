//! The names of the values of a request: `header.X-User-ID`, `claim["cognito:groups"]`.
//!
//! The list is closed, as the language's page "Values" has it. What others call these values is known only to
//! `meant`, for help.

use std::fmt;
use std::ops::Range;

use super::source::Source;
use super::{FieldPath, ScalarProblem, field_path, header_name, quote, refuse_blank};

pub(super) mod foreign;
mod meant;
#[cfg(test)]
pub(super) mod tests;

/// One value, by its one name (the list "Values" of the language).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ValueName {
    /// `request.id`
    RequestId,
    /// `request.method`
    RequestMethod,
    /// `request.scheme`
    RequestScheme,
    /// `request.host`
    RequestHost,
    /// `request.path`
    RequestPath,
    /// `request.query`: all of it, as sent.
    RequestQuery,
    /// `client.ip`
    ClientIp,
    /// `client.certificate`: the subject of the certificate that the client has shown, as RFC 4514 writes it; missing without one.
    ClientCertificate,
    /// `header.NAME`, a token spelled as written; header names do not distinguish case.
    Header(String),
    /// `query.NAME`; not empty.
    Query(String),
    /// `cookie.NAME`, a token.
    Cookie(String),
    /// `path.NAME`: a parameter of the path that matched.
    Path(String),
    /// `consumer.name`
    ConsumerName,
    /// `consumer.groups`
    ConsumerGroups,
    /// `consumer.plan`
    ConsumerPlan,
    /// `claim.NAME`; the path is never empty.
    Claim(FieldPath),
    /// `route`: its name.
    Route,
    /// `upstream`: its name.
    Upstream,
    /// `now`
    Now,
    /// `body`, whole if the path is empty, or a field of it.
    Body(FieldPath),
    /// `parts.NAME`, or a field of it.
    Part {
        /// The part's name.
        part: String,
        /// Where in its answer; empty: all of it.
        field: FieldPath,
    },
    /// `response.status`
    ResponseStatus,
    /// `error.status`
    ErrorStatus,
    /// `error.title`
    ErrorTitle,
    /// `error.detail`
    ErrorDetail,
}

/// The values whose names are whole.
const FIXED: [(&str, ValueName); 18] = [
    ("request.id", ValueName::RequestId),
    ("request.method", ValueName::RequestMethod),
    ("request.scheme", ValueName::RequestScheme),
    ("request.host", ValueName::RequestHost),
    ("request.path", ValueName::RequestPath),
    ("request.query", ValueName::RequestQuery),
    ("client.ip", ValueName::ClientIp),
    ("client.certificate", ValueName::ClientCertificate),
    ("consumer.name", ValueName::ConsumerName),
    ("consumer.groups", ValueName::ConsumerGroups),
    ("consumer.plan", ValueName::ConsumerPlan),
    ("route", ValueName::Route),
    ("upstream", ValueName::Upstream),
    ("now", ValueName::Now),
    ("response.status", ValueName::ResponseStatus),
    ("error.status", ValueName::ErrorStatus),
    ("error.title", ValueName::ErrorTitle),
    ("error.detail", ValueName::ErrorDetail),
];

/// The values that take a name of the user's, each with an example.
const NAMED: [(&str, &str); 6] = [
    ("header", "header.X-User-ID"),
    ("query", "query.user_id"),
    ("cookie", "cookie.session"),
    ("path", "path.id"),
    ("claim", "claim.sub"),
    ("parts", "parts.user.id"),
];

const ALL: &str = "the values are `request.id`, `.method`, `.scheme`, `.host`, `.path`, `.query`; `client.ip`, `.certificate`; \
    `header.NAME`, `query.NAME`, `cookie.NAME`, `path.NAME`; `consumer.name`, `.groups`, `.plan`; `claim.NAME`; \
    `route`, `upstream`, `now`, `body`, `parts.NAME`, `response.status`; `error.status`, `.title`, `.detail`";

impl ValueName {
    /// What this value is taken from.
    pub fn source(&self) -> Source {
        match self {
            Self::RequestId
            | Self::RequestMethod
            | Self::RequestScheme
            | Self::RequestHost
            | Self::RequestPath
            | Self::RequestQuery
            | Self::ClientIp
            | Self::ClientCertificate
            | Self::Header(_)
            | Self::Query(_)
            | Self::Cookie(_) => Source::Request,
            Self::Path(_) | Self::Route => Source::Route,
            Self::ConsumerName | Self::ConsumerGroups | Self::ConsumerPlan | Self::Claim(_) => {
                Source::Identity
            }
            Self::Upstream => Source::Upstream,
            Self::Now => Source::Clock,
            Self::Body(_) => Source::Body,
            Self::Part { .. } => Source::Parts,
            Self::ResponseStatus => Source::Response,
            Self::ErrorStatus | Self::ErrorTitle | Self::ErrorDetail => Source::Error,
        }
    }

    /// The value of these names, if there is one.
    fn of(names: &[&str]) -> Option<Self> {
        let path = |names: &[&str]| FieldPath(names.iter().map(|&name| name.to_owned()).collect());
        Some(match *names {
            ["header", name] => Self::Header(name.to_owned()),
            ["query", name] => Self::Query(name.to_owned()),
            ["cookie", name] => Self::Cookie(name.to_owned()),
            ["path", name] => Self::Path(name.to_owned()),
            ["claim", first, ref rest @ ..] => Self::Claim(path(&[&[first], rest].concat())),
            ["body", ref field @ ..] => Self::Body(path(field)),
            ["parts", part, ref field @ ..] => Self::Part { part: part.to_owned(), field: path(field) },
            _ => {
                let whole = names.join(".");
                return FIXED.into_iter().find(|(name, _)| *name == whole).map(|(_, value)| value);
            }
        })
    }
}

/// As the language writes it: `header.X-User-ID`, `claim["cognito:groups"]`.
impl fmt::Display for ValueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, name, field): (_, Option<&String>, &[String]) = match self {
            Self::Header(name) => ("header", Some(name), &[]),
            Self::Query(name) => ("query", Some(name), &[]),
            Self::Cookie(name) => ("cookie", Some(name), &[]),
            Self::Path(name) => ("path", Some(name), &[]),
            Self::Claim(path) => ("claim", None, &path.0),
            Self::Body(path) => ("body", None, &path.0),
            Self::Part { part, field } => ("parts", Some(part), &field.0),
            fixed => {
                let name = FIXED.into_iter().find(|(_, value)| value == fixed).map(|(name, _)| name);
                return f.write_str(name.expect("every value without a name of the user's is in FIXED"));
            }
        };
        let mut written = head.to_owned();
        for name in name.into_iter().chain(field) {
            field_path::push_name(&mut written, name);
        }
        f.write_str(&written)
    }
}

/// Reads the bare name of a value, as in `by: header.X-User-ID`.
pub fn parse(text: &str) -> Result<ValueName, ScalarProblem> {
    refuse_blank(text, "the name of a value", "header.X-User-ID")?;
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let inner = inner.trim_matches(['{', '}', ' ']);
        return Err(ScalarProblem::whole(
            format!("{} has braces, a value stands bare here", quote(text)),
            text,
        )
        .help(format!("write {}", quote(inner))));
    }
    if let Some(ours) = text.strip_prefix('$').and_then(foreign::variable) {
        return Err(ScalarProblem::whole(format!("{} is not a value", quote(text)), text)
            .help(format!("write `{ours}`")));
    }
    let (name, end) = scan(text, 0)?;
    let rest = &text[end..];
    match rest.chars().next() {
        None => Ok(name),
        Some(':') if rest.starts_with(":-") => {
            Err(ScalarProblem::new("a default cannot stand here, only in text with braces", end..text.len())
                .help(format!("write `{name}`")))
        }
        Some(c) => Err(stray(c, end)),
    }
}

/// Reads the name of a value at byte `start`: the value, and the byte behind its name.
pub(super) fn scan(text: &str, start: usize) -> Result<(ValueName, usize), ScalarProblem> {
    let first = text[start..].chars().next();
    if !first.is_some_and(|c| c.is_ascii_alphabetic()) {
        let at = start..start + first.map_or(0, char::len_utf8);
        return Err(ScalarProblem::new("the name of a value is missing here", at).help(ALL));
    }
    let (names, end) = field_path::scan(text, start)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let at = start..end;
    let Some(name) = ValueName::of(&names) else {
        return Err(unknown(&names, &text[at.clone()], at));
    };
    if names[1..].iter().any(|name| name.is_empty()) {
        return Err(ScalarProblem::new(format!("{} has an empty name in it", quote(&text[at.clone()])), at));
    }
    if let ValueName::Header(field) | ValueName::Cookie(field) = &name
        && let Err(problem) = header_name::parse(field)
    {
        let kind = names[0];
        return Err(ScalarProblem::new(
            format!("{} is no name of a {kind}: {}", quote(field), problem.message),
            at,
        ));
    }
    Ok((name, end))
}

/// A character that ends no name of a value.
pub(super) fn stray(c: char, at: usize) -> ScalarProblem {
    ScalarProblem::new(
        format!("{} cannot stand in the name of a value", quote(&c.to_string())),
        at..at + c.len_utf8(),
    )
    .help("a name that has other signs takes brackets: `claim[\"cognito:groups\"]`")
}

fn unknown(names: &[&str], written: &str, at: Range<usize>) -> ScalarProblem {
    let head = names[0];
    if let Some((_, example)) = NAMED.into_iter().find(|(named, _)| *named == head) {
        if names.len() == 1 {
            let problem = ScalarProblem::new(format!("`{head}` needs a name"), at);
            return match head {
                "path" => problem.help("write `path.id` for a parameter, `request.path` for the whole path"),
                "query" => {
                    problem.help("write `query.user_id` for a field, `request.query` for the whole query")
                }
                _ => problem.help(format!("write it like `{example}`")),
            };
        }
        let mut meant = head.to_owned();
        field_path::push_name(&mut meant, &names[1..].join("."));
        return ScalarProblem::new(format!("{} has more than one name", quote(written)), at)
            .help(format!("write {}", quote(&meant)));
    }
    let problem = ScalarProblem::new(format!("{} is not a value", quote(written)), at);
    match meant::meant(names) {
        Some(value) => problem.help(format!("write {}", quote(&value.to_string()))),
        None if head == "env" => problem.help("the environment is read by `${NAME}`"),
        None => problem.help(ALL),
    }
}
