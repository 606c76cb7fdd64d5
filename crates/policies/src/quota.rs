//! Limits how much callers may use in an hour, a day or a month.
//!
//! `quota: 1000000/month` counts each caller for itself, as `rate_limit` does, in windows of the calendar (UTC). Who has used it up gets 429 with
//! `Retry-After`, the time until the window ends. Every answer tells in `X-Quota-Limit`, `X-Quota-Remaining` and `X-Quota-Reset` how much is left.
//!
//! Counts are kept for as long as their window lasts. A store in memory keeps them over a restart in the file that its `path` names, and forgets
//! them without; one of a server keeps them anyway. [Limits](../limits.md) tells more, and how operators read counts and set them back.

use std::time::Duration;

use maitred_config::scalar::{Rate, Window};
use maitred_config::{Fields, OneOrMany, Problem, Reader, Spanned, Toggle, config_map};
use maitred_policy::{Build, Phase, PolicyKind};
use maitred_store::Scope;

use crate::limiting::caller::ByConfig;
use crate::limiting::compile::{CountScope, Rules};
use crate::limiting::cost::CostConfig;
use crate::limiting::counter::{Counter, OnStoreFailure};
use crate::limiting::limit;
use crate::limiting::tiers::Tiers;
use crate::limiting::{Class, HeaderStyle, Limiter};

#[cfg(test)]
mod tests;

config_map! {
    /// How much may be used in a long time.
    #[check = QuotaConfig::check]
    pub struct QuotaConfig {
        /// How many requests in which time: `1000000/month`, `10000/d`. Of several all count together.
        #[main]
        limit: OneOrMany<Spanned<Rate>>,
        /// Who is counted: a value such as `header.X-Tenant`, a text with values, several together, or `caller`: the consumer, else issuer and subject of the token, else the
        /// client's address. Where a value is missing, the address takes its place. `false`: all requests together.
        by: Vec<Spanned<ByConfig>> = "caller",
        /// For what there is one count.
        scope: CountScope = "place",
        /// Which requests count: a condition (CEL). Without it, all.
        when: Option<Spanned<String>>,
        /// What a request counts for: a number, or what says it.
        cost: Spanned<CostConfig> = 1,
        /// The store that counts. Without it, `default`.
        store: Option<Spanned<String>>,
        /// What is done while the store is away.
        on_store_failure: OnStoreFailure = "local",
        /// How clients are told how they stand; `false` for not at all.
        headers: Toggle<HeaderStyle> = "x",
        /// How many bits of an IPv6 address tell clients apart.
        ipv6_prefix: u8 = 64,
    }
}

/// Below this, it is no long time.
const SHORTEST: Duration = Duration::from_mins(1);
/// The longest window that is no month.
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl QuotaConfig {
    fn check(&self, _: &Fields<'_>, reader: &mut Reader<'_>) {
        for limit in &self.limit {
            let Window::Span(span) = limit.window else { continue };
            if span < SHORTEST {
                let problem = Problem::error("a quota is for a minute or more").at(limit.span);
                reader.problem(problem.help("write `rate_limit` for shorter times"));
            }
            if span > LONGEST {
                let problem = Problem::error("this time is too long to count over").at(limit.span);
                reader.problem(problem.help("the longest is `366d`"));
            }
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            class: Class::Quota,
            by: &self.by,
            scope: self.scope,
            ipv6_prefix: self.ipv6_prefix,
            when: self.when.as_ref(),
            cost: &self.cost,
            store: self.store.as_ref(),
            on_store_failure: self.on_store_failure,
            headers: &self.headers,
            lease: None,
        }
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct QuotaPolicy;

impl PolicyKind for QuotaPolicy {
    const NAME: &'static str = "quota";
    type Config = QuotaConfig;
    type Compiled = Limiter;

    fn phase(config: &QuotaConfig) -> Phase {
        config.rules().phase()
    }

    fn compile(config: QuotaConfig, build: &mut Build<'_>, previous: Option<&Limiter>) -> Option<Limiter> {
        let keeper = config.rules().keeper(build);
        if let Some(keeper) = &keeper {
            keeper.warn_of_forgetting(build);
        }
        let scope = Scope::durable(build.scope("quota").name);
        let limits: Box<[_]> = config.limit.iter().map(|limit| limit::windows(limit.value)).collect();
        let span = config.limit.iter().last().map_or(build.span(), |limit| limit.span);
        let is_good = limit::check(&limits, span, build);
        let tiers = keeper
            .filter(|_| is_good)
            .map(|keeper| Tiers::One([Counter::new(Class::Quota, scope, limits, &keeper)].into()));
        config.rules().compile(tiers, build, previous)
    }
}
