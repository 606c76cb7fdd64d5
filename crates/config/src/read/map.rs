//! Reading a map of known keys: its long form, its unknown keys, its fields. What `config_map!` generates calls this.
//! A key that cannot be read has its default, so that one mistake does not hide the next.

use std::borrow::Cow;

use super::shape::known_keys;
use super::{MapShape, Read, Reader};
use crate::node::{Entry, Node};
use crate::problem::Problem;
use crate::scalar::nearest::nearest;
use crate::span::Span;

/// A type declared with [`config_map!`](crate::config_map).
pub trait ConfigMap: Read {
    /// Its keys.
    const SHAPE: MapShape;

    /// Its keys, as a reference for life.
    fn map_shape() -> &'static MapShape;
}

/// A map that is being read.
#[derive(Debug)]
pub struct Fields<'n> {
    map: Cow<'n, Node>,
    shape: &'static MapShape,
    place: Span,
    unknown: bool,
}

impl Reader<'_> {
    /// Opens a map of known keys: its long form, with every unknown key told.
    pub fn open<'n>(&mut self, node: &'n Node, shape: &'static MapShape) -> Option<Fields<'n>> {
        let place = self.place(node);
        let map = match shape.long_form(node) {
            Ok(map) => map,
            Err(problem) => {
                let problem = if problem.labels.is_empty() { problem.at(place) } else { problem };
                self.problem(problem);
                return None;
            }
        };
        let mut fields = Fields { map, shape, place, unknown: false };
        let map = fields.map.as_map()?;
        for entry in &map.entries {
            if shape.field(&entry.key).is_none() {
                fields.unknown = true;
                // It may be a credential under a key that is misspelt.
                if shape.has_secret() {
                    self.hide(&entry.value);
                }
                self.problem(unknown_key(entry, shape));
            }
        }
        Some(fields)
    }
}

fn unknown_key(entry: &Entry, shape: &MapShape) -> Problem {
    let help = match nearest(&entry.key, shape.fields.iter().map(|field| field.key)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known keys: {}", known_keys(shape)),
    };
    let message = format!("unknown key {}", crate::scalar::quote(&entry.key));
    Problem::error(message).at(entry.key_span).help(help)
}

impl Fields<'_> {
    /// Reads the value of a key. A key that is not written has its default; so has one whose value is wrong (which is told),
    /// so that reading goes on.
    pub fn read<T: Read>(&self, reader: &mut Reader<'_>, key: &str, default: Option<fn() -> T>) -> Option<T> {
        let fallback = |reader: &mut Reader<'_>| match self.shape.field(key).and_then(|field| field.default) {
            Some(text) if T::IS_PATH => T::read(&Node::string(text).at(self.place), reader),
            _ => default.map(|default| default()).or_else(T::absent),
        };
        let Some(entry) = self.entry(key) else {
            let value = fallback(reader);
            if value.is_none() && !self.meant_by_an_unknown_key(key) {
                self.tell_missing(reader, key);
            }
            return value;
        };
        reader.under(entry.key_span, |reader| T::read(&entry.value, reader)).or_else(|| fallback(reader))
    }

    fn tell_missing(&self, reader: &mut Reader<'_>, key: &str) {
        let meaning = self.shape.field(key).and_then(|field| field.doc.lines().next()).unwrap_or_default();
        let problem = Problem::error(format!("`{key}` is missing")).at(self.place);
        reader.problem(problem.help(format!("`{key}`: {}", meaning.trim())));
    }

    fn meant_by_an_unknown_key(&self, key: &str) -> bool {
        let keys = || self.shape.fields.iter().map(|field| field.key);
        let mut written = self.map.as_map().into_iter().flat_map(|map| &map.entries);
        self.unknown
            && written.any(|entry| {
                self.shape.field(&entry.key).is_none() && nearest(&entry.key, keys()) == Some(key)
            })
    }

    /// The entry of a key, if it is written.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.map.as_map().and_then(|map| map.entry(key))
    }

    /// Whether a key is written, with a value other than `false`.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|entry| entry.value.as_bool() != Some(false))
    }

    /// Whether a key stands here that nobody knows: then what is missing may be what was meant by it.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Where a key stands; where the whole map stands, if the key is not written.
    pub fn key_span(&self, key: &str) -> Span {
        self.entry(key).map_or(self.place, |entry| entry.key_span)
    }

    /// Where the value of a key is best shown: the value if it is a scalar, else the key.
    pub fn value_span(&self, key: &str) -> Span {
        match self.entry(key) {
            Some(entry) if entry.value.as_scalar().is_some() => entry.value.span.or(entry.key_span),
            Some(entry) => entry.key_span,
            None => self.place,
        }
    }

    /// Where the whole map is best shown.
    pub fn place(&self) -> Span {
        self.place
    }
}
