//! What `rate_limit` and `quota` have in common: who is counted, by which limits, where the counts are kept, and what clients are told.
//! Both compile to a [`Limiter`]; how long requests are counted is all that tells them apart.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use maitred_policy::Condition;
use maitred_policy::values::View;

pub(crate) mod caller;
pub(crate) mod compile;
pub(crate) mod cost;
pub(crate) mod counter;
mod counts;
mod lease;
pub(crate) mod limit;
mod outage;
mod policy;
mod quotas;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tiers;
mod told;

use caller::Callers;
use cost::Cost;
use counts::CountsShared;
use quotas::Quotas;
use tiers::Tiers;
pub(crate) use told::{Class, HeaderStyle};

/// A policy that counts requests and refuses those that are too many.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Which requests count; all without it.
    when: Option<Condition>,
    callers: Callers,
    tiers: Tiers,
    cost: Cost,
    /// How much workers take at once from stores on other machines; as much as a request needs without it.
    lease: Option<u64>,
    /// How clients are told; not at all without it.
    headers: Option<HeaderStyle>,
    /// Whether all stores answer at once.
    is_at_hand: bool,
    counts: Arc<CountsShared>,
    /// What operators see, where there are quotas.
    quotas: Option<Arc<Quotas>>,
}

impl Limiter {
    /// Whether this request counts.
    fn counts(&self, view: &View<'_>) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds_when(view))
    }
}

/// What asks only stores that are not shared, which answer at once.
pub(crate) fn at_once<T>(asking: impl Future<Output = T>) -> T {
    match pin!(asking).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(said) => said,
        Poll::Pending => unreachable!("stores that are not shared answer at once"),
    }
}
