//! Peak EWMA (as in Finagle): of two endpoints by chance the one that costs less, where an endpoint costs the time that it takes to
//! answer × (requests under way + 1) / its weight.
//!
//! The time is an average that forgets exponentially, and jumps to what is slower than it at once: a service that gets slow is
//! noticed with its first slow answer. While nothing is heard it sinks, so that the endpoint is tried again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

/// After this long, what was seen counts for 1/e.
const DECAY: Duration = Duration::from_secs(10);

/// How long a try without an answer counts to have taken at least: an endpoint that fails at once is not a fast one.
pub(crate) const FAILED: Duration = Duration::from_secs(1);

/// An average latency that threads share: seconds as `f32` in the upper half, and in the lower one when that was, in milliseconds
/// since any instant. 0 is "nothing known". The milliseconds start anew after 49 days: then an endpoint that was silent as long
/// is believed to have been so for less.
#[derive(Debug, Default)]
pub(crate) struct Latency(AtomicU64);

impl Latency {
    /// Takes in a latency that was seen at `millis`.
    pub(crate) fn observe(&self, seen: Duration, millis: u64) {
        // No answer takes no time at all, and 0 has a meaning.
        let seen = seen.as_secs_f32().max(f32::MIN_POSITIVE);
        let next = |packed: u64| {
            let known = average(packed);
            let kept = kept(elapsed(packed, millis));
            let next = if seen > known { seen } else { known * kept + seen * (1.0 - kept) };
            Some(pack(next, millis))
        };
        // It always tells a next value, and so never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// The average at `millis`, in seconds; 0 where nothing is known.
    pub(crate) fn at(&self, millis: u64) -> f64 {
        let packed = self.0.load(Ordering::Relaxed);
        f64::from(average(packed) * kept(elapsed(packed, millis)))
    }
}

fn pack(seconds: f32, millis: u64) -> u64 {
    u64::from(seconds.to_bits()) << 32 | (millis & u64::from(u32::MAX))
}

fn average(packed: u64) -> f32 {
    f32::from_bits((packed >> 32) as u32)
}

/// Milliseconds from what is packed to `millis`. Another thread may have seen a later instant.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds are counted with 32 bits, and start anew")]
fn elapsed(packed: u64, millis: u64) -> u32 {
    let elapsed = (millis as u32).wrapping_sub(packed as u32);
    if elapsed > u32::MAX / 2 { 0 } else { elapsed }
}

/// What part of an average is left after some milliseconds.
fn kept(millis: u32) -> f32 {
    (-Duration::from_millis(millis.into()).as_secs_f32() / DECAY.as_secs_f32()).exp()
}

/// Chooses one. `latency` tells the average of each in seconds, `load` the requests under way at it.
pub(crate) fn choose(
    shares: &[f64],
    latency: impl Fn(usize) -> f64,
    load: impl Fn(usize) -> usize,
    random: &mut Rng,
) -> Option<usize> {
    let left = || (0..shares.len()).filter(|&index| shares[index] > 0.0);
    let n = left().count();
    if n <= 1 {
        return left().next();
    }
    let first = random.usize(0..n);
    let second = (first + random.usize(1..n)) % n;
    let (first, second) = (left().nth(first)?, left().nth(second)?);
    let cost = |index| cost(latency(index), load(index), shares[index]);
    Some(if cost(second) < cost(first) { second } else { first })
}

fn cost(latency: f64, load: usize, weight: f64) -> f64 {
    /// One that has not answered yet, but was asked, is asked again only where all others are slow too.
    const UNKNOWN: f64 = 1e6;
    let load = load as f64;
    match latency {
        0.0 if load > 0.0 => UNKNOWN + load / weight,
        latency => latency * (load + 1.0) / weight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::{assert_close, distribution};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_average_jumps_up_and_sinks_slowly() {
        let latency = Latency::default();
        assert!(latency.at(5) == 0.0);
        latency.observe(10 * MS, 0);
        assert!((latency.at(0) - 0.010).abs() < 1e-6);
        // A peak counts at once.
        latency.observe(500 * MS, 1000);
        assert!((latency.at(1000) - 0.5).abs() < 1e-6);
        // One fast answer a second later changes a tenth of it.
        latency.observe(10 * MS, 2000);
        let wanted = 0.5 * (-0.1_f64).exp() + 0.01 * (1.0 - (-0.1_f64).exp());
        assert!((latency.at(2000) - wanted).abs() < 1e-5, "{}", latency.at(2000));
        // While nothing is heard it sinks: 1/e in ten seconds.
        assert!((latency.at(12_000) - wanted / std::f64::consts::E).abs() < 1e-5);
        // The clock of another thread is a little behind.
        assert!((latency.at(1999) - wanted).abs() < 1e-5);
    }

    #[test]
    fn it_goes_on_where_the_milliseconds_start_anew() {
        let latency = Latency::default();
        let late = u64::from(u32::MAX) - 500;
        latency.observe(100 * MS, late);
        let after = latency.at(late + 1000);
        assert!((after - 0.1 * (-0.1_f64).exp()).abs() < 1e-5, "{after}");
    }

    #[test]
    fn what_answers_at_once_is_known_all_the_same() {
        let latency = Latency::default();
        latency.observe(Duration::ZERO, 0);
        assert!(latency.at(0) > 0.0);
    }

    #[test]
    fn slow_ones_get_what_is_drawn_without_a_faster_one() {
        let mut random = Rng::with_seed(3);
        let latency = [0.1, 0.01, 0.01, 0.01];
        let shares = [1.0; 4];
        let found = distribution(4, 60_000, || choose(&shares, |i| latency[i], |_| 0, &mut random));
        // Equal costs: the one drawn first, so that the three fast ones share alike.
        assert_close(&found, &[0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], 0.01);
    }

    #[test]
    fn requests_under_way_and_weights_count() {
        let mut random = Rng::with_seed(4);
        let mut choose = |shares: [f64; 2], latency: [f64; 2], load: [usize; 2]| {
            choose(&shares, |i| latency[i], |i| load[i], &mut random)
        };
        assert_eq!(choose([1.0, 1.0], [0.02, 0.01], [0, 2]), Some(0));
        assert_eq!(choose([1.0, 4.0], [0.02, 0.01], [0, 2]), Some(1));
        // What is not known is tried with one request, and not with a second before that was answered.
        assert_eq!(choose([1.0, 1.0], [0.02, 0.0], [0, 0]), Some(1));
        assert_eq!(choose([1.0, 1.0], [0.02, 0.0], [5, 1]), Some(0));
        assert_eq!(choose([0.0, 1.0], [0.02, 9.0], [0, 9]), Some(1));
        assert_eq!(choose([0.0, 0.0], [0.0, 0.0], [0, 0]), None);
    }

    #[test]
    fn one_that_fails_at_once_draws_nothing_to_it() {
        // Two endpoints, one request a millisecond: the first answers in 20 ms, the second fails within one.
        let mut random = Rng::with_seed(5);
        let latencies = [Latency::default(), Latency::default()];
        let mut got = [0_usize; 2];
        for millis in 0..60_000 {
            let chosen = choose(&[1.0; 2], |i| latencies[i].at(millis), |_| 0, &mut random).unwrap();
            got[chosen] += 1;
            latencies[chosen].observe(if chosen == 0 { 20 * MS } else { FAILED }, millis);
        }
        // At the beginning, and when its failure is forgotten, after 39 seconds.
        assert!((2..=5).contains(&got[1]), "{got:?}");
    }
}
