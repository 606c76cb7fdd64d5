//! Which of two path patterns ranks first where both take a path. The rules beside those of the path are in
//! `crate::rank`.

use std::cmp::Ordering;

use super::{PathForm, PathSpec, Segment};
use crate::rule::{Rule, differs};

impl PathSpec {
    /// How two patterns differ in rank, by the first rule that tells them apart: exact, then with `{name}`, then
    /// regular expressions, then prefixes; within a kind segment by segment a literal before a `{name}`, longer
    /// before shorter; of two regular expressions the longer text.
    ///
    /// Patterns that cannot take the same path are ordered too, by their letters: so this is a total order, and
    /// patterns of one kind that are equal in it take the same paths, but for regular expressions, of which only
    /// the length is compared.
    pub(crate) fn rank(&self, other: &Self) -> Option<(Ordering, Rule)> {
        differs(self.kind().cmp(&other.kind()), Rule::PathKind).or_else(|| match (&self.form, &other.form) {
            (PathForm::Regex(one), PathForm::Regex(two)) => {
                differs(two.as_str().len().cmp(&one.as_str().len()), Rule::LongerRegex)
            }
            (PathForm::Segments { segments: one, .. }, PathForm::Segments { segments: two, .. }) => {
                rank_segments(one, two)
            }
            // Kinds are equal here, and a regular expression is a kind of its own.
            _ => None,
        })
    }
}

fn rank_segments(one: &[Segment], two: &[Segment]) -> Option<(Ordering, Rule)> {
    for (a, b) in one.iter().zip(two) {
        let order = match (a, b) {
            (Segment::Literal(a), Segment::Literal(b)) => a.cmp(b),
            (Segment::Literal(_), Segment::Param) => Ordering::Less,
            (Segment::Param, Segment::Literal(_)) => Ordering::Greater,
            (Segment::Param, Segment::Param) => Ordering::Equal,
        };
        if let Some(difference) = differs(order, Rule::LiteralSegment) {
            return Some(difference);
        }
    }
    differs(two.len().cmp(&one.len()), Rule::LongerPath)
}
