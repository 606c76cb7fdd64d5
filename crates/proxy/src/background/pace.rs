//! When something is fetched again: after a while, soon where a policy misses something in it, and with growing pauses after
//! failures. Says how long to wait, and waits for nothing.

use std::time::Duration;

/// How long what was fetched holds, where it does not say so itself.
const RENEWAL: Duration = Duration::from_mins(5);
/// And within which bounds it may say so: somebody's mistake is neither a flood of questions nor one for ever.
const SHORTEST_RENEWAL: Duration = Duration::from_secs(5);
const LONGEST_RENEWAL: Duration = Duration::from_hours(1);
/// How soon it is renewed where a policy wants that. It doubles up to [`RENEWAL`] while that finds nothing new: what is missed is
/// often not there, and who asks for it may be anybody.
const SOONEST: Duration = Duration::from_secs(5);
/// How long to wait after a failure; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// Another thing is in place than before, which holds so long.
    Renewed(Option<Duration>),
    /// The thing is as it was, and holds so long.
    Same(Option<Duration>),
    /// It could not be fetched.
    Failed,
}

/// How long to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// At most so long.
    pub(super) longest: Duration,
    /// At least so long, whoever wants it sooner.
    pub(super) soonest: Duration,
}

/// The pauses to come.
#[derive(Debug)]
pub(super) struct Pace {
    retry: Duration,
    soonest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { retry: FIRST_RETRY, soonest: SOONEST }
    }
}

impl Pace {
    /// The rest after a try, before which somebody wanted it or nobody did.
    pub(super) fn rest(&mut self, was_wanted: bool, tried: Tried) -> Rest {
        let (Tried::Renewed(holds) | Tried::Same(holds)) = tried else {
            let rest = Rest { longest: self.retry, soonest: self.retry };
            self.retry = (self.retry * 2).min(LONGEST_RETRY);
            return rest;
        };
        self.retry = FIRST_RETRY;
        self.soonest = match tried {
            Tried::Same(_) if was_wanted => (self.soonest * 2).min(RENEWAL),
            _ => SOONEST,
        };
        let longest = holds.map_or(RENEWAL, |holds| holds.clamp(SHORTEST_RENEWAL, LONGEST_RENEWAL));
        Rest { longest, soonest: self.soonest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soonest(pace: &mut Pace, was_wanted: bool, tried: Tried) -> u64 {
        let rest = pace.rest(was_wanted, tried);
        assert_eq!(rest.longest, RENEWAL);
        rest.soonest.as_secs()
    }

    #[test]
    fn who_wants_what_is_not_there_waits_ever_longer() {
        let mut pace = Pace::default();
        assert_eq!(soonest(&mut pace, false, Tried::Renewed(None)), 5);
        let wanted: Vec<u64> = (0..8).map(|_| soonest(&mut pace, true, Tried::Same(None))).collect();
        assert_eq!(wanted, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(soonest(&mut pace, false, Tried::Same(None)), 5, "nobody has wanted it for a while");
        soonest(&mut pace, true, Tried::Same(None));
        assert_eq!(soonest(&mut pace, true, Tried::Renewed(None)), 5, "it was wanted with reason");
    }

    #[test]
    fn what_is_told_says_how_long_it_holds_within_bounds() {
        for (holds, longest) in [(0, 5), (600, 600), (1_000_000, 3600)] {
            let tried = Tried::Same(Some(Duration::from_secs(holds)));
            assert_eq!(Pace::default().rest(false, tried).longest.as_secs(), longest);
        }
    }

    #[test]
    fn failures_are_tried_again_ever_later() {
        let mut pace = Pace::default();
        let fail = |pace: &mut Pace| {
            let rest = pace.rest(true, Tried::Failed);
            assert_eq!(rest.soonest, rest.longest, "nobody makes it sooner");
            rest.longest.as_millis()
        };
        let pauses: Vec<u128> = (0..7).map(|_| fail(&mut pace)).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        pace.rest(false, Tried::Same(None));
        assert_eq!(fail(&mut pace), 500);
    }
}
