//! Text with values in braces: `/users/{query.user_id}`, `{claim.tenant:-public}`.
//!
//! `{{` is a literal `{`, and `}}` a literal `}`; a single `}` is one too where it closes a literal `{`, and refused
//! elsewhere, because there it is the rest of a slip. Which values are there at all is checked when the configuration
//! is compiled.

use std::fmt;

use super::value_name::{self, foreign};
use super::{ScalarProblem, Source, Sources, ValueName, quote};

#[cfg(test)]
mod tests;

/// A text in which values stand. No two texts are neighbours, and none is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Template {
    /// The texts and values, in order.
    pub parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// Literal text.
    Text(String),
    /// A value.
    Value {
        /// Which.
        name: ValueName,
        /// What stands there if the value is missing; itself free of braces.
        default: Option<String>,
    },
}

impl Template {
    /// The values that stand in it.
    pub fn names(&self) -> impl Iterator<Item = &ValueName> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value { name, .. } => Some(name),
        })
    }

    /// What its values are taken from.
    pub fn sources(&self) -> Sources {
        self.names().map(ValueName::source).collect()
    }

    /// Whether one of its values is taken from `source`.
    pub fn needs(&self, source: Source) -> bool {
        self.sources().contains(source)
    }

    /// Whether the text is one value and nothing else: it then keeps its JSON type, and what it is set to is removed
    /// if the value is missing and has no default.
    pub fn is_single_value(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Value { .. }])
    }

    /// The text, if no value stands in it.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    fn push_text(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push_str(more),
            _ => self.parts.push(Part::Text(more.to_owned())),
        }
    }
}

/// As the language writes it, with literal braces doubled.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Value { name, default: None } => write!(f, "{{{name}}}")?,
                Part::Value { name, default: Some(default) } => write!(f, "{{{name}:-{default}}}")?,
            }
        }
        Ok(())
    }
}

/// Reads a text with values in braces.
pub fn parse(text: &str) -> Result<Template, ScalarProblem> {
    let mut template = Template::default();
    let mut open = 0usize;
    let mut at = 0;
    while let Some(length) = text[at..].find(['{', '}']) {
        template.push_text(&text[at..at + length]);
        at += length;
        let rest = &text[at..];
        if rest.starts_with("{{") {
            template.push_text("{");
            open += 1;
            at += 2;
        } else if rest.starts_with('{') {
            let (part, end) = value(text, at)?;
            template.parts.push(part);
            at = end;
        } else if rest.starts_with("}}") || open > 0 {
            template.push_text("}");
            open = open.saturating_sub(1);
            at += if rest.starts_with("}}") { 2 } else { 1 };
        } else {
            return Err(
                ScalarProblem::new("`}` closes nothing", at..at + 1).help("a literal brace is doubled: `}}`")
            );
        }
    }
    template.push_text(&text[at..]);
    Ok(template)
}

/// What in a text is read as it stands, but means a value in nginx, such as `$remote_addr`: to be warned of.
pub fn suspicions(text: &str) -> Vec<ScalarProblem> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('$') {
        let rest = &text[at + 1..];
        let length = rest.bytes().take_while(|&byte| byte.is_ascii_lowercase() || byte == b'_').count();
        let name = &rest[..length];
        if let Some(ours) = foreign::variable(name) {
            found.push(
                ScalarProblem::new(format!("`${name}` is plain text here, no variable"), at..at + 1 + length)
                    .help(format!("write `{{{ours}}}` for the value")),
            );
        }
    }
    found
}

/// Reads the value whose brace opens at byte `start`: the part, and the byte behind its closing brace.
fn value(text: &str, start: usize) -> Result<(Part, usize), ScalarProblem> {
    refuse_oddities(text, start)?;
    let (name, end) = value_name::scan(text, start + 1)?;
    let rest = &text[end..];
    if rest.starts_with('}') {
        return Ok((Part::Value { name, default: None }, end + 1));
    }
    if let Some(behind) = rest.strip_prefix(":-") {
        let default_at = end + 2;
        return match behind.find(['{', '}']) {
            Some(length) if behind[length..].starts_with('}') => {
                let default = Some(behind[..length].to_owned());
                Ok((Part::Value { name, default }, default_at + length + 1))
            }
            Some(length) => {
                let brace = default_at + length;
                Err(ScalarProblem::new("a default has no braces in it", brace..brace + 1))
            }
            None => Err(not_closed(start)),
        };
    }
    Err(match rest.chars().next() {
        None | Some('{') => not_closed(start),
        Some(c @ (' ' | ':' | '|' | '?' | '-' | '=')) => ScalarProblem::new(
            format!("{} cannot stand behind `{name}`", quote(&c.to_string())),
            end..end + 1,
        )
        .help(format!("write `{{{name}}}`, with a default `{{{name}:-none}}`")),
        Some(c) => value_name::stray(c, end),
    })
}

/// What stands in braces elsewhere: `{}`, `${NAME}`, `{ name }`, JSON.
fn refuse_oddities(text: &str, start: usize) -> Result<(), ScalarProblem> {
    let inside = &text[start + 1..];
    if inside.is_empty() {
        return Err(not_closed(start));
    }
    if inside.starts_with('}') {
        return Err(ScalarProblem::new("`{}` names no value", start..start + 2)
            .help("a literal brace is doubled: `{{}}`"));
    }
    let trimmed = inside.trim_start();
    let spaces = inside.len() - trimmed.len();
    if trimmed.starts_with(['"', '\'', '[', '{', '}']) || trimmed.is_empty() {
        return Err(ScalarProblem::new("`{` begins the name of a value", start..start + 1)
            .help("a literal brace is doubled: `{{`"));
    }
    if spaces > 0 {
        let name = trimmed.split('}').next().unwrap_or(trimmed).trim();
        return Err(ScalarProblem::new(
            "a space stands before the name of a value",
            start + 1..start + 1 + spaces,
        )
        .help(format!("write {}; a literal brace is doubled: `{{{{`", quote(&format!("{{{name}}}")))));
    }
    if let Some(ours) = trimmed.strip_prefix('$').and_then(|rest| foreign::variable(rest.split('}').next()?))
    {
        let end = start + 1 + trimmed.find('}').unwrap_or(trimmed.len());
        return Err(ScalarProblem::new(
            format!("{} is not a value", quote(&text[start + 1..end])),
            start + 1..end,
        )
        .help(format!("write `{ours}`")));
    }
    Ok(())
}

fn not_closed(start: usize) -> ScalarProblem {
    ScalarProblem::new("this brace is not closed", start..start + 1)
        .help("write `}` behind the value; a literal brace is doubled: `{{`")
}
