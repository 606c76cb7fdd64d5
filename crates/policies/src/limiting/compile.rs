//! From what users write to a limiter: what `rate_limit` and `quota` have in common.
//! What only one of them has, limits and tiers, comes in compiled.

use std::sync::Arc;

use maitred_config::{Problem, Spanned, Toggle, config_words};
use maitred_policy::values::Available;
use maitred_policy::{Build, Condition, Phase};
use maitred_store::Algorithm;

use super::caller::{self, ByConfig, Callers};
use super::cost::{Cost, CostConfig};
use super::counter::{Counter, Keeper, OnStoreFailure};
use super::counts::CountsShared;
use super::limit;
use super::quotas::Quotas;
use super::tiers::Tiers;
use super::{Class, HeaderStyle, Limiter};

config_words! {
    /// For what there is one count.
    pub enum CountScope {
        /// For the place where the policy is written: all routes that inherit it count together.
        Place = "place",
        /// For each route.
        Route = "route",
    }
}

/// What both policies say.
pub(crate) struct Rules<'c> {
    pub(crate) class: Class,
    pub(crate) by: &'c [Spanned<ByConfig>],
    pub(crate) scope: CountScope,
    pub(crate) ipv6_prefix: u8,
    pub(crate) when: Option<&'c Spanned<String>>,
    pub(crate) cost: &'c Spanned<CostConfig>,
    pub(crate) store: Option<&'c Spanned<String>>,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) headers: &'c Toggle<HeaderStyle>,
    pub(crate) lease: Option<&'c Spanned<u32>>,
}

impl Rules<'_> {
    /// Before anybody is identified, where nothing goes by that: so wrong credentials count, too.
    pub(crate) fn phase(&self) -> Phase {
        let of_condition = |when: &Spanned<String>| {
            Condition::compile(&when.value, Available::Request).is_ok_and(|when| when.needs_identity())
        };
        let needs_identity = caller::needs_identity(self.by)
            || self.when.is_some_and(of_condition)
            || Cost::needs_identity(&self.cost.value);
        if needs_identity { Phase::Admit } else { Phase::Screen }
    }

    /// Where counts are kept.
    pub(crate) fn keeper(&self, build: &mut Build<'_>) -> Option<Keeper> {
        Keeper::compile(self.store, self.on_store_failure, build)
    }

    /// The limiter. All problems are reported, whether the limits are good or not.
    pub(crate) fn compile(
        self,
        tiers: Option<Tiers>,
        build: &mut Build<'_>,
        previous: Option<&Limiter>,
    ) -> Option<Limiter> {
        let callers = Callers::compile(self.by, self.scope == CountScope::Route, self.ipv6_prefix, build);
        let when = match self.when {
            Some(when) => build.condition(when, Available::Request).map(Some),
            None => Some(None),
        };
        let cost = Cost::compile(&self.cost.value, build);
        let (tiers, cost) = (tiers?, cost?);
        if let Cost::Fixed(cost) = cost {
            refuse_what_never_passes(cost, &tiers, self.cost, build)?;
        }
        if let Some(lease) = self.lease {
            check_lease(lease, &tiers, build)?;
        }
        let is_at_hand = tiers.counters().all(Counter::is_at_hand);
        let counts = previous.map(|previous| &previous.counts);
        Some(Limiter {
            when: when?,
            callers: callers?,
            quotas: Quotas::of(&tiers).map(Arc::new),
            tiers,
            cost,
            lease: self.lease.map(|lease| u64::from(lease.value)),
            headers: self.headers.on().copied(),
            is_at_hand,
            counts: counts.map_or_else(|| Arc::new(CountsShared::new(self.class)), Arc::clone),
        })
    }
}

/// A cost that no limit ever has.
fn refuse_what_never_passes(
    cost: u64,
    tiers: &Tiers,
    written: &Spanned<CostConfig>,
    build: &mut Build<'_>,
) -> Option<()> {
    let limits = tiers.counters().flat_map(|counter| &counter.limits);
    let Some(least) = limits.map(limit::capacity).min().filter(|least| cost > *least) else {
        return Some(());
    };
    let problem = Problem::error(format!("a limit has {least} at most, so that nothing would pass"));
    build.report(problem.at(written.span).help("raise `burst` or the limit, or lower `cost`"));
    None
}

/// A lease that no limit has, or that nobody takes.
fn check_lease(lease: &Spanned<u32>, tiers: &Tiers, build: &mut Build<'_>) -> Option<()> {
    let limits = || {
        tiers.counters().filter(|counter| counter.class == Class::Rate).flat_map(|counter| &counter.limits)
    };
    let least = limits().map(limit::capacity).min().unwrap_or(u64::MAX);
    let (message, help) = if limits().any(|limit| limit.algorithm == Algorithm::LeakyBucket) {
        (
            "what is leased could not wait for its turn".to_owned(),
            "leave `lease` out, or choose another algorithm",
        )
    } else if u64::from(lease.value) > least {
        (format!("a limit has {least} at most"), "lease a small part of it, such as a tenth")
    } else if lease.value < 2 {
        ("a lease of less than 2 saves nothing".to_owned(), "leave it out")
    } else {
        if tiers.counters().all(Counter::is_at_hand) {
            let problem = Problem::warning("the store is in this process, so that a lease saves nothing");
            build.report(problem.at(lease.span).help("leave it out"));
        }
        return Some(());
    };
    build.report(Problem::error(message).at(lease.span).help(help));
    None
}
