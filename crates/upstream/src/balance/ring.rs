//! A hash ring in the manner of Ketama (Karger 1997): each endpoint has points on a ring of all hashes, as many as its weight says,
//! and a key belongs to the next point. When an endpoint leaves, its keys go to the next points, and no others move.

use super::hash::{derive, hash_key};

/// Points for each unit of weight: the shares of equal endpoints then differ by about 8 %.
const POINTS: u64 = 160;
/// Points of a ring at most, unless there are more endpoints. Above it all have half as many, or a quarter, and so on: halves, so that
/// their numbers seldom change when an endpoint comes or leaves.
const MOST_POINTS: u64 = 1 << 16;

/// The points in the order of their hashes, each with the index of its endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    points: Vec<(u64, usize)>,
}

impl Ring {
    /// A ring of endpoints, each told by what names it in every process, and its weight.
    pub(crate) fn new(endpoints: &[(String, u32)]) -> Self {
        let weighty = || endpoints.iter().enumerate().filter(|(_, (_, weight))| *weight > 0);
        let count = |weight: u32, halvings: u32| ((u64::from(weight) * POINTS) >> halvings).max(1);
        let total =
            |halvings: u32| -> u64 { weighty().map(|(_, (_, weight))| count(*weight, halvings)).sum() };
        let most = MOST_POINTS.max(endpoints.len() as u64);
        let halvings = (0..u64::BITS).find(|&halvings| total(halvings) <= most).unwrap_or(u64::BITS - 1);
        let mut points = Vec::new();
        for (index, (name, weight)) in weighty() {
            // Which points they are depends on the endpoint alone.
            let hash = hash_key(name.as_bytes());
            points.extend((0..count(*weight, halvings)).map(|point| (derive(hash, point), index)));
        }
        points.sort_unstable();
        Self { points }
    }

    /// The endpoint of a key: the first on the ring that `may` be chosen.
    pub(crate) fn choose(&self, key: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
        let start = self.points.partition_point(|(hash, _)| *hash < key);
        let (before, after) = self.points.split_at(start);
        after.iter().chain(before).map(|(_, index)| *index).find(|&index| may(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::{assert_close, distribution};

    const KEYS: u64 = 20_000;

    fn endpoints(weights: &[u32]) -> Vec<(String, u32)> {
        weights.iter().enumerate().map(|(n, &weight)| (format!("10.0.0.{n}:80"), weight)).collect()
    }

    fn key(n: u64) -> u64 {
        hash_key(format!("user-{n}").as_bytes())
    }

    #[test]
    fn keys_are_shared_by_weight() {
        for (weights, wanted) in
            [(vec![1; 4], vec![0.25; 4]), (vec![1, 2, 0, 5], vec![0.125, 0.25, 0.0, 0.625])]
        {
            let ring = Ring::new(&endpoints(&weights));
            let mut n = 0;
            let found = distribution(4, 20_000, || {
                n += 1;
                ring.choose(key(n), |_| true)
            });
            assert_close(&found, &wanted, 0.05);
        }
    }

    #[test]
    fn only_the_keys_of_an_endpoint_that_leaves_move() {
        for weights in [[1; 10], [5, 1, 2, 3, 4, 1, 1, 9, 1, 1]] {
            let all = endpoints(&weights);
            let (before, after) = (Ring::new(&all), Ring::new(&all[1..]));
            let mut moved = 0;
            for n in 0..KEYS {
                let was = before.choose(key(n), |_| true).unwrap();
                let is = after.choose(key(n), |_| true).unwrap() + 1;
                assert!(was == 0 || was == is, "key {n} moved from {was} to {is}");
                moved += u64::from(was == 0);
                // One that may not be chosen is passed over in the same way.
                assert_eq!(before.choose(key(n), |index| index != 0), Some(is));
            }
            assert!((KEYS / 20..KEYS / 4).contains(&moved), "{moved}");
        }
    }

    #[test]
    fn the_order_of_the_list_is_nothing_to_it_and_all_are_reached() {
        let mut turned = endpoints(&[1, 2, 3]);
        let ring = Ring::new(&turned);
        turned.reverse();
        let other = Ring::new(&turned);
        for n in 0..1000 {
            assert_eq!(ring.choose(key(n), |_| true), other.choose(key(n), |_| true).map(|index| 2 - index));
        }
        assert_eq!(ring.choose(u64::MAX, |index| index == 1), Some(1));
        assert_eq!(ring.choose(0, |_| false), None);
        assert_eq!(Ring::default().choose(0, |_| true), None);
        assert_eq!(Ring::new(&endpoints(&[0])).choose(0, |_| true), None);
    }

    #[test]
    fn a_ring_is_bounded() {
        for weights in [vec![1; 5000], vec![u32::MAX, 1], vec![1000; 30]] {
            let ring = Ring::new(&endpoints(&weights));
            assert!((20_000..=1 << 16).contains(&ring.points.len()), "{}", ring.points.len());
            assert!((0..weights.len()).all(|index| ring.points.iter().any(|point| point.1 == index)));
        }
        assert_eq!(Ring::new(&endpoints(&vec![7; 70_000])).points.len(), 70_000);
    }
}
