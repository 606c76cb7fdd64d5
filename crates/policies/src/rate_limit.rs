//! Refuses callers that send too many requests in some time.
//!
//! `rate_limit: 10/s` counts each caller for itself: the consumer, else issuer and subject of its token, else the client's address. Who comes too often
//! gets 429 with `Retry-After`, the time until the next request is allowed. Every answer tells in `X-RateLimit-Limit`, `X-RateLimit-Remaining` and
//! `X-RateLimit-Reset` how the caller stands; where several limits count a request, the one that is closest to refusing is told.
//!
//! Limits whose key needs no identity, as `by: client.ip`, are counted before anybody is identified: so wrong passwords count. With
//! the default key they are counted behind that, and refused credentials are not: give such routes a second limit,
//! `rate_limit/address: { limit: 100/m, by: client.ip }`. Clients with IPv6 are counted by their network, `/64`.
//!
//! The count belongs to the place where the policy is written: all routes that inherit it share it, unless `scope: route`, and it goes on over
//! reloads. `rate_limit: plan` counts by the limits that the caller's plan has, and by its quota, on all routes with it together.
//! [Limits](../limits.md) tells which limit is for what, what each algorithm allows, and where counts are kept.

use std::collections::HashMap;

use maitred_config::scalar::{Window, nearest, quote};
use maitred_config::{LimitAlgorithm, NamedEntry, OneOrMany, Plan, Problem, RateLimit, Spanned};
use maitred_policy::values::{Available, Value};
use maitred_policy::{Build, Phase, PolicyKind};
use maitred_store::{Limit, Scope};

use crate::limiting::compile::Rules;
use crate::limiting::counter::{Counter, Keeper};
use crate::limiting::limit::{self, Usual};
use crate::limiting::tiers::{Group, Tier, Tiers};
use crate::limiting::{Class, Limiter};

mod config;
#[cfg(test)]
mod tests;

use config::{LimitConfig, RateLimitConfig};

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct RateLimitPolicy;

impl RateLimitConfig {
    fn rules(&self) -> Rules<'_> {
        Rules {
            class: Class::Rate,
            by: &self.by,
            scope: self.scope,
            ipv6_prefix: self.ipv6_prefix,
            when: self.when.as_ref(),
            cost: &self.cost,
            store: self.store.as_ref(),
            on_store_failure: self.on_store_failure,
            headers: &self.headers,
            lease: self.lease.as_ref(),
        }
    }

    fn usual(&self) -> Usual {
        Usual { algorithm: self.algorithm, burst: self.burst }
    }

    /// The limits. All problems are reported.
    fn tiers(&self, build: &mut Build<'_>) -> Option<Tiers> {
        let keeper = self.rules().keeper(build);
        let scope = build.scope("limit");
        match (self.limit.as_ref().map(|limit| &limit.value), &self.tiers) {
            (Some(LimitConfig::Own(limits)), _) => {
                let limits = self.limits(limits, build)?;
                Some(Tiers::One([Counter::new(Class::Rate, scope, limits, &keeper?)].into()))
            }
            (Some(LimitConfig::Plan), _) => plans(&keeper?, build),
            (None, Some(tiers)) => {
                let tier = self.tier(build);
                let compiled: Vec<_> = tiers
                    .iter()
                    .filter_map(|tier| Some((tier.name.clone(), self.limits(&tier.value, build)?)))
                    .collect();
                let default = self.default_tier(build);
                if compiled.len() < tiers.iter().len() {
                    return None;
                }
                let keeper = keeper?;
                let group = |(name, limits): (Box<str>, _)| {
                    // No label of a policy has this sign: another policy at the place may be called like the tier.
                    let scope = Scope::new(format!("{}#{name}", scope.name));
                    (name, Group::from([Counter::new(Class::Rate, scope, limits, &keeper)]))
                };
                let named = compiled.into_iter().map(group).collect();
                Some(Tiers::Several { tier: tier?, named, default: default? })
            }
            (None, None) => None,
        }
    }

    /// Limits that count together, as stores know them.
    fn limits(&self, written: &OneOrMany<RateLimit>, build: &mut Build<'_>) -> Option<Box<[Limit]>> {
        let mut is_good = true;
        for limit in written {
            let algorithm = limit.algorithm(self.algorithm);
            if limit.limit.window == Window::Month && algorithm != LimitAlgorithm::FixedWindow {
                let problem =
                    Problem::error("a month of the calendar is a fixed window").at(limit.limit.span);
                build.report(problem.help("write `algorithm: fixed_window`, or count over `30d`"));
                is_good = false;
            }
            if limit.burst.is_some() && !algorithm.has_burst() {
                let problem = Problem::error(format!("`{}` knows no `burst`", algorithm.word()));
                build.report(problem.at(limit.limit.span).help("leave it out"));
                is_good = false;
            }
        }
        let limits: Box<[Limit]> = written.iter().map(|limit| self.usual().limit(limit)).collect();
        let span = written.iter().last().map_or(build.span(), |limit| limit.limit.span);
        (is_good && limit::check(&limits, span, build)).then_some(limits)
    }

    /// What says which tier a caller has.
    fn tier(&self, build: &mut Build<'_>) -> Option<Tier> {
        let Some(written) = &self.tier else { return Some(Tier::PLAN) };
        let value = match Value::compile(&written.value, Available::Request) {
            Ok(value) => value,
            Err(message) => {
                build.report(Problem::error(message).at(written.span));
                return None;
            }
        };
        let is_claimed = matches!(value, Value::Header(_) | Value::Query(_) | Value::Cookie(_));
        if !is_claimed && !value.is_of_identity() && value != Value::ClientCertificate {
            let problem =
                Problem::error(format!("`{}` says nothing of who asks", written.value)).at(written.span);
            build.report(problem.help("write `consumer.plan`, `claim.NAME`, or a header of a trusted proxy"));
            return None;
        }
        Some(Tier { value, is_claimed })
    }

    /// The tier of those who have none.
    fn default_tier(&self, build: &mut Build<'_>) -> Option<Box<str>> {
        let tiers = self.tiers.as_ref()?;
        let Some(written) = &self.default_tier else {
            let of_plans = build.consumers().default_plan().filter(|plan| tiers.get(plan).is_some());
            if let Some(plan) = of_plans {
                return Some(plan.into());
            }
            let problem = Problem::error("nothing says what those may do who have no tier");
            let help = "write `default_tier: NAME`, or make a plan of that name the default";
            build.report(problem.at(build.span()).help(help));
            return None;
        };
        if tiers.get(written).is_none() {
            let problem = Problem::error(format!("there is no tier {}", quote(written))).at(written.span);
            let meant =
                nearest::nearest(written, tiers.names()).map(|meant| format!("did you mean `{meant}`?"));
            build.report(problem.help_if(meant));
            return None;
        }
        Some(written.as_str().into())
    }
}

/// The limits and quotas of all plans. A plan's counts belong to the plan, wherever they are counted.
fn plans(keeper: &Keeper, build: &mut Build<'_>) -> Option<Tiers> {
    let consumers = std::sync::Arc::clone(build.consumers());
    let plans = consumers.plans();
    let refuse = |build: &mut Build<'_>, message: String, help: &'static str| {
        build.report(Problem::error(message).at(build.span()).help(help));
    };
    let limits_nobody =
        |plan: &&NamedEntry<Plan>| plan.value.limits().is_empty() && plan.value.quota.is_empty();
    if plans.iter().all(|plan| limits_nobody(&plan)) {
        let help = "write `plans: { free: { rate_limit: 100/h, default: true } }`";
        refuse(build, "no plan has a limit or a quota".to_owned(), help);
        return None;
    }
    let silent = plans.iter().filter(|plan| plan.value.rate_limit.is_none() && plan.value.quota.is_empty());
    let mut is_good = true;
    for plan in silent {
        let message = format!("the plan {} has neither limit nor quota", quote(&plan.name));
        refuse(build, message, "write its `rate_limit`, or `rate_limit: false` for none");
        is_good = false;
    }
    let Some(default) = consumers.default_plan().filter(|_| is_good) else {
        if is_good {
            let help = "write `default: true` in one";
            refuse(build, "no plan is the default: those without one would not be limited".to_owned(), help);
        }
        return None;
    };
    for plan in plans {
        is_good &= limit::check(&rates(plan), build.span(), build)
            && limit::check(&quotas(plan), build.span(), build);
    }
    if !is_good {
        return None;
    }
    if plans.iter().any(|plan| !plan.value.quota.is_empty()) {
        keeper.warn_of_forgetting(build);
    }
    let named = plans.iter().map(|plan| (plan.name.clone(), group(plan, keeper)));
    let named: HashMap<_, _> = named.collect();
    Some(Tiers::Several { tier: Tier::PLAN, named, default: default.into() })
}

fn rates(plan: &NamedEntry<Plan>) -> Box<[Limit]> {
    plan.value.limits().iter().map(|limit| Usual::default().limit(limit)).collect()
}

fn quotas(plan: &NamedEntry<Plan>) -> Box<[Limit]> {
    plan.value.quota.iter().map(|quota| limit::windows(quota.value)).collect()
}

/// The limits and the quotas of a plan.
fn group(plan: &NamedEntry<Plan>, keeper: &Keeper) -> Group {
    let name = &plan.name;
    let counted = [
        (Class::Rate, Scope::new(format!("limit:plans/{name}")), rates(plan)),
        (Class::Quota, Scope::durable(format!("quota:plans/{name}")), quotas(plan)),
    ];
    let counted = counted.into_iter().filter(|(_, _, limits)| !limits.is_empty());
    counted.map(|(class, scope, limits)| Counter::new(class, scope, limits, keeper)).collect()
}

impl PolicyKind for RateLimitPolicy {
    const NAME: &'static str = "rate_limit";
    type Config = RateLimitConfig;
    type Compiled = Limiter;

    fn phase(config: &RateLimitConfig) -> Phase {
        let is_of_identity = |tier: &Spanned<_>| {
            Value::compile(&tier.value, Available::Request).is_ok_and(|value| value.is_of_identity())
        };
        let is_plan = config.limit.as_ref().is_some_and(|limit| limit.value == LimitConfig::Plan);
        let by_tier = config.tiers.is_some() && config.tier.as_ref().is_none_or(is_of_identity);
        if is_plan || by_tier { Phase::Admit } else { config.rules().phase() }
    }

    fn compile(
        config: RateLimitConfig,
        build: &mut Build<'_>,
        previous: Option<&Limiter>,
    ) -> Option<Limiter> {
        let tiers = config.tiers(build);
        config.rules().compile(tiers, build, previous)
    }
}
