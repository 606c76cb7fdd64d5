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
//! With `by` each caller has the number for itself, told apart as by [`rate_limit`](rate_limit.md): `{ limit: 5, by: client.ip }`. Who has so many under way already gets 429 with `Retry-After: 1`
//! for the next, and others do not notice. Places of callers are in the memory of the gateway; with `store` in that, for all replicas, and in memory while it is away (`local`). Where nothing goes by who asks,
//! they are taken before anybody is identified. Nobody waits for them, and they are not `adaptive`: write a second limit for all, as below. Only requests under way take memory, whatever keys they make up, and no more than
//! 64 MiB in all, which is enough for about 200000 callers at once. Beyond, new ones get 503.
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
mod leased;
mod policy;
mod queue;
mod shared;
mod slots;
#[cfg(test)]
mod tests;

use config::{ConcurrencyLimitConfig, LimitConfig, PriorityConfig};
use leased::Leased;
use queue::Class;
use slots::{Limit, Rules, SlotsShared};

use crate::limiting::caller;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    rules: Rules,
    queue_timeout: Duration,
    high: Option<Condition>,
    low: Option<Condition>,
    slots: Arc<SlotsShared>,
    /// Those in a store, beside its own.
    leased: Option<Leased>,
}

impl PolicyKind for ConcurrencyLimit {
    const NAME: &'static str = "concurrency_limit";
    type Config = ConcurrencyLimitConfig;
    type Compiled = Self;

    fn phase(config: &ConcurrencyLimitConfig) -> Phase {
        let goes_by_identity = config.by.is_empty() || caller::needs_identity(&config.by);
        if goes_by_identity { Phase::Admit } else { Phase::Screen }
    }

    fn compile(
        config: ConcurrencyLimitConfig,
        build: &mut Build<'_>,
        previous: Option<&Self>,
    ) -> Option<Self> {
        let leased = match config.limit {
            LimitConfig::Fixed(most) if config.store.is_some() || !config.by.is_empty() => {
                Leased::compile(&config, u64::from(most.get()), build).map(Some)
            }
            LimitConfig::Fixed(_) | LimitConfig::Adaptive => Some(None),
        };
        let limit = match config.limit {
            LimitConfig::Fixed(most) if config.by.is_empty() => Limit::Fixed(most.get() as usize),
            LimitConfig::Fixed(most) => Limit::EachCaller(most.get() as usize),
            LimitConfig::Adaptive => Limit::Adaptive(config.bounds()),
        };
        let PriorityConfig { high, low } = config.priority.unwrap_or(PriorityConfig::NONE);
        let mut condition = |written: Option<_>| match written {
            Some(written) => build.condition(&written, Available::Request).map(Some),
            None => Some(None),
        };
        // Both are compiled before either ends it, so that all problems are told.
        let (high, low) = (condition(high), condition(low));
        let slots = previous
            .map_or_else(|| Arc::new(SlotsShared::new(limit)), |previous| Arc::clone(&previous.slots));
        let edition = previous.map_or(0, |previous| previous.rules.edition + 1);
        let rules = Rules { limit, room: config.queue as usize, edition };
        let queue_timeout = config.queue_timeout;
        Some(Self { rules, queue_timeout, high: high?, low: low?, slots, leased: leased? })
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
