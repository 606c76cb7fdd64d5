//! The time, passed in so that tests can move it. The only place on the path of a request that reads a clock.
//! Everything else is given instants.

use std::time::{Duration, Instant, SystemTime};

use maitred_store::Moment;

/// A source of time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: fn() -> Instant,
    wall: fn() -> SystemTime,
}

impl Default for Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is passed in from")]
    fn default() -> Self {
        Self { now: Instant::now, wall: SystemTime::now }
    }
}

impl Clock {
    /// A monotonic instant.
    #[inline]
    pub fn now(&self) -> Instant {
        (self.now)()
    }

    /// The time of day.
    pub fn wall(&self) -> SystemTime {
        (self.wall)()
    }
}

/// The time as stores go by it, where none of the workers is: all threads of the process agree on it.
#[derive(Clone, Copy, Debug)]
pub struct StoreClock {
    clock: Clock,
    began: Instant,
}

impl StoreClock {
    /// The time of a gateway that began at this instant.
    pub fn new(clock: Clock, began: Instant) -> Self {
        Self { clock, began }
    }

    /// Now.
    pub fn moment(&self) -> Moment {
        let steady = micros(self.clock.now().saturating_duration_since(self.began));
        Moment { steady, wall: unix_micros(self.clock.wall()) }
    }
}

/// The time of day for instants of one worker: read once a second, and reckoned in between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    at: Instant,
    wall: SystemTime,
}

impl Anchor {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { at: clock.now(), wall: clock.wall() }
    }

    pub(crate) fn wall(&self, at: Instant) -> SystemTime {
        match at.checked_duration_since(self.at) {
            Some(since) => self.wall + since,
            None => self.wall - self.at.duration_since(at),
        }
    }
}

/// Microseconds since 1970.
pub(crate) fn unix_micros(at: SystemTime) -> u64 {
    micros(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
