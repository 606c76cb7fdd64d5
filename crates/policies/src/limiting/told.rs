//! What clients are told of limits: in fields of every answer, and in those of a refusal.
//! Of all policies that count a request, one tells for each kind of limit.

use std::cmp::Reverse;
use std::fmt::Display;
use std::time::Duration;

use maitred_config::config_words;
use maitred_http::Fields;
use maitred_policy::{Closeness, Fault, ToldLimits};
use maitred_store::{Decision, Limit, Moment, Standing};

use super::limit;

config_words! {
    /// The fields in which clients are told how a limit stands.
    pub enum HeaderStyle {
        /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (Unix seconds); of quotas `X-Quota-…`.
        X = "x",
        /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
        Ietf = "ietf",
    }
}

/// Over what time a limiter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Short times.
    Rate,
    /// Long times, in windows of the calendar.
    Quota,
}

/// How a limit stood when it counted a request: the one that was closest to refusing it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    class: Class,
    pub(super) closeness: Closeness,
    limit: u64,
    window: Option<u64>,
    /// When all of it is there again, in seconds since 1970.
    reset_at: u64,
}

impl Class {
    /// The word for logs and metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate_limit",
            Self::Quota => "quota",
        }
    }

    /// The answer to one that comes too many, and is not refused after this time.
    pub(super) fn refuse(self, wait: Duration) -> Fault {
        let detail = match self {
            Self::Rate => "Rate limit exceeded",
            Self::Quota => "Quota exceeded",
        };
        // Rounded up: a client that waits as long as it is told is let through.
        let seconds = whole_seconds(wait).max(1).to_string();
        Fault::client(429, self.word(), detail).field(b"Retry-After", seconds.as_bytes())
    }

    /// The one that is told of this class in these fields.
    fn of(self, style: HeaderStyle, told: &mut ToldLimits) -> &mut Option<Closeness> {
        match (style, self) {
            (HeaderStyle::X, Self::Rate) => &mut told.rate,
            (HeaderStyle::X, Self::Quota) => &mut told.quota,
            // One field for all.
            (HeaderStyle::Ietf, _) => &mut told.ietf,
        }
    }
}

impl Told {
    /// That of the limit that is closest to refusing. `whose` tells it from those of other policies.
    pub(super) fn new(
        class: Class,
        limits: &[Limit],
        decision: &Decision,
        now: Moment,
        whose: usize,
    ) -> Option<Self> {
        let closeness = |standing: &Standing| Closeness {
            is_allowed: decision.is_allowed || standing.retry == Some(Duration::ZERO),
            remaining: standing.remaining,
            reset: Reverse(standing.reset),
            whose,
        };
        let all = limits.iter().zip(&decision.standings);
        let (limit, standing) = all.min_by_key(|(_, standing)| closeness(standing))?;
        let reset_at = whole_seconds(Duration::from_micros(now.wall).saturating_add(standing.reset));
        Some(Self {
            class,
            closeness: closeness(standing),
            limit: limit::capacity(limit),
            window: limit::seconds(limit),
            reset_at,
        })
    }

    /// Notes it among those that may be told.
    pub(super) fn note(&self, style: HeaderStyle, told: &mut ToldLimits) {
        let closest = self.class.of(style, told);
        *closest = Some(closest.map_or(self.closeness, |other| other.min(self.closeness)));
    }

    /// Writes it into an answer, if it is the one to be told. What a service says there of limits of its own goes.
    pub(super) fn write(&self, style: HeaderStyle, mut told: ToldLimits, fields: &mut Fields) {
        if *self.class.of(style, &mut told) != Some(self.closeness) {
            return;
        }
        let remaining = self.closeness.remaining;
        match style {
            HeaderStyle::X => {
                let [limit_name, remaining_name, reset_name] = match self.class {
                    Class::Rate => ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"],
                    Class::Quota => ["X-Quota-Limit", "X-Quota-Remaining", "X-Quota-Reset"],
                };
                set(fields, limit_name, self.limit);
                set(fields, remaining_name, remaining);
                set(fields, reset_name, self.reset_at);
            }
            HeaderStyle::Ietf => {
                let name = self.class.word();
                let window = self.window.map(|window| format!(";w={window}")).unwrap_or_default();
                set(fields, "RateLimit-Policy", format_args!("\"{name}\";q={}{window}", self.limit));
                let reset = whole_seconds(self.closeness.reset.0);
                set(fields, "RateLimit", format_args!("\"{name}\";r={remaining};t={reset}"));
            }
        }
    }
}

/// In how long all limits allow what some have refused.
pub(super) fn wait(decision: &Decision) -> Duration {
    let refused = decision.standings.iter().filter(|standing| standing.retry != Some(Duration::ZERO));
    refused.map(|standing| standing.retry.unwrap_or(standing.reset)).max().unwrap_or_default()
}

fn set(fields: &mut Fields, name: &str, value: impl Display) {
    fields.remove_bytes(name.as_bytes());
    fields.append_bytes(name.as_bytes(), value.to_string().as_bytes());
}

/// Rounded up.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
