//! The rule of ejection against a naive model, with a clock that is passed in.

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
    fn every_number_that_is_packed_is_unpacked(
        row: u16,
        doublings: u8,
        is_ejected: bool,
        is_gone: bool,
        at in 0..=LATEST,
    ) {
        let standing = Standing { row, doublings, is_ejected, is_gone, at };
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
