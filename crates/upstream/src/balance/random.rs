//! By chance, each as often as its share is of all shares.
//! Chance is passed in.

use fastrand::Rng;

/// Chooses one by chance; none where no share is left.
pub(crate) fn choose(shares: &[f64], random: &mut Rng) -> Option<usize> {
    choose_but(shares, None, random)
}

/// The same among all but one.
pub(crate) fn choose_but(shares: &[f64], but: Option<usize>, random: &mut Rng) -> Option<usize> {
    let left = || shares.iter().enumerate().filter(|&(index, &share)| share > 0.0 && Some(index) != but);
    let total: f64 = left().map(|(_, share)| share).sum();
    let mut at = random.f64() * total;
    let mut last = None;
    for (index, share) in left() {
        if at < *share {
            return Some(index);
        }
        at -= share;
        // Rounding may carry past the last one.
        last = Some(index);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::{assert_close, distribution};

    #[test]
    fn each_is_chosen_as_often_as_its_share_says() {
        let mut random = Rng::with_seed(7);
        let shares = [1.0, 0.0, 3.0, 0.5, 0.5];
        let found = distribution(5, 100_000, || choose(&shares, &mut random));
        assert_close(&found, &[0.2, 0.0, 0.6, 0.1, 0.1], 0.01);
        let found = distribution(5, 100_000, || choose_but(&shares, Some(2), &mut random));
        assert_close(&found, &[0.5, 0.0, 0.0, 0.25, 0.25], 0.01);
    }

    #[test]
    fn none_is_chosen_where_none_may_be() {
        let mut random = Rng::with_seed(7);
        assert_eq!(choose(&[], &mut random), None);
        assert_eq!(choose(&[0.0, 0.0], &mut random), None);
        assert_eq!(choose_but(&[0.0, 1.0], Some(1), &mut random), None);
        assert_eq!(choose_but(&[0.0, 1.0], Some(0), &mut random), Some(1));
    }
}
