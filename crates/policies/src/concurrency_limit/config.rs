//! What users write for `concurrency_limit`.
//! Conditions are compiled later; here it is seen that every key has an effect.

use std::num::NonZeroU32;
use std::time::Duration;

use maitred_config::{
    Fields, Node, Problem, Read, Reader, Shape, Spanned, WordsShape, config_map, config_words,
};

use super::gradient::Bounds;
use crate::limiting::caller::ByConfig;
use crate::limiting::compile::CountScope;

config_map! {
    /// How many requests may be under way at once, and what becomes of the others.
    #[check = ConcurrencyLimitConfig::check]
    pub struct ConcurrencyLimitConfig {
        /// How many requests may be under way at once, or `adaptive`: as many as the service takes without becoming slow.
        #[main]
        limit: LimitConfig,
        /// With `adaptive`: never fewer than these. Without it, 10.
        min: Option<NonZeroU32>,
        /// With `adaptive`: never more than these. Without it, 1000.
        max: Option<NonZeroU32>,
        /// Who may have so many each: a value such as `client.ip`, a text with values, several together, or `caller`: the consumer, else issuer and subject of the token, else the
        /// client's address. Where a value is missing, the address takes its place. Without it, or with `false`, the number is for all requests together.
        by: Vec<Spanned<ByConfig>>,
        /// With `by`: whether callers have the number once for the place where the policy is written, or on each route.
        scope: CountScope = "place",
        /// With `by`: how many bits of an IPv6 address tell clients apart.
        ipv6_prefix: u8 = 64,
        /// How many more may wait for a place, at most 10000.
        queue: u32 = 0,
        /// How long each of them may wait.
        queue_timeout: Duration = "1s",
        /// Who of those that wait goes first, and who gives way where the queue is full.
        priority: Option<PriorityConfig>,
        /// The store that has the places, for all replicas that share it. Without it, each gateway has its own.
        store: Option<Spanned<String>>,
        /// With `store`: what becomes of requests while it is away.
        on_store_failure: PlacesWithoutStore = "local",
    }
}

config_words! {
    /// What becomes of requests while the store that has the places is away.
    pub enum PlacesWithoutStore {
        /// Each gateway goes by its own count.
        Local = "local",
        /// They get 503.
        Deny = "deny",
    }
}

config_map! {
    /// The classes of those that wait.
    #[check = PriorityConfig::check]
    pub struct PriorityConfig {
        /// A condition (CEL): these go first.
        high: Option<Spanned<String>>,
        /// A condition (CEL): these go last, where they are not `high`.
        low: Option<Spanned<String>>,
    }
}

impl PriorityConfig {
    /// All are alike.
    pub(super) const NONE: Self = Self { high: None, low: None };

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if *self == Self::NONE {
            let problem = Problem::error("this sorts nothing").at(fields.place());
            reader.problem(problem.help("say which requests are `high`, or which are `low`"));
        }
    }
}

/// How many may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitConfig {
    /// So many.
    Fixed(NonZeroU32),
    /// As many as go well.
    Adaptive,
}

/// Each of those that wait holds a connection and its buffers.
const MOST_WAITING: u32 = 10_000;

const ADAPTIVE: &str = "adaptive";

static LIMIT_WORDS: WordsShape = WordsShape {
    name: "LimitConfig",
    doc: "How many requests may be under way.",
    words: &[(ADAPTIVE, "As many as the service takes without becoming slow.")],
    later: &[],
};

impl Read for LimitConfig {
    fn shape() -> Shape {
        Shape::OneOf(vec![NonZeroU32::shape(), Shape::Words(&LIMIT_WORDS)])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_text() == Some(ADAPTIVE) {
            return Some(Self::Adaptive);
        }
        let is_number = node.as_text().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        if is_number {
            return NonZeroU32::read(node, reader).map(Self::Fixed);
        }
        reader.wanted("a number of requests, or `adaptive`,", node)
    }
}

impl ConcurrencyLimitConfig {
    /// Between what an adaptive limit stays.
    pub(super) fn bounds(&self) -> Bounds {
        let or =
            |written: Option<NonZeroU32>, default: u32| written.map_or(default, NonZeroU32::get) as usize;
        let (min, max) = (or(self.min, 10), or(self.max, 1000));
        // What is not written gives way to what is.
        let min = if self.min.is_none() { min.min(max) } else { min };
        Bounds { min, max: max.max(min) }
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.limit != LimitConfig::Adaptive {
            for key in ["min", "max"].into_iter().filter(|key| fields.has(key)) {
                let problem =
                    Problem::error(format!("`{key}` is for `limit: adaptive`, and this limit is fixed"));
                reader.problem(problem.at(fields.key_span(key)).help("leave it out"));
            }
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            reader.problem(
                Problem::error("`min` is more than `max`")
                    .label(fields.value_span("min"), "this")
                    .label(fields.value_span("max"), "is less"),
            );
        }
        if self.queue == 0 && fields.has("priority") {
            let problem = Problem::error("nobody waits, so that `priority` sorts nothing");
            let may_wait = self.by.is_empty() && self.store.is_none();
            let help = if may_wait { "say how many may wait: `queue: 100`" } else { "leave it out" };
            reader.problem(problem.at(fields.key_span("priority")).help(help));
        }
        if self.store.is_none() && fields.has("on_store_failure") {
            let problem = Problem::error("there is no `store` that could be away");
            reader
                .problem(problem.at(fields.key_span("on_store_failure")).help("say which: `store: default`"));
        }
        self.check_places(fields, reader);
        if self.queue > MOST_WAITING {
            let problem = Problem::error(format!("no more than {MOST_WAITING} can wait"));
            reader.problem(
                problem
                    .at(fields.value_span("queue"))
                    .help("a request that waits for longer than its client does is work for nobody"),
            );
        }
        if self.queue > 0 && self.queue_timeout.is_zero() {
            let problem =
                Problem::error("`queue_timeout` cannot be zero").at(fields.value_span("queue_timeout"));
            reader.problem(problem.help("without `queue` nobody waits"));
        }
    }

    /// Places of callers, and places in a store, are only taken or not.
    fn check_places(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let by_caller = !self.by.is_empty();
        for key in ["scope", "ipv6_prefix"].into_iter().filter(|key| !by_caller && fields.has(key)) {
            let problem =
                Problem::error(format!("`{key}` is for limits of each caller, and this is one for all"));
            reader.problem(problem.at(fields.key_span(key)).help("say who has it: `by: client.ip`"));
        }
        let (why_fixed, why_at_once, help) = if by_caller {
            (
                "an adaptive limit is found out for all callers together",
                "nobody can wait for a place of a caller's",
                "leave `by` out, and give callers a second limit: `concurrency_limit/caller: { limit: 5, by: client.ip }`",
            )
        } else if self.store.is_some() {
            (
                "an adaptive limit is found out by each gateway for itself",
                "nobody can wait for a place in a store",
                "leave `store` out: then each gateway has places of its own",
            )
        } else {
            return;
        };
        let is_adaptive = self.limit == LimitConfig::Adaptive;
        for (key, why) in
            [("limit", is_adaptive.then_some(why_fixed)), ("queue", (self.queue > 0).then_some(why_at_once))]
        {
            let Some(why) = why else { continue };
            reader.problem(Problem::error(why).at(fields.value_span(key)).help(help));
        }
    }
}
