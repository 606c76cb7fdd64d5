//! What ten million keys cost the store in memory, and whether they displace those whose limit is exhausted:
//! `cargo run --release -p maitred-store --example many_keys [-- KEYS]`. Time is made up, so that nothing waits and every run counts the same.
//!
//! A hundred callers use up their limit of 100 an hour; then as many keys as are asked for come once each, within 100 seconds. Whoever
//! can be asked again for more than has come back since was forgotten.

#![allow(clippy::print_stdout, reason = "a table for whoever runs it")]

use std::time::Duration;

use maitred_store::{
    Algorithm, Answer, Decision, Key, Limit, MemorySettings, MemoryStore, Moment, Period, Scope, Seat, Store,
    Take,
};

const KEYS: u64 = 10_000_000;
/// In which the keys come, in microseconds.
const WITHIN: u64 = 100_000_000;
const COUNT: u64 = 100;
const PERIOD: Duration = Duration::from_hours(1);
/// When the run begins, in microseconds: ten minutes past an hour, so that no window ends before the run does.
const BEGIN: u64 = 600_000_000;
/// Callers that use up their limit.
const EXHAUSTED: u64 = 100;
/// Of what comes back, what may have since: 2.8 of the bucket.
const BACK: u64 = 3;
const MEBIBYTE: u64 = 1 << 20;

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("token_bucket", Algorithm::TokenBucket),
    ("sliding_window", Algorithm::SlidingWindow),
    ("sliding_window_estimate", Algorithm::SlidingWindowEstimate),
    ("fixed_window", Algorithm::FixedWindow),
];

fn main() {
    let keys = std::env::args().nth(1).and_then(|given| given.parse().ok()).unwrap_or(KEYS);
    println!(
        "{keys} keys, once each, after {EXHAUSTED} callers who used up their {COUNT} an hour.\n\n\
         | size | algorithm | memory of the process grew by | refused for want of room | exhausted callers forgotten |\n\
         | ---: | --- | ---: | ---: | ---: |"
    );
    for size in [16, 64, 256] {
        for (name, algorithm) in ALGORITHMS {
            let before = resident();
            let run = Run::new(size * MEBIBYTE, algorithm);
            let first = run.exhaust();
            let refused = run.attack(keys);
            let grown = resident().saturating_sub(before) / MEBIBYTE;
            let forgotten = run.forgotten();
            assert_eq!(first, EXHAUSTED * COUNT, "each could use all of its limit, and no more");
            println!("| {size} MiB | `{name}` | {grown} MiB | {refused} | {forgotten} |");
        }
    }
}

struct Run {
    store: MemoryStore,
    scope: Scope,
    limits: [Limit; 1],
}

impl Run {
    fn new(size: u64, algorithm: Algorithm) -> Self {
        let store = MemoryStore::new(MemorySettings { size, path: None });
        let limit = Limit { algorithm, count: COUNT, period: Period::Length(PERIOD), burst: COUNT };
        Self { store, scope: Scope::new("limit:many_keys"), limits: [limit] }
    }

    /// How many requests pass before all are exhausted.
    fn exhaust(&self) -> u64 {
        let asked = (0..EXHAUSTED).flat_map(|caller| (0..2 * COUNT).map(move |_| caller));
        asked.map(|caller| u64::from(self.ask(&exhausted(caller), 1, 0).is_allowed)).sum()
    }

    /// Each key once. How many of these were refused, whose limit nobody has used.
    fn attack(&self, keys: u64) -> u64 {
        let ask = |key: u64| self.ask(&scattered(key), 1, key * WITHIN / keys);
        (0..keys).map(|key| u64::from(!ask(key).is_allowed)).sum()
    }

    /// How many exhausted callers have more than has come back to them.
    fn forgotten(&self) -> usize {
        let left = |caller| self.ask(&exhausted(caller), 0, WITHIN).standings[0].remaining;
        (0..EXHAUSTED).filter(|caller| left(*caller) > BACK).count()
    }

    /// Asks so many microseconds after the beginning.
    fn ask(&self, value: &[u8], cost: u64, after: u64) -> Decision {
        let now = BEGIN + after;
        let take = Take {
            key: Key { scope: &self.scope, value },
            limits: &self.limits,
            cost,
            is_due: false,
            now: Moment { steady: now, wall: now },
        };
        match self.store.take(Seat::Control, take) {
            Answer::Ready(said) => said.expect("memory is never away"),
            Answer::Later(_) => unreachable!("memory answers at once"),
        }
    }
}

fn exhausted(caller: u64) -> Vec<u8> {
    format!("caller-{caller}").into_bytes()
}

/// A number of its own for each key, in no order (`SplitMix64`).
fn scattered(key: u64) -> [u8; 8] {
    let mixed = (key + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).to_le_bytes()
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}
