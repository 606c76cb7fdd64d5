//! The rules that rank two routes which both fit a request, and the order in which they are asked. The comparing
//! itself is in `rank`, and in what it compares.

use std::cmp::Ordering;
use std::fmt;

/// A rule by which one route outranks another. They are asked in this order; the first that tells two routes apart
/// decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The higher `priority`; 0 where none is written.
    Priority,
    /// An exact host, then the longest `*.domain`, then none.
    Host,
    /// An exact path, then one with `{name}`, then a regular expression, then a prefix.
    PathKind,
    /// At the first segment where two paths differ, a literal beats a `{name}`.
    LiteralSegment,
    /// The path with more segments.
    LongerPath,
    /// The regular expression with more letters.
    LongerRegex,
    /// More conditions: each header, query field and cookie is one, and so are `client`, `listener` and `when`.
    MoreConditions,
    /// A route that names methods, before one that takes them all.
    NamedMethods,
}

impl Rule {
    /// What the winner has, for people: `loses, because the winner …`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "has a higher priority",
            Self::Host => "has a more exact host",
            Self::PathKind => "has a more exact kind of path",
            Self::LiteralSegment => "has a literal segment where this one has a parameter",
            Self::LongerPath => "has a longer path",
            Self::LongerRegex => "has a longer regular expression",
            Self::MoreConditions => "has more conditions",
            Self::NamedMethods => "names its methods",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `order` with the rule that it came from, where it tells something apart.
pub(crate) fn differs(order: Ordering, rule: Rule) -> Option<(Ordering, Rule)> {
    (order != Ordering::Equal).then_some((order, rule))
}
