//! The policies that a route has in the end: global ones, sets and its own, laid over each other.
//!
//! Maps are merged key by key; lists and scalars replace what is below; `false` takes a policy away. A short form counts as
//! the long form that it stands for, so that a document means the same before and after `check --expand`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::policies::policy_name;
use super::{Document, PolicyEntry, PolicyShapes, Route};
use crate::node::{Entry, Map, Node, Value};
use crate::read::{NamedEntry, Shape};
use crate::span::Span;

/// A policy that a route has in the end.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectivePolicy {
    /// What kind of policy.
    pub kind: Box<str>,
    /// What tells it from another of its kind.
    pub label: Option<Box<str>>,
    /// Its configuration, merged. Routes that change nothing share one node: the same `Arc`.
    pub node: Arc<Node>,
    /// Where its name stands, in the uppermost layer.
    pub span: Span,
    /// Where it is written. Its state (counters, breakers) belongs to this place: routes that inherit it share it.
    pub written_at: Place,
}

impl EffectivePolicy {
    /// The name under which it is written: `rate_limit/hourly`.
    pub fn name(&self) -> String {
        policy_name(&self.kind, self.label.as_deref())
    }
}

/// Where a policy is written: every layer that says something of it, lowest first. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place(Vec<Layer>);

/// One of the places where policies stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Layer {
    /// `policies` of the document.
    Global,
    /// A set of `policy_sets`.
    Set(Box<str>),
    /// `policies` of a route.
    Route(Box<str>),
}

impl Place {
    /// The layers, lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }
}

/// `policies + policy_sets.signed_in`: equal texts are equal places.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, layer) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" + ")?;
            }
            match layer {
                Layer::Global => f.write_str("policies")?,
                Layer::Set(name) => write!(f, "policy_sets.{name}")?,
                Layer::Route(name) => write!(f, "routes.{name}.policies")?,
            }
        }
        Ok(())
    }
}

impl Document {
    /// The policies of a route, in the order in which they are written: global ones first, then those of its sets, then its
    /// own. Without a route: those of requests that no route takes. `shapes` tells the long form of short ones.
    pub fn effective_policies(
        &self,
        route: Option<&NamedEntry<Route>>,
        shapes: &dyn PolicyShapes,
    ) -> Vec<EffectivePolicy> {
        let own = route.map(|route| &route.value.policies);
        if own.is_some_and(|own| own.none) {
            return Vec::new();
        }
        let mut laid = Laid { policies: Vec::new(), shapes };
        let mut sets: Vec<&str> = Vec::new();
        let mut use_sets = |laid: &mut Laid<'_>, uses: &[crate::read::Spanned<String>]| {
            for name in uses {
                if !sets.contains(&name.as_str())
                    && let Some(set) = self.policy_sets.entry(name)
                {
                    sets.push(&set.name);
                    laid.lay(&set.value.entries, &Layer::Set(set.name.clone()));
                }
            }
        };
        use_sets(&mut laid, &self.policies.uses);
        laid.lay(&self.policies.entries, &Layer::Global);
        if let (Some(route), Some(own)) = (route, own) {
            use_sets(&mut laid, &own.uses);
            laid.lay(&own.entries, &Layer::Route(route.name.clone()));
        }
        laid.policies
    }
}

struct Laid<'a> {
    policies: Vec<EffectivePolicy>,
    shapes: &'a dyn PolicyShapes,
}

impl Laid<'_> {
    fn lay(&mut self, entries: &[PolicyEntry], layer: &Layer) {
        for entry in entries {
            let off = entry.node.as_bool() == Some(false);
            let below =
                self.policies.iter().position(|below| below.kind == entry.kind && below.label == entry.label);
            match below {
                Some(below) if off => _ = self.policies.remove(below),
                Some(below) => {
                    let shape = self.shapes.shape(&entry.kind);
                    let below = &mut self.policies[below];
                    below.node = Arc::new(merge(&below.node, &entry.node, shape.as_ref(), self.shapes));
                    below.span = entry.span;
                    below.written_at.0.push(layer.clone());
                }
                None if off => {}
                None => self.policies.push(EffectivePolicy {
                    kind: entry.kind.clone(),
                    label: entry.label.clone(),
                    node: Arc::clone(&entry.node),
                    span: entry.span,
                    written_at: Place(vec![layer.clone()]),
                }),
            }
        }
    }
}

/// Lays one node over another.
fn merge(below: &Node, above: &Node, shape: Option<&Shape>, shapes: &dyn PolicyShapes) -> Node {
    let known = match shape {
        Some(Shape::Switch(inside)) => return merge(below, above, Some(inside), shapes),
        Some(Shape::Map(map)) => Some(*map),
        _ => None,
    };
    let long = |node| known.and_then(|map| map.long_form(node).ok()).unwrap_or(Cow::Borrowed(node));
    let (long_below, long_above) = (long(below), long(above));
    let (Some(below), Some(upper)) = (long_below.as_map(), long_above.as_map()) else { return above.clone() };
    let child_shape = |key: &str| match shape {
        Some(Shape::Named(inside)) => Some((**inside).clone()),
        Some(Shape::Policies) => shapes.shape(key.split('/').next().unwrap_or_default()),
        _ => known.and_then(|map| map.field(key)).map(|field| (field.shape)()),
    };
    Node { value: Value::Map(merge_maps(below, upper, &child_shape, shapes)), span: above.span }
}

fn merge_maps(
    below: &Map,
    above: &Map,
    shape: &dyn Fn(&str) -> Option<Shape>,
    shapes: &dyn PolicyShapes,
) -> Map {
    let mut merged = below.clone();
    for entry in &above.entries {
        match merged.entries.iter_mut().find(|present| present.key == entry.key) {
            Some(present) => {
                let value = merge(&present.value, &entry.value, shape(&entry.key).as_ref(), shapes);
                *present = Entry { key: entry.key.clone(), key_span: entry.key_span, value };
            }
            None => merged.entries.push(entry.clone()),
        }
    }
    merged
}
