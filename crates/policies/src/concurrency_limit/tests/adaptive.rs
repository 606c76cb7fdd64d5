//! The adaptive limit over a service in made-up time: requests come as fast as they are let through, and each takes the longer the
//! more are under way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use maitred_policy::harness::Harness;

use crate::concurrency_limit::ConcurrencyLimit;
use crate::concurrency_limit::adaptive::AdaptiveShared;
use crate::concurrency_limit::gradient::Bounds;

const BOUNDS: Bounds = Bounds { min: 5, max: 500 };

/// Serves so many requests from `at` on, and answers when the last was done.
fn serve(shared: &AdaptiveShared, at: Instant, capacity: usize, alone: Duration, requests: usize) -> Instant {
    let (mut now, mut under_way) = (at, BinaryHeap::new());
    for _ in 0..requests {
        while under_way.len() < shared.limit(BOUNDS) {
            let share = ((under_way.len() + 1) as f64 / capacity as f64).max(1.0);
            // No two end at once.
            let spread = Duration::from_micros(under_way.len() as u64);
            under_way.push(Reverse((now + alone.mul_f64(share) + spread, now)));
        }
        let Some(Reverse((ended, began))) = under_way.pop() else { break };
        now = now.max(ended);
        shared.record(began, now, under_way.len() + 1, BOUNDS);
    }
    now
}

#[test]
fn it_is_found_out_by_those_who_serve() {
    let shared = AdaptiveShared::default();
    assert_eq!(shared.limit(BOUNDS), 20);
    let start = Harness::of::<ConcurrencyLimit>("1").now();
    let mut now = start;
    for capacity in [60, 15] {
        now = serve(&shared, now, capacity, Duration::from_millis(20), 300_000);
        // While it probes it is half as large.
        let limit = shared.limit(BOUNDS);
        assert!((capacity / 2..capacity * 3).contains(&limit), "{capacity}: {limit}");
    }
    assert!(now - start > Duration::from_mins(1));
}

#[test]
fn a_window_needs_time_and_answers() {
    let shared = AdaptiveShared::default();
    let start = Harness::of::<ConcurrencyLimit>("1").now();
    let after = |millis| start + Duration::from_millis(millis);
    let record = |count, at| (0..count).for_each(|_| shared.record(after(at - 10), after(at), 20, BOUNDS));
    record(19, 500);
    assert_eq!(shared.limit(BOUNDS), 20, "too few");
    record(1, 500);
    let grown = shared.limit(BOUNDS);
    record(1000, 599);
    assert_eq!(shared.limit(BOUNDS), grown, "too soon");
    record(1, 600);
    assert!(shared.limit(BOUNDS) > grown);
}
