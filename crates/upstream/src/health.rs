//! Whether endpoints can serve, as checks of them say: what users want, the rule by which checks change it, and where it is
//! kept for the process. Who checks, and when, is in `check`.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use maitred_http::Method;
use maitred_telemetry::SharedCounter;

/// How the endpoints of an upstream are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked, and what for.
    pub kind: CheckKind,
    /// From the start of one check of an endpoint to the start of the next.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// How many must fail in a row until the endpoint is unhealthy.
    pub unhealthy_after: u32,
    /// How many must pass in a row until it is healthy again.
    pub healthy_after: u32,
    /// By how much an interval may be longer or shorter, in millionths of it.
    pub jitter: u32,
    /// The port that is asked, where it is not the endpoint's.
    pub port: Option<u16>,
}

/// What is asked, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Nothing: a connection is enough, over TLS where the endpoint speaks it.
    Tcp,
    /// A request.
    Http(HttpCheck),
    /// Health in the sense of gRPC.
    Grpc {
        /// The service; empty for the server as a whole.
        service: String,
        /// What is sent as `Host` and beside it.
        sent: CheckFields,
    },
}

/// A request, and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query, without the `?`.
    pub query: Option<String>,
    /// What is sent as `Host` and beside it.
    pub sent: CheckFields,
    /// The statuses that pass.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// What must be in the body.
    pub body: Option<BodyMatch>,
}

/// The header fields of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckFields {
    /// `Host`, where it is not the one that requests have.
    pub host: Option<String>,
    /// Others: names and values.
    pub others: Vec<(String, String)>,
}

/// What must be in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyMatch {
    /// This text.
    Text(String),
    /// What this regular expression finds.
    Regex(String),
}

/// What the checks of an endpoint say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Nothing yet, or it is not checked. It counts as healthy.
    #[default]
    Unknown = 0,
    /// It can serve.
    Healthy = 1,
    /// It cannot.
    Unhealthy = 2,
}

impl Health {
    /// The word of the admin API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The checks in a row that say something else than what holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row(u32);

impl Row {
    /// Notes a check of an endpoint with this health: what it is from now on.
    pub(crate) fn note(&mut self, health: Health, passed: bool, rules: &HealthCheck) -> Health {
        let (says, needed) = if passed {
            (Health::Healthy, rules.healthy_after)
        } else {
            (Health::Unhealthy, rules.unhealthy_after)
        };
        let agrees = passed != (health == Health::Unhealthy);
        self.0 = if agrees { 0 } else { self.0 + 1 };
        if agrees {
            return says;
        }
        if self.0 < needed {
            return health;
        }
        self.0 = 0;
        says
    }
}

/// The health of an endpoint as the process knows it. It is written by the task that checks, and read by everybody.
#[derive(Debug, Default)]
pub(crate) struct EndpointHealth {
    /// A [`Health`].
    now: AtomicU8,
    /// How often it became unhealthy.
    falls: AtomicU32,
    /// Why the last check failed; none where it passed.
    failure: ArcSwapOption<String>,
}

impl EndpointHealth {
    #[inline]
    pub(crate) fn is_unhealthy(&self) -> bool {
        self.now.load(Ordering::Relaxed) == Health::Unhealthy as u8
    }

    pub(crate) fn now(&self) -> Health {
        match self.now.load(Ordering::Relaxed) {
            1 => Health::Healthy,
            2 => Health::Unhealthy,
            _ => Health::Unknown,
        }
    }

    /// Another number tells that it was unhealthy since.
    pub(crate) fn falls(&self) -> u32 {
        self.falls.load(Ordering::Relaxed)
    }

    pub(crate) fn failure(&self) -> Option<Arc<String>> {
        self.failure.load_full()
    }

    /// Puts what a check found in place: what it was before.
    pub(crate) fn put(&self, health: Health, failure: Option<String>) -> Health {
        let before = self.now();
        self.failure.store(failure.map(Arc::new));
        if health == Health::Unhealthy && before != health {
            self.falls.fetch_add(1, Ordering::Relaxed);
        }
        self.now.store(health as u8, Ordering::Relaxed);
        before
    }
}

/// What the endpoints of an upstream have in common in matters of health. It goes on over reloads for as long as the upstream has
/// its name.
#[derive(Debug)]
pub(crate) struct HealthShared {
    /// The name of the upstream.
    pub(crate) name: Arc<str>,
    /// How many of its endpoints are ejected.
    ejected: AtomicUsize,
    /// How often one was.
    pub(crate) ejections: SharedCounter,
    /// Checks that passed.
    pub(crate) passed: SharedCounter,
    /// Checks that failed.
    pub(crate) failed: SharedCounter,
}

impl HealthShared {
    pub(crate) fn new(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            ejected: AtomicUsize::new(0),
            ejections: SharedCounter::new(),
            passed: SharedCounter::new(),
            failed: SharedCounter::new(),
        }
    }

    /// Takes a place among the ejected, of which there may be `most`.
    pub(crate) fn take_place(&self, most: usize) -> bool {
        let more = |ejected: usize| (ejected < most).then_some(ejected + 1);
        self.ejected.try_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(crate) fn give_place_back(&self) {
        self.ejected.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many are ejected.
    pub(crate) fn ejected(&self) -> usize {
        self.ejected.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn rules(unhealthy_after: u32, healthy_after: u32) -> HealthCheck {
        HealthCheck {
            kind: CheckKind::Tcp,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            unhealthy_after,
            healthy_after,
            jitter: 0,
            port: None,
        }
    }

    /// The health after all of these checks, from the whole of what happened.
    fn looked_up(checks: &[bool], rules: &HealthCheck) -> Health {
        let mut health = Health::Unknown;
        // Checks before this one have been reckoned with.
        let mut from = 0;
        for upto in 1..=checks.len() {
            let last = checks[upto - 1];
            let alike = checks[from..upto].iter().rev().take_while(|check| **check == last).count();
            let (says, needed) = if last {
                (Health::Healthy, if health == Health::Unhealthy { rules.healthy_after } else { 1 })
            } else {
                (Health::Unhealthy, rules.unhealthy_after)
            };
            if says != health && alike >= needed as usize {
                (health, from) = (says, upto);
            }
        }
        health
    }

    proptest! {
        #[test]
        fn health_changes_after_so_many_checks_in_a_row(
            checks in prop::collection::vec(any::<bool>(), 0..60),
            unhealthy_after in 1..5_u32,
            healthy_after in 1..5_u32,
        ) {
            let rules = rules(unhealthy_after, healthy_after);
            let (mut row, mut health) = (Row::default(), Health::Unknown);
            for (at, &passed) in checks.iter().enumerate() {
                health = row.note(health, passed, &rules);
                prop_assert_eq!(health, looked_up(&checks[..=at], &rules));
            }
        }
    }

    #[test]
    fn a_fall_is_seen_also_when_it_is_over() {
        let health = EndpointHealth::default();
        assert_eq!((health.now(), health.falls()), (Health::Unknown, 0));
        assert_eq!(health.put(Health::Unhealthy, Some("gone".to_owned())), Health::Unknown);
        assert!(health.is_unhealthy());
        health.put(Health::Unhealthy, Some("still gone".to_owned()));
        assert_eq!(health.failure().as_deref().map(String::as_str), Some("still gone"));
        assert_eq!(health.put(Health::Healthy, None), Health::Unhealthy);
        assert_eq!((health.now(), health.falls(), health.failure()), (Health::Healthy, 1, None));
    }
}
