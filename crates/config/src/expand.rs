//! The long form of a document: every short form written out, every default filled in, secrets masked. What `maitred check
//! --expand` prints.
//!
//! It follows the shapes and not the values, so that `${…}` stays as written. Read again, it means the same: where a policy is
//! laid over another, only what is written there is printed, because a default would hide what is below.

use std::collections::HashSet;

use crate::document::{Document, Loaded, PolicyShapes};
use crate::node::{Entry, Map, Node, Scalar, Value};
use crate::read::{ConfigMap, MapShape, Shape};

#[cfg(test)]
mod tests;

/// The long form of what was loaded, as YAML. To be called only if there are no errors; keys that nobody knows are left out.
pub fn expand(loaded: &Loaded, shapes: &dyn PolicyShapes) -> String {
    let root = &loaded.tree.root;
    let expander = Expander { root, shapes, defaults: true, layer: Layer::Global };
    expander.map(root, Document::map_shape()).to_yaml()
}

/// The long form of one node, as its shape tells; with the defaults of what is not written.
pub fn long_form(node: &Node, shape: &Shape, shapes: &dyn PolicyShapes) -> Node {
    Expander { root: node, shapes, defaults: true, layer: Layer::Global }.node(node, shape)
}

/// Which policies can be below those of a place.
#[derive(Clone, Copy, PartialEq)]
enum Layer {
    /// Of `policies`: those of the sets that are used there.
    Global,
    /// Of a set: any.
    Set,
    /// Of a route: the global ones, and those of the sets that are used.
    Route,
}

#[derive(Clone, Copy)]
struct Expander<'a> {
    /// The whole document, in which sets and global policies are looked up.
    root: &'a Node,
    shapes: &'a dyn PolicyShapes,
    /// Whether defaults are filled in.
    defaults: bool,
    layer: Layer,
}

impl Expander<'_> {
    fn node(&self, node: &Node, shape: &Shape) -> Node {
        match shape {
            Shape::Any | Shape::Bool | Shape::Int { .. } | Shape::Text(_) | Shape::Words(_) => node.clone(),
            Shape::Secret => masked(node),
            Shape::List { item, .. } => self.list(node, item),
            Shape::Named(inside) => self.named(node, inside),
            Shape::Map(map) => self.map(node, map),
            Shape::Switch(_) if node.as_bool() == Some(false) => node.clone(),
            Shape::Switch(inside) => self.node(node, inside),
            Shape::OneOf(shapes) => match shapes.iter().find(|shape| shape.fits(node)) {
                Some(shape) => self.node(node, shape),
                None => node.clone(),
            },
            Shape::Policies => self.policies(node),
        }
    }

    fn list(&self, node: &Node, item: &Shape) -> Node {
        let items = match node.as_list() {
            Some(items) => items.iter().map(|node| self.node(node, item)).collect(),
            None if node.as_bool() == Some(false) && !item.fits(node) => Vec::new(),
            None => vec![self.node(node, item)],
        };
        Node::list(items)
    }

    fn named(&self, node: &Node, inside: &Shape) -> Node {
        let Some(map) = node.as_map() else { return node.clone() };
        let here = |entry: &&Entry| !matches!(inside, Shape::Map(_)) || entry.value.as_bool() != Some(false);
        let entries = map.entries.iter().filter(here);
        let entries = entries.map(|entry| Entry::new(&*entry.key, self.node(&entry.value, inside))).collect();
        Node::map(Map { entries })
    }

    fn map(&self, node: &Node, shape: &MapShape) -> Node {
        // A line that came through `${…}` cannot be cut into pieces without showing it.
        let put_in = node.as_scalar().is_some_and(|scalar| scalar.substitution.is_some());
        if put_in && shape.short.is_some() {
            return node.clone();
        }
        let Ok(long) = shape.long_form(node) else { return node.clone() };
        let mut entries = Vec::new();
        for field in shape.fields {
            let below = self.below(shape, field.key);
            let value = match (long.get(field.key), field.default) {
                (Some(value), _) => below.node(value, &(field.shape)()),
                (None, Some(default)) if self.defaults => match Node::parse(default) {
                    Ok(value) => below.node(&value, &(field.shape)()),
                    Err(_) => continue,
                },
                _ => continue,
            };
            entries.push(Entry::new(field.key, value));
        }
        Node::map(Map { entries })
    }

    /// The expander for what stands under a key: the sections of a document are layers of policies.
    fn below(&self, shape: &MapShape, key: &str) -> Self {
        let layer = match key {
            _ if !std::ptr::eq(shape, Document::map_shape()) => self.layer,
            "policy_sets" => Layer::Set,
            "routes" => Layer::Route,
            _ => Layer::Global,
        };
        Self { layer, ..*self }
    }

    fn policies(&self, node: &Node) -> Node {
        let Some(map) = node.as_map() else { return node.clone() };
        let below = self.names_below(node);
        let entries = map.entries.iter().map(|entry| {
            let kind = entry.key.split('/').next().unwrap_or_default();
            let alone = self.defaults && self.layer != Layer::Set && !below.contains(&*entry.key);
            let value = if &*entry.key == "use" {
                self.list(&entry.value, &Shape::Any)
            } else if entry.value.as_bool() == Some(false) {
                entry.value.clone()
            } else {
                match self.shapes.shape(kind) {
                    // What a policy holds is laid over nothing but what this one is laid over.
                    Some(shape) => {
                        Self { defaults: alone, layer: Layer::Global, ..*self }.node(&entry.value, &shape)
                    }
                    None => entry.value.clone(),
                }
            };
            Entry::new(&*entry.key, value)
        });
        Node::map(Map { entries: entries.collect() })
    }

    /// The names of the policies over which those of this map are laid.
    fn names_below(&self, policies: &Node) -> HashSet<&str> {
        let global = self.root.get("policies").filter(|_| self.layer == Layer::Route);
        let mut sets: Vec<&str> = Vec::new();
        let mut names = HashSet::new();
        for map in global.into_iter().chain([policies]) {
            let uses =
                map.get("use").map_or(&[][..], |uses| uses.as_list().unwrap_or(std::slice::from_ref(uses)));
            sets.extend(uses.iter().filter_map(Node::as_text));
        }
        let sets =
            sets.iter().filter_map(|name| self.root.get("policy_sets").and_then(|sets| sets.get(name)));
        for map in sets.chain(global).filter_map(Node::as_map) {
            names.extend(map.entries.iter().map(|entry| &*entry.key));
        }
        names
    }
}

/// A secret that only names where it comes from stays; all others become asterisks.
fn masked(node: &Node) -> Node {
    let shown = |scalar: &Scalar| {
        scalar.text.is_empty() && scalar.substitution.is_none()
            || scalar.substitution.as_ref().is_some_and(|substitution| substitution.only_reference)
    };
    match &node.value {
        Value::Scalar(scalar) if shown(scalar) || node.as_bool() == Some(false) => node.clone(),
        _ => Node::string("***"),
    }
}
