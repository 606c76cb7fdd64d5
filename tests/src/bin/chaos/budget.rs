//! Whether the retries of maitred stay within their budget, window by window.

use std::time::{Duration, Instant};

use crate::load::Load;
use crate::programs::Program;

/// The share of requests that may be retries, and how many besides, as the budget has it.
const SHARE: f64 = 0.2;
const BESIDES: f64 = 3.0;
/// The window of the budget, in seconds.
const WINDOW: usize = 10;

/// How many requests and retries there were, second by second.
#[derive(Default)]
pub struct Windows {
    looks: Vec<(f64, f64)>,
    next: Option<Instant>,
}

impl Windows {
    /// Looks once a second.
    pub fn look(&mut self, now: Instant, program: &Program, load: &Load) {
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        self.next = Some(now + Duration::from_secs(1));
        let Some(gateway) = program.gateway() else { return };
        let retries = gateway.metrics().sum("maitred_upstream_retries_total", &[]);
        self.looks.push((load.asked() as f64, retries as f64));
    }

    /// How many retries there were in all.
    pub fn retries(&self) -> f64 {
        self.looks.last().map_or(0.0, |last| last.1)
    }

    /// The fullest window, as a share of what it may have; looks are up to a second apart from the gateway's own windows.
    pub fn fullest(&self) -> f64 {
        let share = |at: usize| {
            let (from, before) = (at.saturating_sub(WINDOW), at.saturating_sub(WINDOW + 1));
            let requests = self.looks[at].0 - self.looks[before].0;
            let may = SHARE * requests + BESIDES * (WINDOW + 1) as f64;
            (self.looks[at].1 - self.looks[from].1) / may
        };
        (0..self.looks.len()).map(share).fold(0.0, f64::max)
    }
}
