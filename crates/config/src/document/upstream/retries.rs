//! Whether a request is tried again after a try that failed: how often, after which ends, and with what pauses.
//! What a route says takes the place of what its upstream says, field by field.

use std::num::NonZeroU32;
use std::time::Duration;

use super::failures::TryEnd;
use crate::config_map;
use crate::problem::Problem;
use crate::read::{ByteSize, Fields, OneOrMany, Reader, Toggle, default_value};
use crate::scalar::Percent;

config_map! {
    /// When a request is tried again. What may have had an effect is repeated only if its method is idempotent, or if it has an
    /// `Idempotency-Key`.
    #[check = Retries::check]
    pub struct Retries {
        /// How often a request is tried at most, the first time counted.
        #[main]
        attempts: NonZeroU32 = 3,
        /// After which ends of a try: `connect_failure` (nothing was sent, or the service says that it did nothing with it), `reset`,
        /// `timeout`, a status (`503`), or a class of statuses (`5xx`).
        retry_on: OneOrMany<TryEnd> = "[connect_failure, reset, timeout, 502, 503]",
        /// How long is waited before another try; `false`: not at all.
        backoff: Toggle<Backoff> = true,
        /// How large a share of the requests of the last ten seconds may be tried again, beside three for each second; `false`: any.
        budget: Toggle<Percent> = "20%",
        /// How much of a body is kept while it is sent, to send it again. A larger one is not repeated once it was begun.
        buffer: ByteSize = "64KiB",
        /// How long an answer may take to begin before another endpoint is asked as well: the first good answer counts.
        hedge_after: Option<Duration>,
    }
}

config_map! {
    /// How long is waited before another try: a random time, at most `base` before the second try, and at most twice as much before
    /// each one after it.
    #[check = Backoff::check]
    pub struct Backoff {
        /// The longest wait before the second try.
        #[main]
        first as "base": Duration = "50ms",
        /// The longest wait before any try, also where a service names one (`Retry-After`).
        max: Duration = "2s",
    }
}

config_map! {
    /// When a request of this route is tried again. What is not named is as the upstream has it.
    #[check = RouteRetries::check]
    pub struct RouteRetries {
        /// How often a request is tried at most, the first time counted.
        #[main]
        attempts: Option<NonZeroU32>,
        /// After which ends of a try.
        retry_on: Option<OneOrMany<TryEnd>>,
        /// How long is waited before another try; `false`: not at all.
        backoff: Option<Toggle<Backoff>>,
        /// How large a share of the upstream's requests may be tried again; `false`: any.
        budget: Option<Toggle<Percent>>,
        /// How much of a body is kept while it is sent, to send it again.
        buffer: Option<ByteSize>,
        /// How long an answer may take to begin before another endpoint is asked as well; `false`: as long as it likes.
        hedge_after: Option<Toggle<Duration>>,
    }
}

/// As where `retries: true` is written.
impl Default for Retries {
    fn default() -> Self {
        default_value("true")
    }
}

impl Retries {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_no_wait(self.hedge_after, fields, reader);
        refuse_interim(&self.retry_on, fields, reader);
        if self.hedge_after.is_some() && self.attempts.get() == 1 {
            let problem = Problem::warning("`hedge_after` has no effect: one try is all there may be");
            reader.problem(
                problem
                    .label(fields.key_span("hedge_after"), "")
                    .label(fields.key_span("attempts"), "because of this"),
            );
        }
    }

    /// What is in force on a route that says this.
    pub fn laid_over(&self, route: &RouteRetries) -> Self {
        Self {
            attempts: route.attempts.unwrap_or(self.attempts),
            retry_on: route.retry_on.as_ref().unwrap_or(&self.retry_on).clone(),
            backoff: route.backoff.as_ref().unwrap_or(&self.backoff).clone(),
            budget: route.budget.as_ref().unwrap_or(&self.budget).clone(),
            buffer: route.buffer.unwrap_or(self.buffer),
            hedge_after: match &route.hedge_after {
                Some(own) => own.on().copied(),
                None => self.hedge_after,
            },
        }
    }
}

impl Backoff {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.first.is_zero() || self.max.is_zero() {
            let key = if self.first.is_zero() { "base" } else { "max" };
            let problem = Problem::error(format!("`{key}` cannot be zero")).at(fields.value_span(key));
            reader.problem(problem.help("write `backoff: false` to wait for nothing"));
        } else if self.first > self.max {
            let key = if fields.has("base") { "base" } else { "max" };
            let problem = Problem::error("`base` is more than `max`").at(fields.value_span(key));
            reader.problem(problem.help("no wait is longer than `max`: make it the larger one"));
        }
    }
}

impl RouteRetries {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let hedge_after = self.hedge_after.as_ref().and_then(Toggle::on).copied();
        refuse_no_wait(hedge_after, fields, reader);
        if let Some(retry_on) = &self.retry_on {
            refuse_interim(retry_on, fields, reader);
        }
    }
}

/// Refuses to ask two endpoints at once.
fn refuse_no_wait(hedge_after: Option<Duration>, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if hedge_after.is_some_and(|after| after.is_zero()) {
        let problem =
            Problem::error("every request would be sent twice").at(fields.value_span("hedge_after"));
        reader.problem(problem.help("write a time in which nearly all answers begin"));
    }
}

/// Refuses statuses that come before an answer: no try ends with one.
fn refuse_interim(retry_on: &[TryEnd], fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if retry_on.iter().any(|end| matches!(end, TryEnd::Status(codes) if *codes.start() < 200)) {
        let problem = Problem::error("no try ends with a status below 200");
        reader.problem(problem.at(fields.value_span("retry_on")).help("leave it out"));
    }
}
