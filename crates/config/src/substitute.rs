//! `${NAME}`, `${NAME:-default}`, `${file:PATH}` and `$${` in the scalars of a tree.
//!
//! Runs on each file's tree after it is parsed, so that what is put in can never become structure, and once: what is put
//! in is not searched again. A scalar remembers how it was written; what replaced it is never shown.

use std::path::Path;

use crate::files::{Environment, Files, Watched};
use crate::node::resolve;
use crate::node::{Node, Scalar, ScalarKind, Substitution, Value};
use crate::problem::{Problem, Problems};
use crate::span::Span;
use crate::texts::Texts;

#[cfg(test)]
pub(crate) mod tests;

/// The largest file that `${file:PATH}` takes.
const MAX_FILE: usize = 1 << 20;

/// Where values come from, and where what is wrong goes.
pub(crate) struct Substituter<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) environment: &'a dyn Environment,
    pub(crate) texts: &'a Texts,
    pub(crate) problems: &'a mut Problems,
    pub(crate) watched: &'a mut Vec<Watched>,
}

/// One `${…}`: what stands between the braces, and where in the text it ends.
struct Reference<'t> {
    expression: &'t str,
    end: usize,
}

/// What a `${…}` stands for.
struct Replacement {
    text: String,
    from_outside: bool,
    has_default: bool,
}

impl Substituter<'_> {
    /// Replaces every `${…}` in the values of a tree.
    pub(crate) fn walk(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Value::Map(map) => {
                for entry in &mut map.entries {
                    if entry.key.contains("${") {
                        self.problems.push(
                            Problem::error("`${…}` is replaced in values, not in names")
                                .at(entry.key_span)
                                .help("write the name out"),
                        );
                    }
                    self.walk(&mut entry.value);
                }
            }
            Value::Scalar(scalar) if scalar.text.contains("${") => {
                if let Some(replaced) = self.replace(scalar, node.span) {
                    *scalar = replaced;
                }
            }
            Value::Scalar(_) => {}
        }
    }

    fn replace(&mut self, scalar: &Scalar, span: Span) -> Option<Scalar> {
        let written = &*scalar.text;
        let mut text = String::with_capacity(written.len());
        let mut rest = 0;
        let mut found = Vec::new();
        while let Some(dollar) = written[rest..].find('$').map(|at| rest + at) {
            text.push_str(&written[rest..dollar]);
            let after = &written[dollar..];
            if after.starts_with("$${") {
                text.push_str("${");
                rest = dollar + 3;
            } else if after.starts_with("${") {
                let reference = self.reference(written, dollar, span)?;
                let replacement = self.resolve(&reference, span)?;
                text.push_str(&replacement.text);
                rest = reference.end;
                found.push(replacement);
            } else {
                text.push('$');
                rest = dollar + 1;
            }
        }
        text.push_str(&written[rest..]);
        if found.is_empty() {
            // Only `$${` stood in it: an ordinary text, and no secret.
            return Some(Scalar { text: text.into(), ..scalar.clone() });
        }
        let only_reference = found.len() == 1
            && !found[0].has_default
            && written.starts_with("${")
            && written.find('}') == Some(written.len() - 1);
        let substitution = Substitution {
            written: written.into(),
            from_outside: found.iter().any(|replacement| replacement.from_outside),
            only_reference,
        };
        // An empty value is an empty text, not null: `${TOKEN:-}` says that there is a token, and that it is empty.
        let kind = match resolve::core_schema(&text) {
            kind if scalar.plain && kind != ScalarKind::Null => kind,
            _ => ScalarKind::String,
        };
        Some(Scalar {
            kind,
            text: text.into(),
            plain: scalar.plain,
            substitution: Some(Box::new(substitution)),
        })
    }

    fn reference<'t>(&mut self, written: &'t str, dollar: usize, span: Span) -> Option<Reference<'t>> {
        let Some(length) = written[dollar..].find('}') else {
            self.problems.push(
                Problem::error("`${` without a closing brace")
                    .at(span)
                    .help("write `${NAME}`, or `$${` for these two characters themselves"),
            );
            return None;
        };
        let expression = &written[dollar + 2..dollar + length];
        Some(Reference { expression, end: dollar + length + 1 })
    }

    fn resolve(&mut self, reference: &Reference<'_>, span: Span) -> Option<Replacement> {
        if let Some(path) = reference.expression.strip_prefix("file:") {
            return self.file(path, span);
        }
        let (name, default) = match reference.expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference.expression, None),
        };
        let well_named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !well_named || default.is_some_and(|default| default.contains("${")) {
            self.problems.push(
                Problem::error("this `${…}` is not understood")
                    .at(span)
                    .help("write `${NAME}`, `${NAME:-default}` or `${file:PATH}`; `$${` is a literal `${`"),
            );
            return None;
        }
        let has_default = default.is_some_and(|default| !default.is_empty());
        match (self.environment.variable(name), default) {
            (Some(value), None) => Some(Replacement { text: value, from_outside: true, has_default }),
            (Some(value), Some(_)) if !value.is_empty() => {
                Some(Replacement { text: value, from_outside: true, has_default })
            }
            (_, Some(default)) => {
                Some(Replacement { text: default.to_owned(), from_outside: false, has_default })
            }
            (None, None) => {
                self.problems.push(
                    Problem::error(format!("the environment has no `{name}`"))
                        .at(span)
                        .help(format!("set it, or write a default: `${{{name}:-…}}`")),
                );
                None
            }
        }
    }

    fn file(&mut self, path: &str, span: Span) -> Option<Replacement> {
        let path = self.texts.resolve(path, span);
        self.watched.push(Watched::File(path.clone()));
        match self.read(&path) {
            Ok(text) => Some(Replacement { text, from_outside: true, has_default: false }),
            Err(why) => {
                self.problems
                    .push(Problem::error(format!("`{}` cannot be read: {why}", path.display())).at(span));
                None
            }
        }
    }

    /// The text of a file, without the line feed at its end, which editors add.
    fn read(&self, path: &Path) -> Result<String, String> {
        let bytes = self.files.read(path).map_err(|error| error.to_string())?;
        if bytes.len() > MAX_FILE {
            return Err(format!("it has more than {MAX_FILE} bytes"));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}
