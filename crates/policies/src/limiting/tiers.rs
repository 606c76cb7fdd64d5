//! Which limits count a request: the same for all, or those of the tier or plan that its caller has.
//! Who somebody is was found out by the policies that identify.

use std::collections::HashMap;
use std::sync::Arc;

use maitred_policy::values::{Value, View};

use super::counter::Counter;
use super::limit;

/// The limits that there are.
#[derive(Debug)]
pub(crate) enum Tiers {
    /// The same for all.
    One(Group),
    /// By what a request says, or who asks.
    Several {
        /// What says which.
        tier: Tier,
        /// By their names.
        named: HashMap<Box<str>, Group>,
        /// That of those who have none, or one that is unknown. It is among them.
        default: Box<str>,
    },
}

/// The limits of one tier: each counts for itself, one after the other. Without any nothing is counted.
pub(crate) type Group = Arc<[Counter]>;

/// What says which tier somebody has.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) value: Value,
    /// Whether clients write it themselves, so that it counts only where it comes from a trusted proxy.
    pub(crate) is_claimed: bool,
}

impl Tier {
    /// What the caller's plan is.
    pub(crate) const PLAN: Self = Self { value: Value::ConsumerPlan, is_claimed: false };

    /// Writes its name, if there is one.
    fn name<'n>(&self, view: &View<'_>, name: &'n mut Vec<u8>) -> Option<&'n str> {
        let is_there = (!self.is_claimed || view.facts.peer_is_trusted) && self.value.write(view, name);
        std::str::from_utf8(name).ok().filter(|_| is_there)
    }
}

impl Tiers {
    /// The limits that count a request, and the name of the tier where there are several. `scratch` is as empty afterwards as before.
    pub(super) fn of(&self, view: &View<'_>, scratch: &mut Vec<u8>) -> (&Group, Option<&str>) {
        match self {
            Self::One(group) => (group, None),
            Self::Several { tier, named, default } => {
                let found = tier.name(view, scratch).and_then(|name| named.get_key_value(name));
                scratch.clear();
                let (name, group) = found
                    .or_else(|| named.get_key_value(default))
                    .expect("the default is among the tiers since they were compiled");
                (group, Some(name))
            }
        }
    }

    /// All limits.
    pub(super) fn counters(&self) -> impl Iterator<Item = &Counter> {
        self.groups().flat_map(|group| group.iter())
    }

    /// All groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        let (one, several) = match self {
            Self::One(group) => (Some(group), None),
            Self::Several { named, .. } => (None, Some(named.values())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }
}

/// The limits of a group, in words.
pub(super) fn describe(group: &Group) -> String {
    let limits = group.iter().flat_map(|counter| &counter.limits);
    limits.map(limit::describe).collect::<Vec<_>>().join(" and ")
}
