//! Who may be chosen at all: the endpoints of the first tier that has one that is available. Backups and the records of SRV with
//! higher numbers are later tiers; below the panic threshold all endpoints of a tier count as available.

/// Where an endpoint stands when one is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its tier: those with the lowest number come first.
    pub(crate) tier: u32,
    /// Whether it has a weight.
    pub(crate) has_weight: bool,
    /// Whether nothing is known against it.
    pub(crate) is_available: bool,
    /// Whether this request was tried there already.
    pub(crate) is_tried: bool,
}

/// The tier that is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    tier: u32,
    /// Whether what is known against endpoints does not count.
    is_panic: bool,
}

impl Admission {
    /// Whether this endpoint may be chosen.
    pub(crate) fn admits(self, standing: Standing) -> bool {
        standing.has_weight
            && standing.tier == self.tier
            && !standing.is_tried
            && (self.is_panic || standing.is_available)
    }
}

/// The tier to choose from; none where nobody may be chosen. `tiers` are their numbers in order. If fewer than `panic_below`
/// millionths of a tier are available, all of it counts as available: few endpoints must not be overrun because the others are
/// thought to be gone.
pub(crate) fn admission(standings: &[Standing], tiers: &[u32], panic_below: u32) -> Option<Admission> {
    let of =
        |tier: u32| standings.iter().filter(move |standing| standing.has_weight && standing.tier == tier);
    let is_left = |admission: &Admission| standings.iter().any(|&standing| admission.admits(standing));
    let of_available = tiers.iter().filter_map(|&tier| {
        let all = of(tier).count() as u64;
        let available = of(tier).filter(|standing| standing.is_available).count() as u64;
        let is_panic = available * 1_000_000 < all * u64::from(panic_below);
        (available > 0).then_some(Admission { tier, is_panic })
    });
    // Only where nobody at all is available, those count that are thought to be gone.
    let of_none = tiers.iter().map(|&tier| Admission { tier, is_panic: true });
    let nobody = !standings.iter().any(|standing| standing.has_weight && standing.is_available);
    of_available.chain(of_none.filter(|_| nobody && panic_below > 0)).find(is_left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A letter for each endpoint: `a` available, `d` down, `t` tried, `0` without weight; behind a `/` the next tier.
    fn standings(text: &str) -> Vec<Standing> {
        let of_tier = |(tier, letters): (usize, &str)| {
            let tier = u32::try_from(tier).unwrap();
            letters
                .chars()
                .map(move |letter| Standing {
                    tier,
                    has_weight: letter != '0',
                    is_available: letter != 'd',
                    is_tried: letter == 't',
                })
                .collect::<Vec<_>>()
        };
        text.split('/').enumerate().flat_map(of_tier).collect()
    }

    /// The indices that may be chosen.
    fn admitted(text: &str, panic_percent: u32) -> Vec<usize> {
        let standings = standings(text);
        let admission = admission(&standings, &[0, 1, 2], panic_percent * 10_000);
        let admits = |index: &usize| admission.is_some_and(|admission| admission.admits(standings[*index]));
        (0..standings.len()).filter(admits).collect()
    }

    #[test]
    fn who_is_available_and_not_tried_may_be_chosen() {
        assert_eq!(admitted("aad", 0), [0, 1]);
        assert_eq!(admitted("atd0", 0), [0]);
        assert_eq!(admitted("dd", 0), []);
        assert_eq!(admitted("tt", 0), []);
        assert_eq!(admitted("", 0), []);
    }

    #[test]
    fn a_later_tier_waits_until_nobody_is_left_before_it() {
        assert_eq!(admitted("aa/aa", 0), [0, 1]);
        assert_eq!(admitted("dd/aa", 0), [2, 3]);
        assert_eq!(admitted("dt/ad", 0), [2]);
        assert_eq!(admitted("00/a", 0), [2]);
        assert_eq!(admitted("dd/d/a", 0), [3]);
        assert_eq!(admitted("/a", 0), [0]);
    }

    #[test]
    fn below_the_threshold_all_of_a_tier_count_as_available() {
        assert_eq!(admitted("addd", 25), [0]);
        assert_eq!(admitted("addd", 26), [0, 1, 2, 3]);
        assert_eq!(admitted("tddd", 50), [1, 2, 3]);
        // One without a weight is no part of it.
        assert_eq!(admitted("ad00", 50), [0]);
        assert_eq!(admitted("dddd", 1), [0, 1, 2, 3]);
        assert_eq!(admitted("tttt", 100), []);
        // A backup that is available comes before those that are thought to be gone.
        assert_eq!(admitted("dd/a", 50), [2]);
        assert_eq!(admitted("dd/d", 50), [0, 1]);
        assert_eq!(admitted("ad/a", 60), [0, 1]);
    }
}
