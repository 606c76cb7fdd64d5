//! Plans: what callers may use, by name. Consumers have one, or tokens name it.
//! Which one somebody has is found out by the policies that identify; its limits count where `rate_limit: plan` stands.

use super::rate_limit::{self, RateLimit};
use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, Named, OneOrMany, Reader, Spanned, Toggle};
use crate::scalar::Rate;

config_map! {
    /// A plan that callers have.
    #[check = Plan::check]
    pub struct Plan {
        /// Whether those have it who have no other.
        default: bool = false,
        /// How many requests each caller may send in which time, on all routes with `rate_limit: plan` together: a rate, several, or maps of `limit`,
        /// `burst` and `algorithm`. `false`: as many as they like.
        rate_limit: Option<Toggle<OneOrMany<RateLimit>>>,
        /// How many requests each caller may send in a long time, counted in the same way: `1000000/month`, or several.
        quota: Vec<Spanned<Rate>>,
    }
}

impl Plan {
    /// Its limits; none where it has none.
    pub fn limits(&self) -> &[RateLimit] {
        self.rate_limit.as_ref().and_then(Toggle::on).map_or(&[], |limits| limits)
    }

    fn check(&self, _: &Fields<'_>, reader: &mut Reader<'_>) {
        for quota in &self.quota {
            rate_limit::check_window(quota, reader);
        }
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
