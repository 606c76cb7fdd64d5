//! Leases: a worker takes more from the store than a request needs, and gives that to the next ones of the same key without asking.
//!
//! What a worker holds of a lease was taken from the limit already. So in any time never more passes than the algorithm permits and what was held when that time
//! began, and what is held and not given out is all that passes less: one lease for each key and worker. The first request of a key takes none: keys that
//! come once take up nothing of a limit that they do not use.

use std::cell::{OnceCell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use maitred_store::{Decision, Limit, Moment};
use quick_cache::unsync::Cache;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::limit;

/// What one worker holds. Keys that come often are kept: who writes many others does not drive them out.
#[derive(Default)]
pub(crate) struct Leases(OnceCell<Held>);

/// Leases by their keys: a hash under a secret, so that keys take the same room whatever clients send, and nobody makes two meet.
struct Held {
    hasher: SipHasher13,
    leases: RefCell<Cache<u128, Lease>>,
}

/// What is held for one key.
#[derive(Clone, Debug)]
struct Lease {
    left: u64,
    /// What the store said last, and when, in microseconds.
    decision: Decision,
    at: u64,
    /// Until then nothing is taken beyond what a request needs: there is not enough left, or a request is asking already.
    exact_until: u64,
}

/// How many keys a worker holds leases for.
const MOST: usize = 10_000;
/// A store that does not answer for so long is asked for a lease anew. Configurations with longer time-outs of stores are refused, so
/// that one lease is under way at a time.
const ASKING: u64 = 1_000_000;

impl Leases {
    fn held(&self) -> &Held {
        self.0.get_or_init(|| {
            // The keys of the standard library's maps are drawn from the system's source of chance.
            let draw = || RandomState::new().hash_one(0);
            let hasher = SipHasher13::new_with_keys(draw(), draw());
            Held { hasher, leases: RefCell::new(Cache::new(MOST)) }
        })
    }

    /// What a lease of this scope and key is found by.
    pub(super) fn key(&self, scope: &str, key: &[u8]) -> u128 {
        let mut hasher = self.held().hasher;
        hasher.write(scope.as_bytes());
        // No name has this byte.
        hasher.write_u8(0xFF);
        hasher.write(key);
        hasher.finish128().as_u128()
    }

    /// Gives what a request needs out of what is held; none where the store has to be asked.
    pub(super) fn give(&self, key: u128, cost: u64, limits: &[Limit], now: Moment) -> Option<Decision> {
        let mut held = self.held().leases.borrow_mut();
        let mut lease = held.get_mut(&key)?;
        lease.left = lease.left.checked_sub(cost)?;
        let mut decision = lease.decision.clone();
        let passed = Duration::from_micros(now.steady.saturating_sub(lease.at));
        for (standing, limit) in decision.standings.iter_mut().zip(limits) {
            standing.remaining = standing.remaining.saturating_add(lease.left).min(limit::capacity(limit));
            standing.reset = standing.reset.saturating_sub(passed);
        }
        Some(decision)
    }

    /// How much is to be taken beyond the `cost` of a request, so that it is `size` together.
    pub(super) fn more(&self, key: u128, cost: u64, size: u64, now: Moment) -> u64 {
        let mut held = self.held().leases.borrow_mut();
        match held.get_mut(&key) {
            Some(mut lease) if size > cost && lease.exact_until <= now.steady => {
                lease.exact_until = now.steady.saturating_add(ASKING);
                size - cost
            }
            _ => 0,
        }
    }

    /// Notes what the store said where so much more was to be taken. Never more than `size` is held.
    pub(super) fn note(&self, key: u128, more: u64, size: u64, decision: &Decision, now: Moment) {
        let mut held = self.held().leases.borrow_mut();
        let Some(mut lease) = held.get_mut(&key) else {
            let left = if decision.is_allowed { more.min(size) } else { 0 };
            let lease = Lease { left, decision: decision.clone(), at: now.steady, exact_until: 0 };
            return held.insert(key, lease);
        };
        if decision.is_allowed {
            lease.left = lease.left.saturating_add(more).min(size);
            lease.decision.clone_from(decision);
            lease.at = now.steady;
        }
        if more > 0 {
            // Refused, a whole lease is there again in so long.
            let retry = decision.standings.iter().filter_map(|standing| standing.retry).max();
            let wait = retry.filter(|_| !decision.is_allowed).unwrap_or_default().as_micros();
            lease.exact_until = now.steady.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests;
