//! What users write for `rate_limit`.
//! Values, conditions and limits are compiled later; here it is seen that every key has an effect.

use std::num::NonZeroU32;

use maitred_config::scalar::ValueName;
use maitred_config::{
    Fields, LimitAlgorithm, Named, Node, OneOrMany, Problem, RateLimit, Read, Reader, Shape, Spanned, Toggle,
    WordsShape, config_map,
};

use crate::limiting::HeaderStyle;
use crate::limiting::caller::ByConfig;
use crate::limiting::compile::CountScope;
use crate::limiting::cost::CostConfig;
use crate::limiting::counter::OnStoreFailure;

config_map! {
    /// How many requests may come in which time.
    #[check = RateLimitConfig::check]
    pub struct RateLimitConfig {
        /// How many in which time: a rate (`10/s`), or a map of `limit`, `burst` and `algorithm`; of several all count together, and what one of them refuses takes
        /// nothing from the others. Or `plan`: the limits and the quota of the caller's plan.
        #[main]
        limit: Option<Spanned<LimitConfig>>,
        /// How many at once, for buckets that say nothing themselves. Without it, as many as the limit counts: a caller that was idle may send twice that in
        /// the first period. Of leaky buckets, no more than wait for 30 s.
        burst: Option<NonZeroU32>,
        /// How is counted, for limits that say nothing themselves. Without it `token_bucket`; months of the calendar are `fixed_window`.
        algorithm: Option<LimitAlgorithm>,
        /// Who is counted: a value such as `client.ip`, a text with values, several together, or `caller`: the consumer, else issuer and subject of the token, else the client's
        /// address. Where a value is missing, the address takes its place. `false`: all requests together.
        by: Vec<Spanned<ByConfig>> = "caller",
        /// For what there is one count.
        scope: CountScope = "place",
        /// Limits by the name of a tier, in place of `limit`.
        tiers: Option<Named<OneOrMany<RateLimit>>>,
        /// What says which tier a caller has: `consumer.plan`, a claim, or a header, query parameter or cookie, which counts only where a trusted proxy sends it. Without
        /// it, `consumer.plan`.
        tier: Option<Spanned<ValueName>>,
        /// The tier of those who have none, or one that is not known. Without it, the one that is named as the default plan.
        default_tier: Option<Spanned<String>>,
        /// Which requests count: a condition (CEL). Without it, all.
        when: Option<Spanned<String>>,
        /// What a request counts for: a number, or what says it.
        cost: Spanned<CostConfig> = 1,
        /// The store that counts. Without it, `default`.
        store: Option<Spanned<String>>,
        /// What is done while the store is away.
        on_store_failure: OnStoreFailure = "local",
        /// How much a worker takes at once from a store on another machine, to give it to the next requests of the same caller without asking: fewer round trips, and up
        /// to so much for each worker more than the limit at a time. Without it, each request asks, and counts are exact.
        lease: Option<Spanned<u32>>,
        /// How clients are told how they stand; `false` for not at all.
        headers: Toggle<HeaderStyle> = "x",
        /// How many bits of an IPv6 address tell clients apart: a customer most often has a whole network of these.
        ipv6_prefix: u8 = 64,
    }
}

/// The limits.
#[derive(Debug, Clone, PartialEq)]
pub enum LimitConfig {
    /// Those of the caller's plan.
    Plan,
    /// These.
    Own(OneOrMany<RateLimit>),
}

const PLAN: &str = "plan";

static LIMIT_WORDS: WordsShape = WordsShape {
    name: "LimitConfig",
    doc: "Where limits are written.",
    words: &[(PLAN, "In the caller's plan.")],
    later: &[],
};

impl Read for LimitConfig {
    fn shape() -> Shape {
        Shape::OneOf(vec![Shape::Words(&LIMIT_WORDS), OneOrMany::<RateLimit>::shape()])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_text() == Some(PLAN) {
            return Some(Self::Plan);
        }
        OneOrMany::read(node, reader).map(Self::Own)
    }
}

impl RateLimitConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let is_plan = self.limit.as_ref().is_some_and(|limit| limit.value == LimitConfig::Plan);
        match (&self.limit, &self.tiers) {
            (None, None) if !fields.has_unknown() => {
                let problem = Problem::error("nothing says how many requests may come").at(fields.place());
                reader.problem(problem.help("write `limit: 10/s`, `limit: plan`, or `tiers`"));
            }
            (Some(_), Some(_)) => reader.problem(
                Problem::error("`limit` and `tiers` both say how many requests may come")
                    .label(fields.key_span("tiers"), "here")
                    .label(fields.key_span("limit"), "and here"),
            ),
            _ => {}
        }
        for key in ["tier", "default_tier"].into_iter().filter(|key| self.tiers.is_none() && fields.has(key))
        {
            let problem = Problem::error(format!("there are no tiers that `{key}` could choose from"));
            reader.problem(problem.at(fields.key_span(key)).help("leave it out, or write `tiers`"));
        }
        for key in ["burst", "algorithm"].into_iter().filter(|key| is_plan && fields.has(key)) {
            let problem = Problem::error(format!("the plans say that, not `{key}` here"));
            reader.problem(
                problem.at(fields.key_span(key)).help(format!(
                    "write `plans: {{ NAME: {{ rate_limit: {{ limit: 10/s, {key}: … }} }} }}`"
                )),
            );
        }
        if self.burst.is_some() && self.algorithm.is_some_and(|algorithm| !algorithm.has_burst()) {
            let problem = Problem::error("only buckets know a `burst`").at(fields.key_span("burst"));
            reader.problem(problem.help("leave it out"));
        }
    }
}
