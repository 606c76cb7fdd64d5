//! Maglev's lookup table (Eisenbud and others, NSDI 2016, section 3.4): every endpoint fills a table of a prime size in an order of
//! its own, in turns, so that the shares are nearly equal. A key is one step to look up. When an endpoint leaves, its keys
//! move, and a few of the others' too: a little less constant than the ring, and far more even.

use super::hash::{derive, hash_key};

/// The two sizes of the paper: the table has at least a hundred entries for each endpoint.
const SIZE: usize = 65_537;
const LARGE_SIZE: usize = 655_373;

/// For each entry the index of an endpoint; no entries where there is no endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maglev {
    table: Vec<u32>,
}

/// The order in which an endpoint wants the entries of a table: from one on in steps of the same size, which reach all of them,
/// since their number is prime.
struct Preference {
    index: u32,
    weight: u64,
    at: usize,
    step: usize,
    /// The sum of its weights at which it has its next turn.
    due: u64,
}

impl Preference {
    fn new(index: u32, name: &str, weight: u32, size: usize) -> Self {
        let hash = hash_key(name.as_bytes());
        let within = |hash: u64, size: usize| usize::try_from(hash % size as u64).unwrap_or_default();
        let (at, step) = (within(derive(hash, 1), size), within(derive(hash, 2), size - 1) + 1);
        Self { index, weight: weight.into(), at, step, due: 0 }
    }
}

impl Maglev {
    /// A table of endpoints, each told by what names it in every process, and its weight.
    pub(crate) fn new(endpoints: &[(String, u32)]) -> Self {
        const EMPTY: u32 = u32::MAX;
        let weighty = || (0..).zip(endpoints).filter(|(_, (_, weight))| *weight > 0);
        let Some(heaviest) = weighty().map(|(_, (_, weight))| u64::from(*weight)).max() else {
            return Self::default();
        };
        let size = if weighty().count() * 100 <= SIZE { SIZE } else { LARGE_SIZE };
        let mut preferences: Vec<_> =
            weighty().map(|(index, (name, weight))| Preference::new(index, name, *weight, size)).collect();
        // They take turns in an order that is nothing to the order of the list.
        preferences.sort_by_key(|preference| (preference.at, preference.step));
        let mut table = vec![EMPTY; size];
        let mut left = size;
        let mut round = 0;
        while left > 0 {
            round += 1;
            for preference in &mut preferences {
                // The heaviest has a turn in each round, the others as often as their weights say.
                if left == 0 || round * preference.weight < preference.due {
                    continue;
                }
                preference.due += heaviest;
                while table[preference.at] != EMPTY {
                    preference.at = (preference.at + preference.step) % size;
                }
                table[preference.at] = preference.index;
                left -= 1;
            }
        }
        Self { table }
    }

    /// The endpoint of a key. Where that may not be chosen, hashes that follow from the key are looked up: entries side by side
    /// belong to the same few, so that the next ones would not share evenly what is left.
    pub(crate) fn choose(&self, key: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
        /// With half of all gone, one of a million keys finds nobody so.
        const LOOKUPS: u64 = 20;
        let size = self.table.len() as u64;
        let entry = |hash: u64| usize::try_from(hash.checked_rem(size)?).ok();
        let hashes = std::iter::once(key).chain((1..LOOKUPS).map(|n| derive(key, n)));
        let looked_up = hashes.filter_map(entry).map(|at| self.table[at] as usize);
        // Where nearly all are gone, those that are left are found one by one.
        looked_up.chain(self.rest(entry(key)?)).find(|&index| may(index))
    }

    /// All entries in order from one on.
    fn rest(&self, start: usize) -> impl Iterator<Item = usize> {
        let (before, after) = self.table.split_at(start);
        after.iter().chain(before).map(|&index| index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::assert_close;

    fn endpoints(weights: &[u32]) -> Vec<(String, u32)> {
        weights.iter().enumerate().map(|(n, &weight)| (format!("10.0.0.{n}:80"), weight)).collect()
    }

    fn shares(maglev: &Maglev, n: usize) -> Vec<f64> {
        let mut counts = vec![0_usize; n];
        maglev.table.iter().for_each(|&index| counts[index as usize] += 1);
        counts.iter().map(|&count| count as f64 / maglev.table.len() as f64).collect()
    }

    #[test]
    fn shares_are_nearly_equal_or_as_the_weights_say() {
        let maglev = Maglev::new(&endpoints(&[1; 7]));
        assert_eq!(maglev.table.len(), SIZE);
        // Each has the same number of turns, up to one.
        assert_close(&shares(&maglev, 7), &[1.0 / 7.0; 7], 2.0 / SIZE as f64);
        let maglev = Maglev::new(&endpoints(&[1, 0, 2, 5]));
        assert_close(&shares(&maglev, 4), &[0.125, 0.0, 0.25, 0.625], 0.001);
    }

    #[test]
    fn few_keys_of_others_move_when_one_leaves() {
        let all = endpoints(&[1; 10]);
        let (before, after) = (Maglev::new(&all), Maglev::new(&all[1..]));
        let moved = before.table.iter().zip(&after.table).filter(|(was, is)| **was != 0 && **was != **is + 1);
        let moved = moved.count();
        assert!(moved < SIZE / 20, "{moved} of {SIZE}");
    }

    #[test]
    fn what_may_not_be_chosen_is_shared_by_the_others_and_nobody_else_moves() {
        let maglev = Maglev::new(&endpoints(&[1; 5]));
        let mut instead = [0_usize; 5];
        for key in 0..SIZE as u64 {
            let usual = maglev.choose(key, |_| true).unwrap();
            let without = maglev.choose(key, |index| index != 2).unwrap();
            assert!(usual == 2 || usual == without);
            instead[without] += usize::from(usual == 2);
        }
        let even = SIZE / 5 / 4;
        assert!(
            instead.iter().enumerate().all(|(n, &keys)| n == 2 || keys.abs_diff(even) < even / 10),
            "{instead:?}"
        );
        // The last one is found in any case.
        assert!((0..100).all(|key| maglev.choose(key, |index| index == 4) == Some(4)));
    }

    #[test]
    fn the_order_of_the_list_is_nothing_to_it() {
        let mut turned = endpoints(&[3, 1, 2]);
        let maglev = Maglev::new(&turned);
        turned.reverse();
        let other = Maglev::new(&turned);
        assert!(maglev.table.iter().zip(&other.table).all(|(one, other)| *one == 2 - *other));
    }

    #[test]
    fn it_is_prime_bounded_and_may_be_empty() {
        let is_prime = |n: usize| (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
        assert!(is_prime(SIZE) && is_prime(LARGE_SIZE));
        assert_eq!(Maglev::new(&endpoints(&vec![1; 700])).table.len(), LARGE_SIZE);
        assert_eq!(Maglev::new(&endpoints(&[0])).choose(7, |_| true), None);
        assert_eq!(Maglev::default().choose(7, |_| true), None);
        assert_eq!(Maglev::new(&endpoints(&[1, 1])).choose(7, |_| false), None);
    }
}
