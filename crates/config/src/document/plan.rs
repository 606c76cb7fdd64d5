//! Plans: what callers may use, by name. Consumers have one, or tokens name it.
//! Which one somebody has is found out by the policies that identify.

use crate::config_map;
use crate::problem::Problem;
use crate::read::{Named, Reader};

config_map! {
    /// A plan that callers have.
    pub struct Plan {
        /// Whether those have it who are known and have no other.
        default: bool = false,
    }
}

/// Checks that there is at most one default.
pub(super) fn check(plans: &Named<Plan>, reader: &mut Reader<'_>) {
    let mut defaults = plans.iter().filter(|plan| plan.value.default);
    if let (Some(first), Some(second)) = (defaults.next(), defaults.next()) {
        let problem = Problem::error("two plans are the default");
        reader.problem(problem.label(second.span, "again here").label(first.span, "first here"));
    }
}
