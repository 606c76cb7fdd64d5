//! Power of two choices (Mitzenmacher 2001): two by chance and by weight, and of these the one with fewer requests under way
//! for its share. Nearly as even as asking all of them, and workers that choose at the same time do not all choose the same.

use fastrand::Rng;

use super::random;

/// Chooses one; `load` tells the requests under way at each.
pub(crate) fn choose(shares: &[f64], load: impl Fn(usize) -> usize, random: &mut Rng) -> Option<usize> {
    let first = random::choose(shares, random)?;
    let Some(second) = random::choose_but(shares, Some(first), random) else { return Some(first) };
    let relative = |index: usize| load(index) as f64 / shares[index];
    // As good as each other: the first, which was drawn from all of them by weight.
    Some(if relative(second) < relative(first) { second } else { first })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::balance::testing::{assert_close, distribution};

    #[test]
    fn without_load_the_weights_decide() {
        let mut random = Rng::with_seed(1);
        let found = distribution(3, 60_000, || choose(&[1.0, 3.0, 0.0], |_| 0, &mut random));
        assert_close(&found, &[0.25, 0.75, 0.0], 0.01);
        assert_eq!(choose(&[0.0, 0.0], |_| 0, &mut random), None);
        assert_eq!(choose(&[0.0, 2.0], |_| 9, &mut random), Some(1));
    }

    #[test]
    fn the_one_that_is_slow_gets_less() {
        // Ten endpoints serve a request in 10 turns, the first in 100; a request comes each turn.
        let mut random = Rng::with_seed(2);
        let mut load = [0_usize; 11];
        let mut under_way: VecDeque<(usize, usize)> = VecDeque::new();
        let mut got = [0_usize; 11];
        let mut most = 0;
        for turn in 0..50_000 {
            under_way.retain(|&(ends, index)| {
                let is_over = ends <= turn;
                load[index] -= usize::from(is_over);
                !is_over
            });
            let chosen = choose(&[1.0; 11], |index| load[index], &mut random).unwrap();
            load[chosen] += 1;
            got[chosen] += 1;
            most = most.max(load[chosen]);
            under_way.push_back((turn + if chosen == 0 { 100 } else { 10 }, chosen));
        }
        let fair = 50_000 / 11;
        assert!(got[0] < fair / 2, "{got:?}");
        assert!(got[1..].iter().all(|&got| got > fair * 9 / 10), "{got:?}");
        // By chance alone some queue would be far longer.
        assert!(most <= 6, "{most}");
    }
}
