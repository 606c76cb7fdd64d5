//! Reading a map whose names the user chooses: upstreams, routes, headers to set.
//! Entries that cannot be read keep their names, so that nobody is told that they do not exist.

use std::collections::HashMap;

use super::{Read, Reader, Shape};
use crate::node::Node;
use crate::problem::Problem;
use crate::span::Span;

/// How long a name may be.
const MAX_NAME: usize = 200;
/// From how many entries on they are indexed; fewer are found faster by looking at each.
const INDEXED: usize = 16;

/// Values by names that the user chooses, in the order in which they are written.
#[derive(Debug, Clone)]
pub struct Named<T> {
    entries: Vec<NamedEntry<T>>,
    /// Where each name stands, if there are many.
    index: HashMap<Box<str>, usize>,
    /// Names whose values could not be read: they exist, but nothing is known of them.
    broken: Vec<Box<str>>,
}

/// A name, where it stands, and its value.
#[derive(Debug, Clone)]
pub struct NamedEntry<T> {
    /// The name.
    pub name: Box<str>,
    /// Where the name stands.
    pub span: Span,
    /// The value.
    pub value: T,
}

impl<T> Named<T> {
    /// The entries in the order in which they are written.
    pub fn iter(&self) -> std::slice::Iter<'_, NamedEntry<T>> {
        self.entries.iter()
    }

    /// The value with this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The entry with this name.
    pub fn entry(&self, name: &str) -> Option<&NamedEntry<T>> {
        if self.index.is_empty() {
            return self.entries.iter().find(|entry| &*entry.name == name);
        }
        self.index.get(name).map(|at| &self.entries[*at])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All names that are written, also those whose values could not be read.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.iter().map(|entry| &*entry.name).chain(self.broken.iter().map(|name| &**name))
    }
}

#[cfg(test)]
impl<T> Named<T> {
    /// Changes every value.
    pub(crate) fn for_each_value(&mut self, change: impl FnMut(&mut T)) {
        self.entries.iter_mut().map(|entry| &mut entry.value).for_each(change);
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashMap::new(), broken: Vec::new() }
    }
}

impl<T: PartialEq> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<T: PartialEq> PartialEq for NamedEntry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl<'a, T> IntoIterator for &'a Named<T> {
    type Item = &'a NamedEntry<T>;
    type IntoIter = std::slice::Iter<'a, NamedEntry<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Read> Read for Named<T> {
    fn shape() -> Shape {
        Shape::Named(Box::new(T::shape()))
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(map) = node.as_map() else { return reader.wanted("a map from names", node) };
        let mut named = Self { entries: Vec::with_capacity(map.entries.len()), ..Self::default() };
        for entry in &map.entries {
            if !name_is_well_formed(&entry.key) {
                reader.problem(Problem::error("this cannot be a name").at(entry.key_span).help(format!(
                    "a name has 1 to {MAX_NAME} characters, none of them a control character"
                )));
                continue;
            }
            if T::IS_SETTING && entry.value.as_bool() == Some(false) {
                continue;
            }
            match reader.under(entry.key_span, |reader| T::read(&entry.value, reader)) {
                Some(value) => {
                    named.entries.push(NamedEntry { name: entry.key.clone(), span: entry.key_span, value });
                }
                None => named.broken.push(entry.key.clone()),
            }
        }
        if named.entries.len() > INDEXED {
            named.index =
                named.entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
        }
        Some(named)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

fn name_is_well_formed(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control)
}
