//! Keys as 128 bits: `SipHash` 1-3 under a key that each store draws anew, so that nobody outside can find two that meet, or aim at
//! a place. What comes from clients is hashed once for each question, however many limits are asked.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::key::Key;
use crate::limit::{Algorithm, Limit, Period};

/// Odd, with as many ones as zeros: what it multiplies is spread over all bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Hashes the keys of one store.
#[derive(Clone, Debug)]
pub(super) struct KeyHasher(SipHasher13);

/// A key, or what is counted under one limit for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyHash {
    /// Where it is.
    place: u64,
    /// What it is known by there, and which shard has it.
    pub(super) tag: u64,
}

impl KeyHasher {
    /// A hasher that is like no other.
    pub(super) fn new() -> Self {
        // The keys of the standard library's maps are drawn from the system's source of chance.
        let draw = || RandomState::new().hash_one(SPREAD);
        Self(SipHasher13::new_with_keys(draw(), draw()))
    }

    /// The hash of a key.
    pub(super) fn hash(&self, key: Key<'_>) -> KeyHash {
        let mut hasher = self.0;
        hasher.write_u64(key.scope.seed());
        hasher.write(key.value);
        let hash = hasher.finish128();
        KeyHash { place: hash.h1, tag: hash.h2 }
    }
}

impl KeyHash {
    /// Of what is counted under this limit.
    pub(super) fn under(self, limit: &Limit) -> Self {
        let (algorithm, period, count) = limit.counted();
        let kind = match algorithm {
            Algorithm::TokenBucket => 1,
            Algorithm::SlidingWindow => 2,
            Algorithm::SlidingWindowEstimate => 3,
            Algorithm::FixedWindow => 4,
            Algorithm::LeakyBucket => 5,
        };
        let period = match period {
            Period::Length(length) => length.as_secs().rotate_left(32) ^ u64::from(length.subsec_nanos()),
            Period::Month => u64::MAX,
        };
        let limit = fold(fold(period ^ SPREAD, count ^ !SPREAD) ^ kind, SPREAD);
        Self { place: fold(self.place ^ limit, SPREAD), tag: self.tag ^ limit }
    }

    /// One of so many places, each as likely as any other.
    pub(super) fn place_of(self, count: usize) -> usize {
        scale(self.place, count)
    }

    /// One of so many shards: all that belongs to one key is in the same.
    pub(super) fn shard_of(self, count: usize) -> usize {
        scale(self.tag, count)
    }
}

/// All bits of the result depend on all bits of both.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    let (high, low) = (product >> 64, product & u128::from(u64::MAX));
    u64::try_from(high ^ low).unwrap_or_default()
}

/// From the whole range of a number to one below `count`.
fn scale(number: u64, count: usize) -> usize {
    usize::try_from((u128::from(number) * count as u128) >> 64).unwrap_or_default()
}
