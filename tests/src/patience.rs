//! Waiting for something to become true, with a deadline, and never for a time to pass.

use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// How long anything may take before a test calls it hung. Long, because machines that run tests are busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `probe` finds something. Panics after [`PATIENCE`], saying `what` did not happen.
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, probe)
}

/// The same with a patience of its own, for what is known to take long.
pub(crate) fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let start = now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < patience, "{what}: not within {patience:?}");
        // Between two looks at another process, of which no event tells.
        park_timeout(Duration::from_millis(5));
    }
}

/// Runs something and asserts that it took between `least` and `most`: for the limits of time that are configured.
pub fn within<T>(least: Duration, most: Duration, run: impl FnOnce() -> T) -> T {
    let start = now();
    let result = run();
    let took = start.elapsed();
    assert!((least..most).contains(&took), "it took {took:?}, not {least:?} to {most:?}");
    result
}

#[expect(clippy::disallowed_methods, reason = "tests measure the time of another process")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
