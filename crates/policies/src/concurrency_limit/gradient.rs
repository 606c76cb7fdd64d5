//! How many requests a service takes at once, found out by its latency: arithmetic alone.
//!
//! After "gradient2" of Netflix's concurrency-limits: the latency of now is set against that of the long run. There the long run is
//! an average, which under lasting load creeps up to the latency of now, so that the limit grows without end. Here it learns from what is
//! measured without load, and where there is no such time, from probes: windows in which half as many requests are let through.

/// How much longer than in the long run an answer may take before the limit shrinks.
const TOLERANCE: f64 = 1.5;
/// How far one window moves the limit towards what it asks for.
const SMOOTHING: f64 = 0.2;
/// How far one window moves the latency of the long run.
const LEARNING: f64 = 0.1;
/// How far a window moves it that tells more: a probe, one that was faster, one with as few requests as there may be.
const LEARNING_FAST: f64 = 0.5;
/// How many windows under load pass from one probe to the next.
const PROBE_EVERY: u32 = 20;
/// The limit to begin with.
const START: f64 = 20.0;

/// Between what the limit stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Bounds {
    pub(super) fn clamp(self, limit: usize) -> usize {
        limit.clamp(self.min, self.max)
    }
}

/// What was measured for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The mean latency, in seconds.
    pub(super) latency: f64,
    /// The most requests that were under way at once.
    pub(super) busiest: usize,
}

/// The limit, and what it follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gradient {
    limit: f64,
    /// The latency of the long run, in seconds; zero until something was measured.
    long: f64,
    until_probe: u32,
    pub(super) is_probing: bool,
}

impl Default for Gradient {
    fn default() -> Self {
        Self { limit: START, long: 0.0, until_probe: PROBE_EVERY, is_probing: false }
    }
}

impl Gradient {
    /// How many requests may be under way now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and small")]
    pub(super) fn limit(&self, bounds: Bounds) -> usize {
        let limit = if self.is_probing { self.limit / 2.0 } else { self.limit };
        bounds.clamp(limit as usize)
    }

    /// Takes in what was measured while [`limit`](Self::limit) was kept.
    pub(super) fn learn(&mut self, window: Window, bounds: Bounds) {
        let latency = window.latency.max(1e-6);
        if self.long == 0.0 {
            self.long = latency;
        }
        let limit = self.limit.clamp(bounds.min as f64, bounds.max as f64);
        if std::mem::take(&mut self.is_probing) {
            self.long += (latency - self.long) * LEARNING_FAST;
            return;
        }
        if (window.busiest as f64) < limit / 2.0 {
            // Nobody was kept waiting: this is how fast it is, and no reason for another limit.
            self.long += (latency - self.long) * LEARNING;
            return;
        }
        if latency < self.long || limit <= bounds.min as f64 {
            self.long += (latency - self.long) * LEARNING_FAST;
        }
        let gradient = (TOLERANCE * self.long / latency).clamp(0.5, 1.0);
        // As many as may queue in the service: they show whether it could take more.
        let wanted = limit * gradient + limit.sqrt();
        let next = limit + (wanted - limit) * SMOOTHING;
        self.limit = next.clamp(bounds.min as f64, bounds.max as f64);
        self.until_probe = self.until_probe.saturating_sub(1);
        if self.until_probe == 0 {
            (self.until_probe, self.is_probing) = (PROBE_EVERY, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { min: 5, max: 1000 };

    /// A service that serves `capacity` requests at once, each in `seconds`; more of them share it.
    #[derive(Clone, Copy)]
    struct Service {
        capacity: f64,
        seconds: f64,
    }

    impl Service {
        fn latency(self, in_flight: usize) -> f64 {
            self.seconds * (in_flight as f64 / self.capacity).max(1.0)
        }

        /// Serves so many windows, in each of which `demand` requests want to be under way.
        fn serve(self, gradient: &mut Gradient, random: &mut fastrand::Rng, demand: usize, windows: usize) {
            for _ in 0..windows {
                let busiest = gradient.limit(BOUNDS).min(demand);
                let noise = 0.9 + 0.2 * random.f64();
                gradient.learn(Window { latency: self.latency(busiest) * noise, busiest }, BOUNDS);
                let limit = gradient.limit(BOUNDS);
                assert!((BOUNDS.min..=BOUNDS.max).contains(&limit), "{limit}");
            }
        }
    }

    /// Whether the limit is one with which the service is busy and nobody waits there for long. Not asked while it probes.
    fn fits(gradient: &Gradient, capacity: f64) -> bool {
        (0.9 * capacity..=2.5 * capacity).contains(&gradient.limit)
    }

    #[test]
    fn it_finds_the_capacity_of_a_service_and_stays_there() {
        for (capacity, seconds) in [(20.0, 0.01), (40.0, 0.2), (100.0, 0.05), (300.0, 0.001)] {
            let (service, random) = (Service { capacity, seconds }, &mut fastrand::Rng::with_seed(7));
            let mut gradient = Gradient::default();
            service.serve(&mut gradient, random, 5000, 1000);
            for _ in 0..200 {
                service.serve(&mut gradient, random, 5000, 20);
                assert!(fits(&gradient, capacity), "{capacity} at once: {gradient:?}");
            }
        }
    }

    #[test]
    fn it_follows_a_service_that_becomes_smaller_or_slower_and_recovers() {
        let random = &mut fastrand::Rng::with_seed(8);
        let mut gradient = Gradient::default();
        for (capacity, seconds) in [(200.0, 0.05), (50.0, 0.05), (50.0, 0.5), (200.0, 0.05), (200.0, 0.01)] {
            Service { capacity, seconds }.serve(&mut gradient, random, 5000, 1500);
            assert!(fits(&gradient, capacity), "{capacity} in {seconds} s: {gradient:?}");
        }
    }

    #[test]
    fn one_that_meets_load_at_once_does_not_take_its_latency_for_the_usual_one() {
        let random = &mut fastrand::Rng::with_seed(9);
        let mut gradient = Gradient { limit: 800.0, ..Gradient::default() };
        Service { capacity: 50.0, seconds: 0.1 }.serve(&mut gradient, random, 5000, 3000);
        assert!(fits(&gradient, 50.0), "{gradient:?}");
    }

    #[test]
    fn without_load_it_stays_as_it_is() {
        let random = &mut fastrand::Rng::with_seed(10);
        let mut gradient = Gradient::default();
        Service { capacity: 500.0, seconds: 0.1 }.serve(&mut gradient, random, 8, 1000);
        assert_eq!(gradient.limit(BOUNDS), 20);
    }

    #[test]
    fn at_its_floor_a_slow_service_is_a_usual_one() {
        let random = &mut fastrand::Rng::with_seed(11);
        let mut gradient = Gradient { limit: 5.0, long: 0.001, ..Gradient::default() };
        Service { capacity: 100.0, seconds: 2.0 }.serve(&mut gradient, random, 5000, 1000);
        assert!(fits(&gradient, 100.0), "{gradient:?}");
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(
            min in 1usize..100, more in 0usize..1000,
            windows in prop::collection::vec((0.0f64..1e9, 0usize..10_000), 0..200),
        ) {
            let bounds = Bounds { min, max: min + more };
            let mut gradient = Gradient::default();
            for (latency, busiest) in windows {
                gradient.learn(Window { latency, busiest }, bounds);
                prop_assert!((bounds.min..=bounds.max).contains(&gradient.limit(bounds)));
            }
        }
    }
}
