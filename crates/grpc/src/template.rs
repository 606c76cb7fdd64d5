//! Path templates as `google.api.http` writes them: `/v1/{name=shelves/*/books/**}:read`. Which template a path has is
//! for [`PathTable`](crate::PathTable); here they are read, and the values of variables found in a path.

mod parse;

use std::borrow::Cow;
use std::fmt;

use maitred_http::percent_decode;

/// A path template.
///
/// ```text
/// Template = "/" Segments [ Verb ] ;           Variable  = "{" FieldPath [ "=" Segments ] "}" ;
/// Segments = Segment { "/" Segment } ;         FieldPath = IDENT { "." IDENT } ;
/// Segment  = "*" | "**" | LITERAL | Variable ; Verb      = ":" LITERAL ;
/// ```
///
/// `*` is one segment that is not empty, `**` any number of segments at the end of the path. `/` alone is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    pub(crate) segments: Vec<Segment>,
    /// The text behind the last colon, decoded.
    pub(crate) verb: Option<Vec<u8>>,
    variables: Vec<Variable>,
}

/// What one segment of a path must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This text, decoded.
    Literal(Vec<u8>),
    /// Any text but an empty one.
    Any,
    /// All segments from here on; there may be none.
    Rest,
}

/// A part of the path that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    /// The path of a field.
    field: String,
    /// Its segments, from the first to behind the last.
    start: usize,
    end: usize,
}

/// Why a text is no path template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The byte at which it is seen.
    pub at: usize,
    /// What is wrong, for people.
    pub problem: &'static str,
}

impl PathTemplate {
    /// Reads a template.
    ///
    /// ```
    /// use maitred_grpc::PathTemplate;
    ///
    /// let template = PathTemplate::parse("/v1/{name=shelves/*}/{page}:read").unwrap();
    /// let values: Vec<_> = template.values("/v1/shelves/a%20b/7:read").collect();
    /// assert_eq!(values[0], ("name", Some("shelves/a b".into())));
    /// assert_eq!(values[1], ("page", Some("7".into())));
    /// assert!(PathTemplate::parse("/v1/**/x").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text)
    }

    /// The template of one path and no other, of segments that are not encoded.
    pub(crate) fn literal(segments: &[&str]) -> Self {
        let segments = segments.iter().map(|segment| Segment::Literal(segment.as_bytes().to_vec())).collect();
        Self { segments, verb: None, variables: Vec::new() }
    }

    /// The names of the variables, in order: paths of fields.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| variable.field.as_str())
    }

    /// The values that the variables have in a path that matches, decoded: all of it where the variable is one
    /// segment, else all but `%2F`. None where the decoded bytes are not UTF-8.
    pub fn values<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)> {
        let path = match (&self.verb, split_verb(path)) {
            (Some(_), Some((base, _))) => base,
            _ => path,
        };
        self.variables.iter().map(move |variable| {
            let raw = self.raw(variable, path);
            (
                variable.field.as_str(),
                if self.is_one_segment(variable) { decode(raw) } else { decode_but_slashes(raw) },
            )
        })
    }

    fn raw<'p>(&self, variable: &Variable, path: &'p str) -> &'p str {
        // Each segment stands behind a slash.
        let mut slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
        let Some(start) = slashes.by_ref().nth(variable.start) else { return "" };
        let reaches_end = variable.end == self.segments.len();
        let end = if reaches_end { None } else { slashes.nth(variable.end - variable.start - 1) };
        &path[start + 1..end.unwrap_or(path.len())]
    }

    fn is_one_segment(&self, variable: &Variable) -> bool {
        variable.end - variable.start == 1 && self.segments[variable.start] != Segment::Rest
    }
}

/// Splits a path at the last colon of its last segment.
pub(crate) fn split_verb(path: &str) -> Option<(&str, &str)> {
    let (base, verb) = path.rsplit_once(':')?;
    (!verb.contains('/')).then_some((base, verb))
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    match percent_decode(text, false) {
        Cow::Borrowed(_) => Some(text.into()),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Pieces between encoded slashes are decoded apart: a character never reaches over one.
fn decode_but_slashes(text: &str) -> Option<Cow<'_, str>> {
    let is_slash =
        |at: &usize| text.get(*at..at + 3).is_some_and(|escape| escape.eq_ignore_ascii_case("%2F"));
    let mut slashes = text.match_indices('%').map(|(at, _)| at).filter(is_slash).peekable();
    if slashes.peek().is_none() {
        return decode(text);
    }
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for at in slashes {
        out.push_str(&decode(&text[from..at])?);
        out.push_str(&text[at..at + 3]);
        from = at + 3;
    }
    out.push_str(&decode(&text[from..])?);
    Some(out.into())
}

impl fmt::Display for PathTemplate {
    /// The template with each variable in its long form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        for (at, segment) in self.segments.iter().enumerate() {
            f.write_str("/")?;
            if let Some(variable) = self.variables.iter().find(|variable| variable.start == at) {
                write!(f, "{{{}=", variable.field)?;
            }
            match segment {
                Segment::Literal(text) => write_literal(f, text)?,
                Segment::Any => f.write_str("*")?,
                Segment::Rest => f.write_str("**")?,
            }
            if self.variables.iter().any(|variable| variable.end == at + 1) {
                f.write_str("}")?;
            }
        }
        match &self.verb {
            Some(verb) => {
                f.write_str(":")?;
                write_literal(f, verb)
            }
            None => Ok(()),
        }
    }
}

fn write_literal(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    let mut encoded = String::new();
    maitred_http::push_percent_encoded(&mut encoded, text);
    f.write_str(&encoded)
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests;
