//! Smooth weighted round robin: each endpoint gets its share, spread as evenly as the weights allow.
//!
//! Every turn each endpoint gains its weight in credit, the one with the most is chosen and pays the sum of all weights
//! (the algorithm of nginx, described in its commit 52327e0627f4). Each worker turns by itself and starts
//! somewhere else, so that workers do not all begin with the first endpoint.

/// The state of one round robin. It chooses among indices; the caller knows what they stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoundRobin {
    credit: Vec<i64>,
}

impl RoundRobin {
    /// Starts among endpoints of these weights, `offset` turns in.
    pub(crate) fn new(weights: &[u32], offset: u32) -> Self {
        let mut this = Self { credit: vec![0; weights.len()] };
        let total: i64 = weights.iter().copied().map(i64::from).sum();
        let turns = if total > 0 { i64::from(offset) % total.min(1024) } else { 0 };
        for _ in 0..turns {
            this.next(|index| i64::from(weights[index]));
        }
        this
    }

    /// Goes on with this credit of each endpoint.
    pub(crate) fn with_credit(credit: Vec<i64>) -> Self {
        Self { credit }
    }

    /// The credit of an endpoint.
    pub(crate) fn credit(&self, index: usize) -> i64 {
        self.credit.get(index).copied().unwrap_or_default()
    }

    /// Chooses the next, where each has this weight now. One of weight 0 is not chosen.
    #[inline]
    pub(crate) fn next(&mut self, weight: impl Fn(usize) -> i64) -> Option<usize> {
        if self.credit.len() == 1 {
            return (weight(0) > 0).then_some(0);
        }
        let mut best: Option<usize> = None;
        let mut total = 0;
        for index in 0..self.credit.len() {
            let weight = weight(index);
            if weight == 0 {
                continue;
            }
            self.credit[index] += weight;
            total += weight;
            if best.is_none_or(|best| self.credit[index] > self.credit[best]) {
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

    fn turns(weights: &[u32], offset: u32, n: usize) -> Vec<usize> {
        let mut robin = RoundRobin::new(weights, offset);
        (0..n).filter_map(|_| robin.next(|index| i64::from(weights[index]))).collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(turns(&[1, 1, 1], 0, 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn weights_are_shares_and_are_spread() {
        assert_eq!(turns(&[5, 1, 1], 0, 7), [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn workers_start_apart() {
        assert_eq!(turns(&[1, 1, 1], 1, 3), [1, 2, 0]);
        assert_eq!(turns(&[1, 1, 1], u32::MAX, 1), [0]);
    }

    #[test]
    fn what_has_no_weight_is_not_chosen() {
        let mut robin = RoundRobin::new(&[1, 1, 0], 0);
        assert!((0..4).all(|_| robin.next(|index| i64::from(index == 1)) == Some(1)));
        assert_eq!(robin.next(|_| 0), None);
        assert_eq!(turns(&[], 7, 3), []);
        assert_eq!(turns(&[0], 7, 3), []);
        assert_eq!(turns(&[0, 0], 7, 3), []);
    }

    #[test]
    fn it_goes_on_with_the_credit_that_it_had() {
        let weights = [3, 1];
        let mut robin = RoundRobin::new(&weights, 0);
        robin.next(|index| i64::from(weights[index]));
        let mut other = RoundRobin::with_credit((0..2).map(|index| robin.credit(index)).collect());
        for _ in 0..8 {
            let next = |robin: &mut RoundRobin| robin.next(|index| i64::from(weights[index]));
            assert_eq!(next(&mut robin), next(&mut other));
        }
    }
}
