//! Reads a path template from left to right, by the grammar that stands at [`PathTemplate`]. What a template matches is
//! not seen here.

use maitred_http::percent_decode;

use super::{PathTemplate, Segment, TemplateError, Variable};

/// The longest template.
const MAX_LEN: usize = 4096;

pub(super) fn parse(text: &str) -> Result<PathTemplate, TemplateError> {
    let mut parser = Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() };
    if text.len() > MAX_LEN {
        return Err(parser.error("a template has at most 4096 bytes"));
    }
    if !parser.takes(b'/') {
        return Err(parser.error("a template begins with `/`"));
    }
    // `/` alone is the root, which the grammar leaves out and services have.
    let is_root = matches!(parser.byte(), None | Some(b':'));
    if !is_root {
        parser.segments(true)?;
    }
    let verb = if parser.takes(b':') { Some(parser.literal()?) } else { None };
    if parser.at < text.len() {
        return Err(parser.error("wanted `/`, a verb or the end"));
    }
    if let Some(at) = parser.segments.iter().position(|segment| *segment == Segment::Rest)
        && at + 1 < parser.segments.len()
    {
        return Err(parser.error("`**` is the last segment"));
    }
    Ok(PathTemplate { segments: parser.segments, verb, variables: parser.variables })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    fn segments(&mut self, allows_variables: bool) -> Result<(), TemplateError> {
        loop {
            match self.byte() {
                Some(b'{') if allows_variables => self.variable()?,
                Some(b'{') => return Err(self.error("a variable has no variables in it")),
                Some(b'*') => {
                    self.at += 1;
                    let segment = if self.takes(b'*') { Segment::Rest } else { Segment::Any };
                    self.segments.push(segment);
                }
                _ => {
                    let literal = self.literal()?;
                    self.segments.push(Segment::Literal(literal));
                }
            }
            if !self.takes(b'/') {
                return Ok(());
            }
        }
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        self.at += 1;
        let start = self.at;
        loop {
            self.ident()?;
            if !self.takes(b'.') {
                break;
            }
        }
        let field = self.text[start..self.at].to_owned();
        let first = self.segments.len();
        if self.takes(b'=') {
            self.segments(false)?;
        } else {
            self.segments.push(Segment::Any);
        }
        if !self.takes(b'}') {
            return Err(self.error("wanted `}` at the end of a variable"));
        }
        if self.variables.iter().any(|other| other.field == field) {
            return Err(self.error("a variable stands twice"));
        }
        self.variables.push(Variable { field, start: first, end: self.segments.len() });
        Ok(())
    }

    /// A name as protobuf has it.
    fn ident(&mut self) -> Result<(), TemplateError> {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if len == 0 || rest[0].is_ascii_digit() {
            return Err(self.error("wanted the name of a field"));
        }
        self.at += len;
        Ok(())
    }

    /// Text that is not empty and whose escapes are whole.
    fn literal(&mut self) -> Result<Vec<u8>, TemplateError> {
        let rest = &self.text[self.at..];
        let ends = |letter: char| {
            matches!(letter, '/' | ':' | '{' | '}' | '*' | '?' | '#' | '\\' | ..=' ' | '\u{7f}')
        };
        let len = rest.find(ends).unwrap_or(rest.len());
        let literal = &rest[..len];
        if literal.is_empty() {
            return Err(self.error("wanted a segment: text, `*`, `**` or a variable"));
        }
        let is_escape = |at: usize| {
            literal
                .as_bytes()
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        if !literal.match_indices('%').all(|(at, _)| is_escape(at)) {
            return Err(self.error("a percent-encoding is broken"));
        }
        self.at += len;
        Ok(percent_decode(literal, false).into_owned())
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.byte() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, problem: &'static str) -> TemplateError {
        TemplateError { at: self.at, problem }
    }
}
