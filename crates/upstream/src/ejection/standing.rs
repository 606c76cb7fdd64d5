//! How an endpoint stands with those who send requests to it, in one number: its failures in a row, whether it is ejected and
//! until when, and how long the next ejection takes. Nothing here has a clock, or knows of other endpoints.

use super::OutlierDetection;

/// How an endpoint stands. Times are milliseconds since a first instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Failures since the last try that was none; no more than eject.
    row: u16,
    /// How often the time of the next ejection is doubled.
    doublings: u8,
    /// Whether it is ejected.
    pub(super) is_ejected: bool,
    /// Whether it is no longer one of the upstream's: of those only requests that are under way tell, and nobody would end an
    /// ejection.
    is_gone: bool,
    /// If it is ejected, until when; else, where there are doublings, since when none was taken back.
    at: u64,
}

const DOUBLINGS_AT: u32 = 16;
const EJECTED_AT: u32 = 24;
const GONE_AT: u32 = 25;
const TIME_AT: u32 = 26;
/// 8 years.
const LATEST: u64 = (1 << (64 - TIME_AT)) - 1;

impl Standing {
    /// The number of one that is gone.
    pub(super) const GONE: u64 = 1 << GONE_AT;

    /// The number; 0 where nothing is wrong.
    pub(super) fn pack(self) -> u64 {
        u64::from(self.row)
            | u64::from(self.doublings) << DOUBLINGS_AT
            | u64::from(self.is_ejected) << EJECTED_AT
            | u64::from(self.is_gone) << GONE_AT
            | self.at.min(LATEST) << TIME_AT
    }

    /// What a number stands for.
    #[expect(clippy::cast_possible_truncation, reason = "each part is cut out of the number")]
    pub(super) fn unpack(number: u64) -> Self {
        Self {
            row: number as u16,
            doublings: (number >> DOUBLINGS_AT) as u8,
            is_ejected: Self::is_ejected_in(number),
            is_gone: number & Self::GONE != 0,
            at: number >> TIME_AT,
        }
    }

    /// Whether a number tells of an ejection.
    #[inline]
    pub(super) fn is_ejected_in(number: u64) -> bool {
        number & (1 << EJECTED_AT) != 0
    }

    /// How much longer it is ejected at `now`: nothing where it is not, or the time is over.
    pub(super) fn left(self, now: u64) -> Option<u64> {
        Some(self.at.saturating_sub(now)).filter(|left| self.is_ejected && *left > 0)
    }

    /// After its ejection.
    pub(super) fn returned(self) -> Self {
        Self { row: 0, is_ejected: false, ..self }
    }

    /// After a try at `now` that was no failure.
    pub(super) fn succeeded(self, now: u64, rules: &OutlierDetection) -> Self {
        if self.learns_nothing() { self } else { Self { row: 0, ..self.served(now, rules) } }
    }

    /// After a try at `now` that was one, and whether it was one too many.
    pub(super) fn failed(self, now: u64, rules: &OutlierDetection) -> (Self, bool) {
        if self.learns_nothing() {
            return (self, false);
        }
        let row = self.row.saturating_add(1).min(rules.consecutive_errors);
        (Self { row, ..self.served(now, rules) }, row >= rules.consecutive_errors)
    }

    /// Whether tries change nothing: it is out already.
    fn learns_nothing(self) -> bool {
        self.is_ejected || self.is_gone
    }

    /// Ejected at `now`: for how long, too.
    pub(super) fn ejected(self, now: u64, rules: &OutlierDetection) -> (Self, u64) {
        let (first, most) = rules.times();
        let wanted = first.saturating_mul(1 << self.doublings.min(63));
        let lasts = wanted.min(most);
        let doublings = self.doublings + u8::from(wanted < most);
        (Self { row: 0, doublings, is_ejected: true, at: now.saturating_add(lasts), ..self }, lasts)
    }

    /// With the doublings taken back that it has served off until `now`: one for each time of a first ejection.
    fn served(self, now: u64, rules: &OutlierDetection) -> Self {
        if self.doublings == 0 {
            return Self { at: 0, ..self };
        }
        let (first, _) = rules.times();
        let served = now.saturating_sub(self.at) / first;
        match u8::try_from(served) {
            Ok(served) if served < self.doublings => {
                Self { doublings: self.doublings - served, at: self.at + u64::from(served) * first, ..self }
            }
            _ => Self { doublings: 0, at: 0, ..self },
        }
    }
}

#[cfg(test)]
mod tests;
