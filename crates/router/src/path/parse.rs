//! Reading path patterns as they stand in a document, once, when the configuration is compiled. Nothing here runs
//! while a request is served.

use maitred_http::{PathRules, Target, push_percent_encoded};

use super::{PathForm, PathSpec, PathSpecError, Segment, Tail};
use crate::pattern::Pattern;

pub(super) fn parse(text: &str) -> Result<PathSpec, PathSpecError> {
    if let Some(pattern) = text.strip_prefix('~') {
        return parse_regex(text, pattern);
    }
    let inner = text.strip_prefix('/').ok_or(PathSpecError::Start)?;
    if inner.contains(['?', '#']) {
        return Err(PathSpecError::Query);
    }
    let mut segments = Vec::new();
    let mut names = Vec::new();
    let mut tail = Tail::Nothing;
    let mut pieces = inner.split('/').peekable();
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        match read_piece(piece)? {
            Piece::Star if is_last => tail = Tail::Prefix,
            Piece::Star => return Err(PathSpecError::Star),
            Piece::Rest(name) if is_last => {
                push_name(&mut names, name)?;
                tail = Tail::Rest;
            }
            Piece::Rest(_) => return Err(PathSpecError::Rest),
            Piece::Param(name) => {
                push_name(&mut names, name)?;
                segments.push(Segment::Param);
            }
            Piece::Literal(literal) => segments.push(Segment::Literal(normalise(literal)?)),
        }
    }
    Ok(PathSpec { text: text.to_owned(), form: PathForm::Segments { segments, tail }, names })
}

fn parse_regex(text: &str, pattern: &str) -> Result<PathSpec, PathSpecError> {
    let pattern = Pattern::for_path(pattern).map_err(PathSpecError::Regex)?;
    let names = pattern.names().map(|(name, _)| name.to_owned()).collect();
    Ok(PathSpec { text: text.to_owned(), form: PathForm::Regex(pattern), names })
}

enum Piece<'a> {
    Star,
    Rest(&'a str),
    Param(&'a str),
    Literal(&'a str),
}

fn read_piece(piece: &str) -> Result<Piece<'_>, PathSpecError> {
    if piece == "*" {
        return Ok(Piece::Star);
    }
    match piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => match name.strip_prefix('*') {
            Some(name) => check_name(name).map(Piece::Rest),
            None => check_name(name).map(Piece::Param),
        },
        None if piece.contains(['{', '}']) => Err(PathSpecError::Brace),
        None if piece.contains('*') => Err(PathSpecError::Star),
        None => Ok(Piece::Literal(piece)),
    }
}

fn check_name(name: &str) -> Result<&str, PathSpecError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.contains(['{', '}']) {
        return Err(PathSpecError::Brace);
    }
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(PathSpecError::Name(name.to_owned()));
    }
    Ok(name)
}

fn push_name(names: &mut Vec<String>, name: &str) -> Result<(), PathSpecError> {
    if names.iter().any(|other| other == name) {
        return Err(PathSpecError::Twice(name.to_owned()));
    }
    names.push(name.to_owned());
    Ok(())
}

/// Brings a literal into the form that the targets of requests have.
fn normalise(literal: &str) -> Result<String, PathSpecError> {
    let mut raw = String::from("/");
    for &byte in literal.as_bytes() {
        if byte.is_ascii_graphic() {
            raw.push(char::from(byte));
        } else {
            push_percent_encoded(&mut raw, &[byte]);
        }
    }
    let mut target = Target::default();
    target.parse(raw.as_bytes(), PathRules::Strict).map_err(PathSpecError::Literal)?;
    Ok(target.path()[1..].to_owned())
}
