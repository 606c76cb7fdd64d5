//! From the text of a TOML file to the tree.
//!
//! The TOML library sorts tables by name; the order in which they are written comes back from their places.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Map, Node, Scalar, ScalarKind, Value, resolve};
use crate::problem::{Problem, Problems};
use crate::span::{FileId, Span};

/// Reads a text. All that is wrong goes to `problems`, and then nothing comes back.
pub(crate) fn parse(text: &str, file: FileId, problems: &mut Problems) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().map_or(Span::NONE, |span| Span::new(file, span));
        problems.push(Problem::error(format!("this is not valid TOML: {}", error.message())).at(span));
    }
    if !errors.is_empty() {
        return None;
    }
    let converter = Converter { file };
    let span = table.span();
    Some(Node { value: Value::Map(converter.map(table.into_inner())), span: Span::new(file, span) })
}

struct Converter {
    file: FileId,
}

impl Converter {
    fn map(&self, table: DeTable<'_>) -> Map {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().as_ref().into(),
                key_span: Span::new(self.file, key.span()),
                value: self.node(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Map { entries }
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let range = value.span();
        let scalar = |kind, text: &str, plain| {
            Value::Scalar(Scalar { kind, text: text.into(), plain, substitution: None })
        };
        let value = match value.into_inner() {
            DeValue::String(text) => scalar(ScalarKind::String, &text, false),
            // Spelled as YAML spells them, so that the tree prints as YAML.
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(value) if number.radix() == 10 => scalar(ScalarKind::Int(value), number.as_str(), true),
                Ok(value) => scalar(ScalarKind::Int(value), &value.to_string(), true),
                Err(_) => scalar(ScalarKind::String, &number.to_string(), true),
            },
            DeValue::Float(number) => {
                let text = number.as_str().replace("inf", ".inf").replace("nan", ".nan");
                scalar(resolve::core_schema(&text), &text, true)
            }
            DeValue::Boolean(value) => {
                scalar(ScalarKind::Bool(value), if value { "true" } else { "false" }, true)
            }
            DeValue::Datetime(time) => scalar(ScalarKind::String, &time.to_string(), true),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Map(self.map(table)),
        };
        Node { value, span: Span::new(self.file, range) }
    }
}
