//! The endpoint with the fewest requests under way for its share; those that are alike take turns by weight, so that an idle
//! upstream is not always served by its first endpoint. The counts are those of the whole process.

use super::round_robin::RoundRobin;
use super::slow_start;

/// Chooses one; `load` tells the requests under way at each. The turns of those that are alike are kept in `robin`.
pub(crate) fn choose(shares: &[f64], load: impl Fn(usize) -> usize, robin: &mut RoundRobin) -> Option<usize> {
    let relative = |index: usize| load(index) as f64 / shares[index];
    let mut least = f64::INFINITY;
    let mut first = None;
    let mut is_alone = true;
    for index in (0..shares.len()).filter(|&index| shares[index] > 0.0) {
        let here = relative(index);
        if here < least {
            (least, first, is_alone) = (here, Some(index), true);
        } else if here <= least {
            is_alone = false;
        }
    }
    if is_alone {
        return first;
    }
    // A count may have changed since: then one of those that are left is taken, and the first if none is.
    let weight = |index: usize| {
        if shares[index] > 0.0 && relative(index) <= least { slow_start::scaled(shares[index]) } else { 0 }
    };
    robin.next(weight).or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::{assert_close, distribution};

    #[test]
    fn the_idlest_for_its_weight_is_chosen() {
        let mut robin = RoundRobin::new(&[1, 1, 1], 0);
        let mut choose =
            |shares: [f64; 3], load: [usize; 3]| choose(&shares, |index| load[index], &mut robin);
        assert_eq!(choose([1.0, 1.0, 1.0], [2, 1, 3]), Some(1));
        // Two of three under way are less than one of one.
        assert_eq!(choose([1.0, 3.0, 1.0], [1, 2, 1]), Some(1));
        assert_eq!(choose([1.0, 0.0, 1.0], [1, 0, 2]), Some(0));
        assert_eq!(choose([0.0, 0.0, 0.0], [0, 0, 0]), None);
    }

    #[test]
    fn those_that_are_alike_take_turns_by_weight() {
        let mut robin = RoundRobin::new(&[1, 3], 0);
        let found = distribution(2, 4000, || choose(&[1.0, 3.0], |_| 0, &mut robin));
        assert_close(&found, &[0.25, 0.75], 0.001);
    }

    #[test]
    fn under_load_as_many_are_under_way_as_the_weights_say() {
        let mut robin = RoundRobin::new(&[1, 2, 5], 0);
        let mut load = [0_usize; 3];
        for _ in 0..800 {
            load[choose(&[1.0, 2.0, 5.0], |index| load[index], &mut robin).unwrap()] += 1;
        }
        assert_eq!(load, [100, 200, 500]);
    }
}
