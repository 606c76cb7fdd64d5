//! Maps of policies: raw nodes by name, because only the policies themselves know what stands in them.
//! `use`, labels and `policies: false` are understood here; how layers are merged is in `effective.rs`.

use std::sync::Arc;

use crate::node::{Entry, Node};
use crate::problem::Problem;
use crate::read::{Read, Reader, Shape, Spanned};
use crate::span::Span;

/// The policies of a place, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PolicyMap {
    /// `policies: false`: none at all, not even those from above.
    pub none: bool,
    /// The sets that `use` names, laid below what is written here.
    pub uses: Vec<Spanned<String>>,
    /// What is written here.
    pub entries: Vec<PolicyEntry>,
}

/// A policy as it is written in one place.
#[derive(Debug, Clone)]
pub struct PolicyEntry {
    /// What kind of policy: `rate_limit`.
    pub kind: Box<str>,
    /// What tells it from another of its kind: `hourly` of `rate_limit/hourly`.
    pub label: Option<Box<str>>,
    /// What is written: `false` takes away one from above.
    pub node: Arc<Node>,
    /// Where its name stands.
    pub span: Span,
}

impl PartialEq for PolicyEntry {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.label == other.label && self.node == other.node
    }
}

/// What the policies are: how this crate learns of them without knowing them.
pub trait PolicyShapes {
    /// What may stand under a kind of policy, or nothing if there is no such kind.
    fn shape(&self, kind: &str) -> Option<Shape>;

    /// All kinds, in a fixed order.
    fn kinds(&self) -> Vec<&'static str>;
}

/// No policies are known: nodes are taken as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPolicies;

impl PolicyShapes for NoPolicies {
    fn shape(&self, _: &str) -> Option<Shape> {
        None
    }

    fn kinds(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl PolicyEntry {
    /// The name under which it is written: `rate_limit/hourly`.
    pub fn name(&self) -> String {
        policy_name(&self.kind, self.label.as_deref())
    }
}

/// `kind`, or `kind/label`.
pub(super) fn policy_name(kind: &str, label: Option<&str>) -> String {
    label.map_or_else(|| kind.to_owned(), |label| format!("{kind}/{label}"))
}

impl Read for PolicyMap {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::Policies
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_bool() == Some(false) {
            return Some(Self { none: true, ..Self::default() });
        }
        let Some(map) = node.as_map() else {
            return reader.wanted("a map of policies, or `false`,", node);
        };
        let mut policies = Self::default();
        for entry in &map.entries {
            if &*entry.key == "use" {
                let uses = reader.under(entry.key_span, |reader| Vec::read(&entry.value, reader));
                policies.uses = uses.unwrap_or_default();
            } else if let Some(policy) = policy(entry, reader) {
                policies.entries.push(policy);
            }
        }
        Some(policies)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

fn policy(entry: &Entry, reader: &mut Reader<'_>) -> Option<PolicyEntry> {
    let (kind, label) = match entry.key.split_once('/') {
        Some((kind, label)) => (kind, Some(label)),
        None => (&*entry.key, None),
    };
    let bad_label = label
        .is_some_and(|label| label.is_empty() || label.contains('/') || label.contains(char::is_control));
    if kind.is_empty() || bad_label {
        reader.problem(
            Problem::error("this cannot be the name of a policy")
                .at(entry.key_span)
                .help("write its kind, and a label if there are two of a kind: `rate_limit/hourly`"),
        );
        return None;
    }
    if entry.value.is_null() {
        reader.problem(
            Problem::error(format!("nothing stands under `{}`", entry.key))
                .at(entry.key_span)
                .help(format!("write `{}: true` for all its defaults", entry.key)),
        );
        return None;
    }
    Some(PolicyEntry {
        kind: kind.into(),
        label: label.map(Into::into),
        node: Arc::new(entry.value.clone()),
        span: entry.key_span,
    })
}
