//! Smooth weighted round robin: each endpoint gets its share, spread as evenly as the weights allow.
//!
//! Every turn each endpoint gains its weight in credit, the one with the most is chosen and pays the sum of all weights
//! (the algorithm of nginx, described in its commit 52327e0627f4). Each worker turns by itself and starts
//! somewhere else, so that workers do not all begin with the first endpoint.

/// The state of one round robin. It chooses among indices; the caller knows what they stand for.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    weights: Vec<i64>,
    credit: Vec<i64>,
}

impl RoundRobin {
    /// Starts with these weights, `offset` turns in. A weight of 0 is never chosen.
    pub fn new(weights: impl IntoIterator<Item = u32>, offset: u32) -> Self {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        let total: i64 = weights.iter().sum();
        let mut this = Self { credit: vec![0; weights.len()], weights };
        let turns = if total > 0 { i64::from(offset) % total.min(1024) } else { 0 };
        for _ in 0..turns {
            this.next(|_| true);
        }
        this
    }

    /// Chooses the next among those that `may` allows.
    pub fn next(&mut self, may: impl Fn(usize) -> bool) -> Option<usize> {
        if let [weight] = self.weights[..] {
            return (weight > 0 && may(0)).then_some(0);
        }
        let mut best = None;
        let mut total = 0;
        for index in 0..self.weights.len() {
            let weight = self.weights[index];
            if weight == 0 || !may(index) {
                continue;
            }
            self.credit[index] += weight;
            total += weight;
            if best.is_none_or(|best: usize| self.credit[index] > self.credit[best]) {
                best = Some(index);
            }
        }
        let chosen = best?;
        self.credit[chosen] -= total;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(robin: &mut RoundRobin, n: usize) -> Vec<usize> {
        (0..n).filter_map(|_| robin.next(|_| true)).collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(turns(&mut RoundRobin::new([1, 1, 1], 0), 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn weights_are_shares_and_are_spread() {
        assert_eq!(turns(&mut RoundRobin::new([5, 1, 1], 0), 7), [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn workers_start_apart() {
        assert_eq!(turns(&mut RoundRobin::new([1, 1, 1], 1), 3), [1, 2, 0]);
        assert_eq!(turns(&mut RoundRobin::new([1, 1, 1], u32::MAX), 1), [0]);
    }

    #[test]
    fn what_may_not_be_chosen_is_not() {
        let mut robin = RoundRobin::new([1, 1, 0], 0);
        assert!((0..4).all(|_| robin.next(|index| index != 0) == Some(1)));
        assert_eq!(robin.next(|index| index == 2), None);
        assert_eq!(RoundRobin::new([], 7).next(|_| true), None);
        assert_eq!(RoundRobin::new([0], 7).next(|_| true), None);
    }
}
