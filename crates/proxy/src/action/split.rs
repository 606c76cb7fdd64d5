//! Which variant of a split a request gets: by a key that stays with its variant, by chance, or by what the request names.
//!
//! A key is a number from 0 to 2^64: the first eight bytes, big-endian, of the SHA-256 of the experiment, a zero byte and the key. The
//! shares of the variants, in the order of the document, divide that range. So a key has the same variant on every replica, in every
//! version and after every start, and where shares change only those keys move that a boundary passes over.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use maitred_http::Scheme;
use maitred_policy::values::{Value, View};
use smallvec::SmallVec;

use crate::cookie::SetCookie;

/// The longest key that a cookie may hold; ours have 22 bytes.
const LONGEST_KEY: usize = 128;
/// The whole, in the unit of ramps.
pub(crate) const WHOLE: u32 = 1_000_000;

/// How requests are dealt to variants, which are known by their numbers.
#[derive(Debug)]
pub(crate) struct Split {
    /// What callers are dealt by, together with their keys.
    pub(crate) experiment: Arc<str>,
    /// What tells callers apart.
    pub(crate) by: Option<Value>,
    /// The cookie for those who have no such value.
    pub(crate) sticky: Option<Sticky>,
    /// What names a variant.
    pub(crate) named_by: Option<Value>,
    /// The names and shares of the variants; some share is a weight that is not 0.
    pub(crate) variants: Box<[Variant]>,
    /// What they get, where that does not change with time.
    pub(crate) fixed: Option<Shares>,
}

/// What each variant gets, in a unit that they come out whole in; at least one is not 0.
pub(crate) type Shares = SmallVec<[u128; 4]>;

/// One variant.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: Arc<str>,
    pub(crate) share: Share,
}

/// How much of the requests a variant gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// So much of what ramps leave, relative to the other weights.
    Weight(u32),
    /// A share of the whole that changes with time.
    Ramp(Ramp),
}

/// A share that goes from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ramp {
    /// At the beginning, in millionths.
    pub(crate) from: u32,
    /// At the end, in millionths.
    pub(crate) to: u32,
    pub(crate) over: Duration,
    /// When the document says that it begins.
    pub(crate) starting: Option<SystemTime>,
    /// When it begins.
    pub(crate) begins: SystemTime,
}

/// A cookie with a random key.
#[derive(Debug)]
pub(crate) struct Sticky {
    pub(crate) cookie: Value,
    pub(crate) name: Box<str>,
    pub(crate) max_age: Duration,
}

/// What was chosen for a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dealt {
    /// The number of the variant.
    pub(crate) variant: usize,
    /// The `Set-Cookie` that the answer carries.
    pub(crate) cookie: Option<Vec<u8>>,
    /// What decided.
    pub(crate) why: Why,
}

/// What decided which variant a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The request names it.
    Named,
    /// The value of `by`.
    Key,
    /// The key in the cookie, or a new one.
    Cookie,
    /// There is no key: the heaviest one.
    Heaviest,
    Chance,
}

impl Ramp {
    /// The share at `now`, in millionths.
    fn at(&self, now: SystemTime) -> u32 {
        let passed = now.duration_since(self.begins).unwrap_or_default();
        if passed >= self.over {
            return self.to;
        }
        let (passed, over) = (passed.as_nanos(), self.over.as_nanos());
        let way = u128::from(self.from.abs_diff(self.to)) * passed / over;
        let way = u32::try_from(way).expect("a part of the way is shorter than the way");
        if self.to > self.from { self.from + way } else { self.from - way }
    }

    /// Whether the document says the same of both.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let written = |ramp: &Self| (ramp.from, ramp.to, ramp.over, ramp.starting);
        written(self) == written(other)
    }
}

impl Split {
    /// Deals a request. `random` gives random bytes, where they are needed.
    pub(crate) fn deal(&self, view: &View<'_>, random: impl FnOnce() -> [u8; 16]) -> Dealt {
        let shares = || self.shares(view.facts.received);
        let dealt = |variant, why| Dealt { variant, cookie: None, why };
        if let Some(variant) = self.named(view) {
            return dealt(variant, Why::Named);
        }
        let mut key = Vec::new();
        if self.by.as_ref().is_some_and(|by| by.write(view, &mut key)) && !key.is_empty() {
            return dealt(take(&shares(), self.point(&key)), Why::Key);
        }
        if let Some(sticky) = &self.sticky {
            key.clear();
            if sticky.cookie.write(view, &mut key) && (1..=LONGEST_KEY).contains(&key.len()) {
                return dealt(take(&shares(), self.point(&key)), Why::Cookie);
            }
            let key = BASE64_URL_SAFE_NO_PAD.encode(random());
            let cookie = Some(sticky.set_cookie(&key, view.facts.scheme));
            return Dealt { variant: take(&shares(), self.point(key.as_bytes())), cookie, why: Why::Cookie };
        }
        if self.by.is_some() {
            return dealt(heaviest(&shares()), Why::Heaviest);
        }
        let random = random();
        let first = random.first_chunk().expect("there are 16 bytes");
        dealt(take(&shares(), u64::from_be_bytes(*first)), Why::Chance)
    }

    /// The variant that the request names.
    fn named(&self, view: &View<'_>) -> Option<usize> {
        let mut name = Vec::new();
        self.named_by.as_ref()?.write(view, &mut name).then_some(())?;
        self.variants.iter().position(|variant| variant.name.as_bytes() == name)
    }

    /// Where a key is in the range of all.
    fn point(&self, key: &[u8]) -> u64 {
        let mut digest = Context::new(&SHA256);
        digest.update(self.experiment.as_bytes());
        digest.update(&[0]);
        digest.update(key);
        let digest = digest.finish();
        let first = digest.as_ref().first_chunk().expect("a SHA-256 has 32 bytes");
        u64::from_be_bytes(*first)
    }

    /// The shares at `now`.
    pub(crate) fn shares(&self, now: SystemTime) -> Shares {
        self.fixed.clone().unwrap_or_else(|| shares(&self.variants, now))
    }
}

/// What each of these variants gets for good; none where that changes with time.
pub(crate) fn fixed_shares(variants: &[Variant]) -> Option<Shares> {
    let is_fixed = variants.iter().all(|variant| matches!(variant.share, Share::Weight(_)));
    is_fixed.then(|| shares(variants, SystemTime::UNIX_EPOCH))
}

fn shares(variants: &[Variant], now: SystemTime) -> Shares {
    let parts = variants.iter().map(|variant| match variant.share {
        Share::Ramp(ramp) => (ramp.at(now), 0),
        Share::Weight(weight) => (0, weight),
    });
    let parts: SmallVec<[(u32, u32); 4]> = parts.collect();
    let ramps = parts.iter().map(|(ramp, _)| ramp).sum();
    let weights: u128 = parts.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let rest = u128::from(WHOLE.saturating_sub(ramps));
    parts.iter().map(|&(ramp, weight)| rest * u128::from(weight) + u128::from(ramp) * weights).collect()
}

/// The share that a point of the whole range is in.
fn take(shares: &[u128], point: u64) -> usize {
    // The unit has 20 bits, a weight 32, and a document at most 1000 of them: with the 64 bits of the point it fits.
    let total: u128 = shares.iter().sum();
    let mut left = (u128::from(point) * total) >> 64;
    for (index, &share) in shares.iter().enumerate() {
        if left < share {
            return index;
        }
        left -= share;
    }
    heaviest(shares)
}

/// The largest share; the first of several.
fn heaviest(shares: &[u128]) -> usize {
    let largest = shares.iter().max();
    shares.iter().position(|share| Some(share) == largest).unwrap_or_default()
}

impl Sticky {
    fn set_cookie(&self, key: &str, scheme: Scheme) -> Vec<u8> {
        let is_secure = scheme == Scheme::Https;
        let mut cookie = Vec::new();
        let (name, max_age) = (&self.name, Some(self.max_age));
        SetCookie { name, value: key.as_bytes(), max_age, is_secure }.write(&mut cookie);
        cookie
    }
}

#[cfg(test)]
mod tests;
