//! For how long an answer is fresh, and how old it is (RFC 9111 section 4.2).
//! What may be used although it is stale is in `entry.rs`.

use maitred_http::{Fields, Known, ResponseHead, list_items};

use crate::control::{ResponseControl, seconds};
use crate::date::{Moment, http_date};

/// The greatest lifetime that is made up from `Last-Modified`: a day (section 4.2.2).
const MOST_HEURISTIC: u64 = 86_400;

/// What the configuration says where a service says nothing. All in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The lifetime of good answers.
    pub ttl: Option<u64>,
    /// The lifetime of refusals that are the same for everybody: 404, 405, 410, 414, 501.
    pub negative_ttl: Option<u64>,
    /// For how much longer a stale one may be used while it is asked for anew.
    pub stale_while_revalidate: u64,
    /// For how much longer in place of an error.
    pub stale_if_error: u64,
    /// Whether `CDN-Cache-Control` counts.
    pub honours_targeted: bool,
    /// Whether the fields with tags are kept with an answer, because clients are to see them.
    pub keeps_tags: bool,
}

/// How fresh an answer is, as a matter of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it came, in microseconds by the steady clock.
    pub(crate) came: u64,
    /// How old it was then, in seconds.
    pub(crate) initial_age: u64,
    /// For how long it is fresh in all, in seconds.
    pub lifetime: u64,
    /// Whether the service said so: otherwise it was made up, by the configuration or from `Last-Modified`.
    pub is_explicit: bool,
}

impl Rules {
    /// What a service says to a cache that is configured so.
    pub fn control(&self, fields: &Fields) -> ResponseControl {
        let control = ResponseControl::read(fields, self.honours_targeted);
        ResponseControl { keeps_tags: self.keeps_tags, ..control }
    }
}

impl Freshness {
    /// The freshness of an answer to a request that was sent at `asked`, and whose head came at `came`. None where nobody says
    /// anything and nothing may be made up.
    pub fn of(
        head: &ResponseHead,
        control: &ResponseControl,
        asked: Moment,
        came: Moment,
        rules: &Rules,
    ) -> Option<Self> {
        let initial_age = initial_age(head, asked, came);
        let explicit = explicit_lifetime(head, control, came);
        let lifetime = explicit.or_else(|| made_up_lifetime(head, control, came, rules))?;
        let is_explicit = explicit.is_some();
        Some(Self { came: came.steady, initial_age, lifetime, is_explicit })
    }

    /// One that is stale from the beginning: to be asked for anew each time.
    pub(crate) fn none(head: &ResponseHead, asked: Moment, came: Moment) -> Self {
        let initial_age = initial_age(head, asked, came);
        Self { came: came.steady, initial_age, lifetime: 0, is_explicit: false }
    }

    /// Whether the service says that it may be used again without asking. `max-age=0` says the contrary.
    pub fn is_promised(&self) -> bool {
        self.is_explicit && self.lifetime > 0
    }

    /// How old the answer is, in seconds (section 4.2.3).
    pub fn age(&self, now: Moment) -> u64 {
        self.initial_age.saturating_add(now.steady.saturating_sub(self.came) / 1_000_000)
    }

    /// For how many seconds it is still fresh; stale for so long where it is negative.
    pub fn ttl(&self, now: Moment) -> i64 {
        let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        signed(self.lifetime).saturating_sub(signed(self.age(now)))
    }

    /// Whether it is fresh (section 4.2): its lifetime is more than its age.
    pub fn is_fresh(&self, now: Moment) -> bool {
        self.lifetime > self.age(now)
    }
}

/// Section 4.2.3, `corrected_initial_age`.
fn initial_age(head: &ResponseHead, asked: Moment, came: Moment) -> u64 {
    let apparent = date(head).map_or(0, |date| came.seconds().saturating_sub(date));
    let delay = came.steady.saturating_sub(asked.steady) / 1_000_000;
    apparent.max(told_age(head).saturating_add(delay))
}

/// What `Age` says: the first member of a list counts, and what is no number does not (section 5.1).
fn told_age(head: &ResponseHead) -> u64 {
    let first = head.fields.known(Known::Age).and_then(|value| list_items(value).next());
    first.and_then(seconds).unwrap_or(0)
}

/// `Date`, where it is one: otherwise the time of receipt takes its place (RFC 9110 section 6.6.1).
fn date(head: &ResponseHead) -> Option<u64> {
    head.fields.known(Known::Date).and_then(http_date)
}

/// Section 4.2.1, without what is made up.
fn explicit_lifetime(head: &ResponseHead, control: &ResponseControl, came: Moment) -> Option<u64> {
    if let Some(lifetime) = control.s_maxage.or(control.max_age) {
        return Some(lifetime);
    }
    if control.is_targeted {
        return None;
    }
    let expires = head.fields.known(Known::Expires)?;
    // What is no date, `0` above all, is in the past (section 5.3).
    let Some(expires) = http_date(expires) else { return Some(0) };
    Some(expires.saturating_sub(date(head).unwrap_or_else(|| came.seconds())))
}

fn made_up_lifetime(
    head: &ResponseHead,
    control: &ResponseControl,
    came: Moment,
    rules: &Rules,
) -> Option<u64> {
    let configured = match head.status {
        200 | 203 | 204 | 300 | 301 | 308 => rules.ttl,
        404 | 405 | 410 | 414 | 501 => rules.negative_ttl,
        _ => None,
    };
    configured.or_else(|| {
        // Section 4.2.2: where the status allows it, or the service says that anybody may have the answer.
        if !is_heuristically_cacheable(head.status) && !control.is_public {
            return None;
        }
        let modified = http_date(head.fields.known(Known::LastModified)?)?;
        let unchanged_for = date(head).unwrap_or_else(|| came.seconds()).saturating_sub(modified);
        Some((unchanged_for / 10).min(MOST_HEURISTIC))
    })
}

/// RFC 9110 section 15.1, without 206, which is not kept.
pub(crate) fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

#[cfg(test)]
mod tests;
