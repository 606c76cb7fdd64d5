//! How the next endpoint is chosen: what users write of it, and the algorithms, each pure in a file of its own.
//!
//! An algorithm is given each endpoint's share, where 0 means that it may not be chosen now, and tells an index. Time and
//! randomness are passed in. Who may be chosen is decided in `tiers`, and all of it is put together in `local::choose`.

pub(crate) mod ewma;
pub(crate) mod hash;
pub(crate) mod least_requests;
pub(crate) mod maglev;
pub(crate) mod p2c;
pub(crate) mod random;
pub(crate) mod ring;
pub(crate) mod round_robin;
pub(crate) mod slow_start;
pub(crate) mod sticky;
pub(crate) mod tiers;

pub use hash::hash_key;
pub use sticky::{CookieSecret, StickySettings, StickyValue};

/// How the next endpoint is chosen. All go by weight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Each in its turn.
    #[default]
    RoundRobin,
    /// By chance.
    Random,
    /// Of two by chance the one with fewer requests under way.
    P2c,
    /// The one with the fewest requests under way, in the whole process.
    LeastRequests,
    /// Of two by chance the one that answers sooner.
    Ewma,
    /// By the hash of a key, on a ring.
    RingHash,
    /// By the hash of a key, in Maglev's table.
    Maglev,
    /// The one that the client's cookie names.
    Sticky(StickySettings),
}

impl Balance {
    /// Whether it goes by the requests that are under way.
    pub(crate) fn counts_requests(&self) -> bool {
        matches!(self, Self::P2c | Self::LeastRequests | Self::Ewma)
    }

    /// Whether it goes by how long answers take.
    pub(crate) fn times_answers(&self) -> bool {
        matches!(self, Self::Ewma)
    }

    /// Whether it goes by a key that requests have.
    pub fn goes_by_key(&self) -> bool {
        matches!(self, Self::RingHash | Self::Maglev)
    }

    /// What users wrote of the cookie, where it goes by one.
    pub fn sticky(&self) -> Option<&StickySettings> {
        match self {
            Self::Sticky(settings) => Some(settings),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! What simulations of the algorithms count with.

    /// How often each of `n` was chosen in `turns` turns, as shares of all.
    pub(crate) fn distribution(
        n: usize,
        turns: usize,
        mut choose: impl FnMut() -> Option<usize>,
    ) -> Vec<f64> {
        let mut counts = vec![0_usize; n];
        for _ in 0..turns {
            counts[choose().unwrap()] += 1;
        }
        counts.iter().map(|&count| count as f64 / turns as f64).collect()
    }

    /// Asserts that shares are these, up to `slack`.
    pub(crate) fn assert_close(shares: &[f64], wanted: &[f64], slack: f64) {
        assert_eq!(shares.len(), wanted.len());
        let is_close = shares.iter().zip(wanted).all(|(share, wanted)| (share - wanted).abs() <= slack);
        assert!(is_close, "{shares:?} are not {wanted:?}");
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    #[test]
    fn every_rule_chooses_one_that_has_a_share_if_there_is_one() {
        let mut random = Rng::with_seed(42);
        for _ in 0..2000 {
            let shares: Vec<f64> = (0..random.usize(0..6))
                .map(|_| if random.bool() { 0.0 } else { f64::from(random.u32(1..9)) / 4.0 })
                .collect();
            let loads: Vec<usize> = shares.iter().map(|_| random.usize(0..4)).collect();
            let load = |index: usize| loads[index];
            let latency = |index: usize| loads[index] as f64 / 100.0;
            let weights: Vec<u32> = shares.iter().map(|_| 1).collect();
            let named: Vec<_> = (0..shares.len()).map(|n| (format!("endpoint {n}"), 1)).collect();
            let mut robin = round_robin::RoundRobin::new(&weights, random.u32(..));
            let (key, may) = (random.u64(..), |index: usize| shares[index] > 0.0);
            let chosen = [
                robin.next(|index| slow_start::scaled(shares[index])),
                random::choose(&shares, &mut random),
                p2c::choose(&shares, load, &mut random),
                least_requests::choose(&shares, load, &mut robin),
                ewma::choose(&shares, latency, load, &mut random),
                ring::Ring::new(&named).choose(key, may),
            ];
            for (rule, chosen) in chosen.into_iter().enumerate() {
                assert_eq!(chosen.is_some(), (0..shares.len()).any(may), "rule {rule} of {shares:?}");
                assert!(chosen.is_none_or(may), "rule {rule} chose {chosen:?} of {shares:?}");
            }
        }
    }
}
