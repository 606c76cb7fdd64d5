//! The tree of a configuration: scalars, lists and maps, each with its place.
//!
//! Files become trees here (`node/yaml.rs`, which reads JSON too, and `node/toml.rs`) and trees become text again
//! (`node/print.rs`). A scalar keeps its spelling beside its meaning, so that `API-Version: 2.10` is the text `2.10`. Nothing
//! here knows which keys mean something: that is the typed reader's work.

use std::fmt;

use crate::span::Span;

mod print;
pub(crate) mod resolve;
pub(crate) mod toml;
pub(crate) mod yaml;

#[cfg(test)]
mod tests;

/// A value of the tree and its place. Two nodes are equal if they mean the same, wherever they stand.
#[derive(Clone)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it is written; of a map or list, from its first byte to its last.
    pub span: Span,
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// One word, number or text.
    Scalar(Scalar),
    /// Values in order.
    List(Vec<Node>),
    /// Values by name.
    Map(Map),
}

/// A scalar: its meaning by the core schema of YAML 1.2, and its spelling.
#[derive(Clone)]
pub struct Scalar {
    /// What it means.
    pub kind: ScalarKind,
    /// How it is spelled, quotes and escapes resolved and `${…}` replaced.
    pub text: Box<str>,
    /// Whether it was written without quotes.
    pub plain: bool,
    /// Where its text comes from, if `${…}` stood in it.
    pub substitution: Option<Box<Substitution>>,
}

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScalarKind {
    /// Nothing: `null`, `~`, or an empty value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    String,
}

/// How a scalar was written before `${…}` in it was replaced. What replaced it is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitution {
    /// The text as written, `${NAME}` and all.
    pub written: Box<str>,
    /// Whether anything in it came from outside (environment or file) and not from a default written beside the name.
    pub from_outside: bool,
    /// Whether the text is one `${…}` and nothing else, without a default that says something.
    pub only_reference: bool,
}

/// Named values in the order in which they are written. No name stands twice.
#[derive(Clone, Default, PartialEq)]
pub struct Map {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// A name and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name.
    pub key: Box<str>,
    /// Where the name stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Shows the value alone: places would hide it.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::List(items) => items.fmt(f),
            Self::Map(map) => map.fmt(f),
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|entry| (&entry.key, &entry.value))).finish()
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.text == other.text || self.kind == ScalarKind::Null)
    }
}

/// Shows how the scalar was written, never what replaced `${…}` in it.
impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.substitution.as_ref().map_or(&self.text, |substitution| &substitution.written);
        match self.kind {
            ScalarKind::String => write!(f, "{text:?}"),
            ScalarKind::Null => f.write_str("null"),
            _ => f.write_str(text),
        }
    }
}

impl Scalar {
    /// Text in quotes.
    pub fn string(text: impl Into<Box<str>>) -> Self {
        Self { kind: ScalarKind::String, text: text.into(), plain: false, substitution: None }
    }

    /// Text without quotes: its kind follows from its spelling.
    pub fn plain(text: impl Into<Box<str>>) -> Self {
        let text = text.into();
        Self { kind: resolve::core_schema(&text), text, plain: true, substitution: None }
    }

    /// `true` or `false`, also where `${…}` in quotes was replaced by one of them.
    pub fn as_bool(&self) -> Option<bool> {
        match self.meaning() {
            ScalarKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The kind; of a text that came through `${…}`, the kind that it would have without quotes.
    pub fn meaning(&self) -> ScalarKind {
        match (self.kind, &self.substitution) {
            (ScalarKind::String, Some(_)) => resolve::core_schema(&self.text),
            (kind, _) => kind,
        }
    }

    /// The text as the user wrote it: with `${…}` in place.
    pub fn written(&self) -> &str {
        self.substitution.as_ref().map_or(&self.text, |substitution| &substitution.written)
    }
}

impl Node {
    /// A scalar in no file.
    pub fn scalar(scalar: Scalar) -> Self {
        Self { value: Value::Scalar(scalar), span: Span::NONE }
    }

    /// Text in no file.
    pub fn string(text: impl Into<Box<str>>) -> Self {
        Self::scalar(Scalar::string(text))
    }

    /// `true` or `false` in no file.
    pub fn bool(value: bool) -> Self {
        Self::scalar(Scalar::plain(if value { "true" } else { "false" }))
    }

    /// An empty map in no file.
    pub fn empty_map() -> Self {
        Self::map(Map::default())
    }

    /// A map in no file.
    pub fn map(map: Map) -> Self {
        Self { value: Value::Map(map), span: Span::NONE }
    }

    /// A list in no file.
    pub fn list(items: Vec<Self>) -> Self {
        Self { value: Value::List(items), span: Span::NONE }
    }

    /// The same value, at a place.
    pub fn at(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// The value that a text in the configuration language has: how defaults are written in code. `Err` says why the
    /// text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut problems = crate::problem::Problems::new();
        let node = yaml::parse(text, Span::NONE.file, &mut problems);
        match problems.iter().next() {
            Some(problem) => Err(problem.message.clone()),
            None => node.ok_or_else(|| "no value".to_owned()),
        }
    }

    /// This tree as YAML in block style, with a line feed at the end; what came through `${…}` as it was written.
    pub fn to_yaml(&self) -> String {
        print::print(self)
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The spelling of a scalar that is not null.
    pub fn as_text(&self) -> Option<&str> {
        self.as_scalar().filter(|scalar| scalar.kind != ScalarKind::Null).map(|scalar| &*scalar.text)
    }

    /// `true` or `false`, if it is one of them.
    pub fn as_bool(&self) -> Option<bool> {
        self.as_scalar().and_then(Scalar::as_bool)
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| scalar.kind == ScalarKind::Null)
    }

    /// The value under a name, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map().and_then(|map| map.get(key))
    }

    /// What this is, with its article, for messages: "a list".
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => "nothing",
                ScalarKind::Bool(true) => "`true`",
                ScalarKind::Bool(false) => "`false`",
                ScalarKind::Int(_) | ScalarKind::Float(_) => "a number",
                ScalarKind::String => "a text",
            },
        }
    }

    /// The place of the bytes `range` of the scalar's text; the whole scalar if escapes or `${…}` stand between them.
    pub fn text_span(&self, range: std::ops::Range<usize>) -> Span {
        let Some(scalar) = self.as_scalar() else { return self.span };
        if self.span.is_none() || scalar.substitution.is_some() {
            return self.span;
        }
        let written = self.span.range().len();
        match written.checked_sub(scalar.text.len()) {
            Some(0) if scalar.plain => self.span.part(range),
            Some(2) if !scalar.plain => self.span.part(range.start + 1..range.end + 1),
            _ => self.span,
        }
    }
}

impl Map {
    /// The value under a name.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry under a name.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// Adds an entry, or replaces the value of one that is there and keeps its place in the order.
    pub fn set(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|present| present.key == entry.key) {
            Some(present) => *present = entry,
            None => self.entries.push(entry),
        }
    }

    /// Takes the entry under a name out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| &*entry.key == key)?;
        Some(self.entries.remove(index))
    }
}

impl Entry {
    /// An entry in no file.
    pub fn new(key: impl Into<Box<str>>, value: Node) -> Self {
        Self { key: key.into(), key_span: Span::NONE, value }
    }
}
