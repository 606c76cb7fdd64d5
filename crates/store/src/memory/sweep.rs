//! When a full table is searched for what has ended: not more than once a second, whatever is asked of it,
//! as who fills it would otherwise have it searched for each request.

/// In microseconds.
const EVERY: u64 = 1_000_000;

/// When a table was last searched.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    next: u64,
}

impl Sweep {
    /// Whether it is time, which it then is not for a while.
    pub(super) fn is_due(&mut self, now: u64) -> bool {
        // A time that is far away was told by a clock that has been set back since.
        let is_due = now >= self.next || self.next - now > EVERY;
        if is_due {
            self.next = now.saturating_add(EVERY);
        }
        is_due
    }
}
