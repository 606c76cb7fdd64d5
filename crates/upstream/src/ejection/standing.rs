//! How an endpoint stands with those who send requests to it, in one number: its failures in a row, whether it is ejected and
//! until when, and how long the next ejection takes. Nothing here has a clock, or knows of other endpoints.

use super::OutlierDetection;

/// How an endpoint stands. Times are milliseconds since a first instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Failures since the last try that was none; no more than eject.
    row: u16,
    /// How often the time of the next ejection is doubled.
    doublings: u8,
    /// Whether it is ejected.
    pub(super) is_ejected: bool,
    /// If it is ejected, until when; else, where there are doublings, since when none was taken back.
    at: u64,
}

const DOUBLINGS_AT: u32 = 16;
const EJECTED_AT: u32 = 24;
const TIME_AT: u32 = 25;
/// 17 years.
const LATEST: u64 = (1 << (64 - TIME_AT)) - 1;

impl Standing {
    /// The number; 0 where nothing is wrong.
    pub(super) fn pack(self) -> u64 {
        u64::from(self.row)
            | u64::from(self.doublings) << DOUBLINGS_AT
            | u64::from(self.is_ejected) << EJECTED_AT
            | self.at.min(LATEST) << TIME_AT
    }

    /// What a number stands for.
    #[expect(clippy::cast_possible_truncation, reason = "each part is cut out of the number")]
    pub(super) fn unpack(number: u64) -> Self {
        Self {
            row: number as u16,
            doublings: (number >> DOUBLINGS_AT) as u8,
            is_ejected: Self::is_ejected_in(number),
            at: number >> TIME_AT,
        }
    }

    /// Whether a number tells of an ejection.
    #[inline]
    pub(super) fn is_ejected_in(number: u64) -> bool {
        number & (1 << EJECTED_AT) != 0
    }

    /// How much longer it is ejected at `now`: nothing where it is not, or the time is over.
    pub(super) fn left(self, now: u64) -> Option<u64> {
        Some(self.at.saturating_sub(now)).filter(|left| self.is_ejected && *left > 0)
    }

    /// After its ejection.
    pub(super) fn returned(self) -> Self {
        Self { row: 0, is_ejected: false, ..self }
    }

    /// After a try at `now` that was no failure.
    pub(super) fn succeeded(self, now: u64, rules: &OutlierDetection) -> Self {
        if self.is_ejected { self } else { Self { row: 0, ..self.served(now, rules) } }
    }

    /// After a try at `now` that was one, and whether it was one too many. Of one that is ejected nothing more is to be learnt.
    pub(super) fn failed(self, now: u64, rules: &OutlierDetection) -> (Self, bool) {
        if self.is_ejected {
            return (self, false);
        }
        let row = self.row.saturating_add(1).min(rules.consecutive_errors);
        (Self { row, ..self.served(now, rules) }, row >= rules.consecutive_errors)
    }

    /// Ejected at `now`: for how long, too.
    pub(super) fn ejected(self, now: u64, rules: &OutlierDetection) -> (Self, u64) {
        let (first, most) = rules.times();
        let wanted = first.saturating_mul(1 << self.doublings.min(63));
        let lasts = wanted.min(most);
        let doublings = self.doublings + u8::from(wanted < most);
        (Self { row: 0, doublings, is_ejected: true, at: now.saturating_add(lasts) }, lasts)
    }

    /// With the doublings taken back that it has served off until `now`: one for each time of a first ejection.
    fn served(self, now: u64, rules: &OutlierDetection) -> Self {
        if self.doublings == 0 {
            return Self { at: 0, ..self };
        }
        let (first, _) = rules.times();
        let served = now.saturating_sub(self.at) / first;
        match u8::try_from(served) {
            Ok(served) if served < self.doublings => {
                Self { doublings: self.doublings - served, at: self.at + u64::from(served) * first, ..self }
            }
            _ => Self { doublings: 0, at: 0, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn rules(consecutive_errors: u16, eject_for: u64, max_eject_for: u64) -> OutlierDetection {
        OutlierDetection {
            consecutive_errors,
            eject_for: Duration::from_millis(eject_for),
            max_eject_for: Duration::from_millis(max_eject_for),
            ..OutlierDetection::default()
        }
    }

    /// The same with nothing packed, from the words of the documentation.
    #[derive(Default)]
    struct Naive {
        row: Vec<u64>,
        /// When each ejection that has not been served off began and ended.
        ejections: Vec<(u64, u64)>,
        /// Until when doublings were reckoned.
        reckoned: u64,
    }

    impl Naive {
        fn is_out(&self, now: u64) -> bool {
            self.ejections.last().is_some_and(|(_, end)| now < *end)
        }

        /// A try; tells for how long the endpoint is ejected by it.
        fn try_once(&mut self, now: u64, fails: bool, errors: u16, times: (u64, u64)) -> Option<u64> {
            if self.is_out(now) {
                return None;
            }
            while !self.ejections.is_empty() && now >= self.reckoned + times.0 {
                self.ejections.pop();
                self.reckoned += times.0;
            }
            if !fails {
                self.row.clear();
                return None;
            }
            self.row.push(now);
            if self.row.len() < usize::from(errors) {
                return None;
            }
            self.row.clear();
            let doubled = self.ejections.iter().fold(times.0, |lasts, _| lasts * 2);
            if doubled < times.1 {
                self.ejections.push((now, 0));
            }
            let lasts = doubled.min(times.1);
            self.ejections.last_mut().unwrap().1 = now + lasts;
            self.reckoned = now + lasts;
            Some(lasts)
        }
    }

    proptest! {
        #[test]
        fn an_endpoint_stands_as_its_tries_say(
            tries in prop::collection::vec((0..40_u64, prop::bool::weighted(0.7)), 0..200),
            errors in 1..4_u16,
            first in 1..20_u64,
            factor in 2..20_u64,
        ) {
            let rules = rules(errors, first, first * factor);
            let (mut naive, mut standing, mut now) = (Naive::default(), Standing::default(), 0);
            for (later, fails) in tries {
                now += later;
                if standing.is_ejected && standing.left(now).is_none() {
                    standing = standing.returned();
                }
                prop_assert_eq!(standing.is_ejected, naive.is_out(now));
                let mut lasts = None;
                standing = if fails {
                    let (failed, is_too_many) = standing.failed(now, &rules);
                    if is_too_many {
                        let (ejected, time) = failed.ejected(now, &rules);
                        lasts = Some(time);
                        ejected
                    } else {
                        failed
                    }
                } else {
                    standing.succeeded(now, &rules)
                };
                prop_assert_eq!(lasts, naive.try_once(now, fails, errors, (first, first * factor)));
                prop_assert_eq!(standing, Standing::unpack(standing.pack()));
                prop_assert_eq!(standing.left(now), lasts.or_else(|| standing.left(now)));
            }
        }

        #[test]
        fn every_number_that_is_packed_is_unpacked(row: u16, doublings: u8, is_ejected: bool, at in 0..=LATEST) {
            let standing = Standing { row, doublings, is_ejected, at };
            prop_assert_eq!(Standing::unpack(standing.pack()), standing);
            prop_assert_eq!(Standing::is_ejected_in(standing.pack()), is_ejected);
        }
    }

    #[test]
    fn each_ejection_is_twice_as_long_and_time_served_takes_that_back() {
        let rules = rules(1, 30, 100);
        let eject = |standing: Standing, now| {
            let (failed, is_too_many) = standing.failed(now, &rules);
            assert!(is_too_many);
            failed.ejected(now, &rules)
        };
        let (mut now, mut standing, mut times) = (0, Standing::default(), Vec::new());
        for _ in 0..5 {
            let (ejected, lasts) = eject(standing, now);
            times.push(lasts);
            (now, standing) = (now + lasts, ejected.returned());
        }
        assert_eq!(times, [30, 60, 100, 100, 100]);
        // Two doublings are left; after 30 it is one, after 60 none.
        assert_eq!(eject(standing, now + 29).1, 100);
        assert_eq!(eject(standing, now + 30).1, 60);
        assert_eq!(eject(standing, now + 60).1, 30);
        assert_eq!(standing.succeeded(now + 59, &rules), standing.succeeded(now + 30, &rules));
        assert_eq!(standing.succeeded(now + 60, &rules).pack(), 0, "as if nothing had been");
    }
}
