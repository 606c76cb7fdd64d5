//! When a certificate is ordered, renewed, and tried again: pure, with time and chance passed in.
//! Nothing is asked or ordered here; `keep` does what this says is due.

use std::time::{Duration, SystemTime};

use maitred_net::CertificateSummary;

/// The next kind of challenge is tried soon after one failed.
const NEXT_CHALLENGE: Duration = Duration::from_secs(3);
/// Pauses after the authority could not be reached, or had a fault: the first, and the longest. Each is twice as long.
const UNREACHABLE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_hours(1), 2);
/// Pauses after it refused: each is four times as long. Authorities count: Let's Encrypt takes five failed proofs of a
/// name in an hour.
const REFUSED: (Duration, Duration, u32) = (Duration::from_mins(15), Duration::from_hours(12), 4);
/// The longest pause that an authority may ask for, and the longest that there is at all.
pub(super) const LONGEST_WISH: Duration = Duration::from_hours(24);
/// How often an authority is asked when to renew, whatever it wishes (RFC 9773 section 4.3.2).
const ASK: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(24));
/// When it is asked again that did not answer.
const ASK_LATER: Duration = Duration::from_hours(6);
/// No two orders for the same names follow each other faster, whatever the authority says of renewals: the second, or a tenth
/// of the certificate's life if that is less, but never less than the first.
const BETWEEN_ORDERS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(24));

/// What kind of trouble an order has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The authority could not be asked, or has a fault of its own.
    Unreachable,
    /// The authority is not done yet with what it was asked for.
    Unfinished,
    /// A name was not proved.
    Challenge,
    /// The authority does not want to, or what it did is of no use.
    Refused,
}

/// When an authority wants a certificate renewed (RFC 9773 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
}

/// What is to be done for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Order one.
    Order,
    /// Ask the authority when to renew.
    Ask,
    /// Nothing before this time.
    Wait(SystemTime),
}

/// Pauses after failures: of one certificate, or of an account with all that it orders.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// How often in a row the authority refused, or nothing proved a name.
    refusals: u32,
    /// How often in a row it could not be reached, or was not done.
    waits: u32,
    /// Nothing is tried before.
    until: Option<SystemTime>,
}

impl Backoff {
    /// Until when nothing is tried.
    pub(super) fn until(&self, now: SystemTime) -> Option<SystemTime> {
        ahead(self.until, now)
    }

    /// Notes a failure, and when the authority wants to be asked again. `random` is from 0 to 1. Answers when the next try is.
    pub(super) fn failed(
        &mut self,
        trouble: Trouble,
        wish: Option<Duration>,
        now: SystemTime,
        random: f64,
    ) -> SystemTime {
        let pause = if matches!(trouble, Trouble::Unreachable | Trouble::Unfinished) {
            grown(UNREACHABLE, &mut self.waits)
        } else {
            self.waits = 0;
            grown(REFUSED, &mut self.refusals)
        };
        self.pause(pause, wish, now, random)
    }

    /// The next try may be now: somebody wants it.
    pub(super) fn try_now(&mut self) {
        self.until = None;
    }

    fn pause(&mut self, pause: Duration, wish: Option<Duration>, now: SystemTime, random: f64) -> SystemTime {
        let pause = pause.mul_f64(0.8 + 0.4 * random).max(wish.unwrap_or_default()).min(LONGEST_WISH);
        *self.until.insert(now + pause)
    }
}

/// How far a certificate is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many challenges have failed: says which is next, and after a success, which to begin with.
    challenges: usize,
    backoff: Backoff,
    /// No order follows the last one before, which succeeded.
    not_before: Option<SystemTime>,
    window: Option<Window>,
    renew_at: Option<SystemTime>,
    ask_at: Option<SystemTime>,
}

impl Progress {
    /// What is to be done now, if this is the certificate that is shown.
    pub(super) fn step(&self, certificate: Option<&CertificateSummary>, now: SystemTime) -> Step {
        let order = || match self.backoff.until(now).max(ahead(self.not_before, now)) {
            Some(not_before) => Step::Wait(not_before),
            None => Step::Order,
        };
        if certificate.is_none() {
            return order();
        }
        let (Some(renew_at), Some(ask_at)) = (self.renew_at, ahead(self.ask_at, now)) else {
            return Step::Ask;
        };
        match if renew_at <= now { order() } else { Step::Wait(renew_at) } {
            Step::Wait(until) => Step::Wait(until.min(ask_at)),
            step => step,
        }
    }

    /// Which of so many challenges is tried next.
    pub(super) fn challenge(&self, of: usize) -> usize {
        self.challenges % of.max(1)
    }

    /// Whether the authority has said when to renew, so that an order may name what it replaces.
    pub(super) fn has_window(&self) -> bool {
        self.window.is_some()
    }

    /// When it is renewed, as far as that is known.
    pub(super) fn renew_at(&self) -> Option<SystemTime> {
        self.renew_at
    }

    /// Notes what the authority says of renewal: the window, or none where it says nothing, and when to ask again. The time
    /// within a window is chosen by chance, once (RFC 9773 section 4.2); without one, two thirds of the life are over.
    pub(super) fn told(
        &mut self,
        certificate: &CertificateSummary,
        answer: Option<(Window, Duration)>,
        now: SystemTime,
        random: f64,
    ) {
        let pause = answer.map_or(ASK_LATER, |(_, wish)| wish.clamp(ASK.0, ASK.1));
        self.ask_at = Some(now + pause);
        // An authority that does not answer any more has not taken back what it said.
        let window = answer.map(|(window, _)| window).or(self.window);
        if self.renew_at.is_none() || window != self.window {
            self.renew_at = Some(match window {
                Some(Window { start, end }) => {
                    start + end.duration_since(start).unwrap_or_default().mul_f64(random)
                }
                None => certificate.not_before + life(certificate) * 2 / 3,
            });
        }
        self.window = window;
    }

    /// Notes that a certificate was issued. When to renew it is another question, and asked next.
    pub(super) fn issued(&mut self, certificate: &CertificateSummary, now: SystemTime) {
        let (least, most) = BETWEEN_ORDERS;
        let not_before = Some(now + (life(certificate) / 10).clamp(least, most));
        *self = Self { challenges: self.challenges, not_before, ..Self::default() };
    }

    /// Notes that an order failed that could be proved in so many ways, and when the authority wants to be asked again.
    /// `random` is from 0 to 1. Answers when the next try is.
    pub(super) fn failed(
        &mut self,
        (trouble, ways): (Trouble, usize),
        wish: Option<Duration>,
        now: SystemTime,
        random: f64,
    ) -> SystemTime {
        self.challenges += usize::from(trouble == Trouble::Challenge);
        let is_left = trouble == Trouble::Challenge && self.challenge(ways) > 0;
        if is_left {
            self.backoff.waits = 0;
            return self.backoff.pause(NEXT_CHALLENGE, wish, now, random);
        }
        self.backoff.failed(trouble, wish, now, random)
    }

    /// Forgets that it failed: somebody wants it tried now.
    pub(super) fn try_now(&mut self) {
        self.backoff.try_now();
        self.ask_at = None;
    }
}

/// A time that is to come. No pause is longer than a day: what is further away was said by a clock that was set since.
fn ahead(time: Option<SystemTime>, now: SystemTime) -> Option<SystemTime> {
    time.filter(|time| *time > now && *time <= now + LONGEST_WISH)
}

/// The pause after so many before it: each is so many times as long, up to the longest.
fn grown((first, longest, times): (Duration, Duration, u32), before: &mut u32) -> Duration {
    let pause = first.saturating_mul(times.saturating_pow(*before)).min(longest);
    *before = before.saturating_add(1);
    pause
}

fn life(certificate: &CertificateSummary) -> Duration {
    certificate.not_after.duration_since(certificate.not_before).unwrap_or_default()
}

#[cfg(test)]
mod tests;
