//! Lets only so many requests be under way at once; others wait for a moment, or are refused.
//!
//! The number counts for the whole gateway and for the place where the policy is written: all routes that inherit it share one
//! count, which goes on over reloads. A request is under way until the client has its answer, or has gone; one that changes the
//! protocol (WebSocket), until it has. Without `queue` who comes too many is refused at once. With it so many wait for a place,
//! each for `queue_timeout` at most, first come, first served. Refused requests get 503 with `Retry-After: 1`.
//!
//! With `store` the number counts for all replicas that share that store, and for the place where the policy is written there: one question to it before the request goes on, and one word
//! that nobody waits for at the end. Places of a gateway that dies are free after ten seconds. While the store is away each gateway goes by its own count (`on_store_failure: local`), or refuses
//! with 503 (`deny`). Nobody waits for such a place: `queue` and `adaptive` are for places of one gateway.
//!
//! `priority` sorts those that wait: `high` leave the queue before all others and `low` after them, and if the queue is full, one
//! that waits gives way to one of a higher class.
//!
//! With `limit: adaptive` the gateway finds the number out by itself, between `min` and `max`, and starts with 20: it lets more through for as
//! long as answers come about as fast as they do without load, and fewer when they take more than half as long again. What counts is the time from the
//! last of a request to the head of the service's answer. To know how fast the service is without load, every few seconds half as many are let through for a moment.

use std::sync::Arc;
use std::time::Duration;

use maitred_policy::values::{Available, View};
use maitred_policy::{Build, Condition, Phase, PolicyKind};

mod adaptive;
mod config;
mod gradient;
mod policy;
mod queue;
mod shared;
mod slots;
#[cfg(test)]
mod tests;

use config::{ConcurrencyLimitConfig, LimitConfig, PlacesWithoutStore, PriorityConfig};
use queue::Class;
use shared::Slots;
use slots::{Limit, Rules, SlotsShared};

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    rules: Rules,
    queue_timeout: Duration,
    high: Option<Condition>,
    low: Option<Condition>,
    slots: Arc<SlotsShared>,
    /// Those that replicas share, beside its own, and what becomes of requests while their store is away.
    shared: Option<(Arc<Slots>, PlacesWithoutStore)>,
}

impl PolicyKind for ConcurrencyLimit {
    const NAME: &'static str = "concurrency_limit";
    type Config = ConcurrencyLimitConfig;
    type Compiled = Self;

    fn phase(_: &ConcurrencyLimitConfig) -> Phase {
        Phase::Admit
    }

    fn compile(
        config: ConcurrencyLimitConfig,
        build: &mut Build<'_>,
        previous: Option<&Self>,
    ) -> Option<Self> {
        let limit = match config.limit {
            LimitConfig::Fixed(most) => Limit::Fixed(most.get() as usize),
            LimitConfig::Adaptive => Limit::Adaptive(config.bounds()),
        };
        let PriorityConfig { high, low } = config.priority.unwrap_or(PriorityConfig::NONE);
        let mut condition = |written: Option<_>| match written {
            Some(written) => build.condition(&written, Available::Request).map(Some),
            None => Some(None),
        };
        // Both are compiled before either ends it, so that all problems are told.
        let (high, low) = (condition(high), condition(low));
        let shared = match (&config.store, config.limit) {
            (Some(name), LimitConfig::Fixed(most)) => {
                let (store, scope) = (build.store(Some(name))?, build.scope("concurrency"));
                let slots = Slots { store, scope, most: u64::from(most.get()) };
                Some((Arc::new(slots), config.on_store_failure))
            }
            _ => None,
        };
        let slots = previous
            .map_or_else(|| Arc::new(SlotsShared::new(limit)), |previous| Arc::clone(&previous.slots));
        let edition = previous.map_or(0, |previous| previous.rules.edition + 1);
        let rules = Rules { limit, room: config.queue as usize, edition };
        let queue_timeout = config.queue_timeout;
        Some(Self { rules, queue_timeout, high: high?, low: low?, slots, shared })
    }
}

impl ConcurrencyLimit {
    /// The class of a request that has to wait.
    fn class(&self, view: &View<'_>) -> Class {
        let holds =
            |condition: &Option<Condition>| condition.as_ref().is_some_and(|one| one.holds_when(view));
        if holds(&self.high) {
            Class::High
        } else if holds(&self.low) {
            Class::Low
        } else {
            Class::Normal
        }
    }
}
