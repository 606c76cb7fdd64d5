//! How upstreams and their endpoints are doing: told as a whole about once a second, and read by scrapes. It takes room like other
//! series do; upstreams that find none are told as one.

#![expect(
    clippy::disallowed_types,
    reason = "told about once a second and asked by scrapes, not by requests"
)]

use std::sync::{Arc, Mutex, PoisonError};

use crate::exposition::labels;
use crate::series::{Budget, OTHER};

/// How an upstream is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamHealth {
    /// Its name.
    pub upstream: Arc<str>,
    /// How often an endpoint was ejected; none where none can be.
    pub ejections: Option<u64>,
    /// What came of checks; none where there are none.
    pub checks: Option<CheckTotals>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointGauges>,
}

/// How health checks ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckTotals {
    /// Those that passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
}

/// How an endpoint is doing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointGauges {
    /// Its address.
    pub endpoint: String,
    /// 1 where checks say that it can serve, else 0; none where it is not checked.
    pub healthy: Option<u64>,
    /// 1 where it is ejected, else 0; none where it cannot be.
    pub ejected: Option<u64>,
}

impl UpstreamHealth {
    /// How many lines it takes.
    fn lines(&self) -> u64 {
        let of = |gauges: &EndpointGauges| {
            u64::from(gauges.healthy.is_some()) + u64::from(gauges.ejected.is_some())
        };
        let own = u64::from(self.ejections.is_some()) + 2 * u64::from(self.checks.is_some());
        own + self.endpoints.iter().map(of).sum::<u64>()
    }

    /// Its endpoints with the labels of their samples.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (String, &EndpointGauges)> {
        let labels =
            |gauges: &EndpointGauges| labels(&[("upstream", &self.upstream), ("endpoint", &gauges.endpoint)]);
        self.endpoints.iter().map(move |gauges| (labels(gauges), gauges))
    }

    /// Makes one of endpoints that nothing tells apart: two names may have the same address. It is as well as the worst of them,
    /// which is the first.
    fn merge_same(&mut self) {
        self.endpoints.sort();
        self.endpoints.dedup_by(|later, first| {
            let is_same = later.endpoint == first.endpoint;
            if is_same {
                first.ejected = first.ejected.max(later.ejected);
            }
            is_same
        });
    }

    /// Counts another upstream in with this one, which stands for many.
    fn add(&mut self, other: &Self) {
        let sum = |one: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *one = Some(one.unwrap_or_default() + more);
            }
        };
        sum(&mut self.ejections, other.ejections);
        if let Some(more) = other.checks {
            let own = self.checks.get_or_insert(CheckTotals { passed: 0, failed: 0 });
            own.passed += more.passed;
            own.failed += more.failed;
        }
        let own = &mut self.endpoints[0];
        for more in &other.endpoints {
            sum(&mut own.healthy, more.healthy);
            sum(&mut own.ejected, more.ejected);
        }
    }

    /// What stands for those that found no room.
    fn others() -> Self {
        let endpoint = EndpointGauges { endpoint: OTHER.to_owned(), healthy: None, ejected: None };
        Self { upstream: OTHER.into(), ejections: None, checks: None, endpoints: vec![endpoint] }
    }
}

/// All that are told.
#[derive(Debug, Default)]
pub(crate) struct Healths(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    all: Vec<UpstreamHealth>,
    /// The room that they take.
    lines: u64,
}

impl Healths {
    /// Tells these in place of those before.
    pub(crate) fn replace(&self, all: Vec<UpstreamHealth>, budget: &Budget) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budget.give_back(std::mem::take(&mut told.lines));
        told.all.clear();
        let mut others = UpstreamHealth::others();
        for mut one in all {
            one.merge_same();
            let lines = one.lines();
            if lines == 0 {
                continue;
            }
            if *one.upstream != *OTHER && budget.take_quietly(lines) {
                told.lines += lines;
                told.all.push(one);
            } else {
                others.add(&one);
            }
        }
        if others.lines() > 0 {
            told.all.push(others);
        }
    }

    pub(crate) fn all(&self) -> Vec<UpstreamHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(name: &str, endpoints: &[(&str, u64, u64)]) -> UpstreamHealth {
        let gauges = |(endpoint, healthy, ejected): &(&str, u64, u64)| EndpointGauges {
            endpoint: (*endpoint).to_owned(),
            healthy: Some(*healthy),
            ejected: Some(*ejected),
        };
        UpstreamHealth {
            upstream: name.into(),
            ejections: Some(1),
            checks: Some(CheckTotals { passed: 5, failed: 2 }),
            endpoints: endpoints.iter().map(gauges).collect(),
        }
    }

    #[test]
    fn endpoints_that_nothing_tells_apart_are_one() {
        let (healths, budget) = (Healths::default(), Budget::new(100));
        healths.replace(vec![upstream("a", &[("y", 1, 0), ("x", 1, 0), ("y", 0, 1), ("y", 1, 0)])], &budget);
        assert_eq!(healths.all(), [upstream("a", &[("x", 1, 0), ("y", 0, 1)])]);
        assert_eq!(budget.used(), 7);
    }

    #[test]
    fn what_finds_no_room_is_told_as_one() {
        let (healths, budget) = (Healths::default(), Budget::new(7));
        let all = || {
            vec![upstream("a", &[("x", 1, 0)]), upstream("b", &[("x", 1, 1)]), upstream("c", &[("y", 0, 1)])]
        };
        for _ in 0..3 {
            healths.replace(all(), &budget);
            let mut others = upstream("other", &[("other", 1, 2)]);
            (others.ejections, others.checks) = (Some(2), Some(CheckTotals { passed: 10, failed: 4 }));
            assert_eq!(healths.all(), [upstream("a", &[("x", 1, 0)]), others]);
            assert_eq!((budget.used(), budget.refused()), (5, 0), "it is no news each time");
        }
        healths.replace(Vec::new(), &budget);
        assert_eq!((healths.all(), budget.used()), (Vec::new(), 0));
    }

    #[test]
    fn upstreams_of_which_nothing_is_known_take_no_room() {
        let (healths, budget) = (Healths::default(), Budget::new(7));
        let mut one = upstream("a", &[("x", 1, 0)]);
        (one.ejections, one.checks) = (None, None);
        one.endpoints[0] = EndpointGauges { healthy: None, ejected: None, endpoint: "x".to_owned() };
        healths.replace(vec![one], &budget);
        assert_eq!((healths.all(), budget.used()), (Vec::new(), 0));
    }
}
