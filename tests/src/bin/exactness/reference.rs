//! The same limits, as simply as they can be written: how many of these requests pass, if they come at these times and nothing is lost.

use std::collections::VecDeque;

use crate::limits::{Limit, Route};

/// How many of requests at these times pass a route whose limits nobody has used.
pub fn passing(route: &Route, times: &[u64]) -> usize {
    let mut kept: Vec<Kept> = route.limits.iter().map(|limit| Kept::new(*limit)).collect();
    let mut pass = |at: u64| {
        let is_allowed = kept.iter_mut().all(|limit| limit.allows(at));
        if is_allowed {
            for limit in &mut kept {
                limit.take(at);
            }
        }
        is_allowed
    };
    times.iter().filter(|at| pass(**at)).count()
}

/// What is remembered of one limit.
enum Kept {
    Bucket { count: f64, period: f64, level: f64, at: u64 },
    Window { count: usize, period: u64, taken: VecDeque<u64>, is_aligned: bool },
}

impl Kept {
    fn new(limit: Limit) -> Self {
        match limit {
            Limit::Bucket { count, period } => {
                Self::Bucket { count: count as f64, period: period as f64, level: count as f64, at: 0 }
            }
            Limit::Sliding { count, period } => Self::window(count, period, false),
            Limit::Fixed { count, period } => Self::window(count, period, true),
        }
    }

    fn window(count: u64, period: u64, is_aligned: bool) -> Self {
        Self::Window { count: usize::try_from(count).unwrap(), period, taken: VecDeque::new(), is_aligned }
    }

    fn allows(&mut self, now: u64) -> bool {
        match self {
            Self::Bucket { count, period, level, at } => {
                *level = (*level + now.saturating_sub(*at) as f64 * *count / *period).min(*count);
                *at = now;
                *level >= 1.0
            }
            Self::Window { count, period, taken, is_aligned } => {
                let is_over = |then: u64| {
                    if *is_aligned { then / *period < now / *period } else { then + *period <= now }
                };
                while taken.front().is_some_and(|then| is_over(*then)) {
                    taken.pop_front();
                }
                taken.len() < *count
            }
        }
    }

    fn take(&mut self, now: u64) {
        match self {
            Self::Bucket { level, .. } => *level -= 1.0,
            Self::Window { taken, .. } => taken.push_back(now),
        }
    }
}
