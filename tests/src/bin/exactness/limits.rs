//! The limits that are looked at, as documents say them, and what they permit of a span of time, whatever came before it.

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3600 * SECOND;

/// One limit; times are microseconds.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    Bucket { count: u64, period: u64 },
    Sliding { count: u64, period: u64 },
    Fixed { count: u64, period: u64 },
}

/// A route of the gateways.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub name: &'static str,
    /// Its policies as they are written, without whom they count.
    pub written: &'static [&'static str],
    pub limits: &'static [Limit],
}

/// The first has no limit: the others are held against it for their waits.
pub const ROUTES: [Route; 7] = [
    Route { name: "plain", written: &[], limits: &[] },
    Route {
        name: "bucket",
        written: &["limit: 100/s"],
        limits: &[Limit::Bucket { count: 100, period: SECOND }],
    },
    Route {
        name: "both",
        written: &["limit: [100/s, 1000/h]"],
        limits: &[Limit::Bucket { count: 100, period: SECOND }, Limit::Bucket { count: 1000, period: HOUR }],
    },
    Route {
        name: "sliding",
        written: &["limit: 100/s, algorithm: sliding_window"],
        limits: &[Limit::Sliding { count: 100, period: SECOND }],
    },
    Route {
        name: "fixed",
        written: &["limit: 100/s, algorithm: fixed_window"],
        limits: &[Limit::Fixed { count: 100, period: SECOND }],
    },
    Route {
        name: "hour",
        written: &["limit: 1000/h, algorithm: sliding_window"],
        limits: &[Limit::Sliding { count: 1000, period: HOUR }],
    },
    // Three questions for each request: where the store hangs, their waits must not add up. Only the first refuses anything, since
    // what one has counted stays counted where the next refuses.
    Route {
        name: "three",
        written: &["limit: 100/s", "limit: 100000/h", "limit: 200000/h, algorithm: fixed_window"],
        limits: &[Limit::Bucket { count: 100, period: SECOND }],
    },
];

/// The place of the route whose limit is soon exhausted and long stays so.
pub const HOURLY: usize = 5;
/// What it permits an hour.
pub const AN_HOUR: usize = 1000;

impl Limit {
    /// How many may pass at most from one time to another, both included.
    pub fn most(self, from: u64, to: u64) -> u64 {
        match self {
            Self::Bucket { count, period } => count + (to - from) * count / period,
            Self::Sliding { count, period } => count * ((to - from) / period + 1),
            Self::Fixed { count, period } => count * (to / period - from / period + 1),
        }
    }
}

impl Route {
    /// Its policies, as the page shows them.
    pub fn shown(&self) -> String {
        self.written.join("` and then `")
    }

    /// The same for all limits of the route together.
    pub fn most(&self, from: u64, to: u64) -> u64 {
        self.limits.iter().map(|limit| limit.most(from, to)).min().unwrap_or(u64::MAX)
    }
}
