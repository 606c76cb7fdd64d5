//! How a try ended as far as it tells of the service, and which such ends count: as a failure, or as a reason to try again.
//! What is done about it is decided elsewhere.

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryResult {
    /// It was answered with this status.
    Status(u16),
    /// No connection: refused, unreachable, TLS not agreed on, or not in time. Nothing was sent.
    ConnectFailure,
    /// The connection broke, or what came is no HTTP, before the answer was whole.
    Reset,
    /// The answer, or the rest of it, did not come in time.
    Timeout,
}

/// A set of ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResultSet {
    /// [`TryResult::ConnectFailure`].
    pub connect_failure: bool,
    /// [`TryResult::Reset`].
    pub reset: bool,
    /// [`TryResult::Timeout`].
    pub timeout: bool,
    /// A bit for each status from 0 to 639.
    statuses: [u64; 10],
}

impl ResultSet {
    /// The same set with this end.
    pub fn with(mut self, result: TryResult) -> Self {
        match result {
            TryResult::ConnectFailure => self.connect_failure = true,
            TryResult::Reset => self.reset = true,
            TryResult::Timeout => self.timeout = true,
            TryResult::Status(status) => return self.with_status(status),
        }
        self
    }

    /// The same set with this status.
    pub fn with_status(mut self, status: u16) -> Self {
        if let Some(word) = self.statuses.get_mut(usize::from(status / 64)) {
            *word |= 1 << (status % 64);
        }
        self
    }

    /// Whether it has this end.
    #[inline]
    pub fn has(&self, result: TryResult) -> bool {
        match result {
            TryResult::ConnectFailure => self.connect_failure,
            TryResult::Reset => self.reset,
            TryResult::Timeout => self.timeout,
            TryResult::Status(status) => {
                let word = self.statuses.get(usize::from(status / 64)).copied().unwrap_or_default();
                word & (1 << (status % 64)) != 0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let set = ResultSet { timeout: true, ..ResultSet::default() }.with_status(502).with_status(599);
        for (result, is_in) in [
            (TryResult::Timeout, true),
            (TryResult::Reset, false),
            (TryResult::ConnectFailure, false),
            (TryResult::Status(502), true),
            (TryResult::Status(599), true),
            (TryResult::Status(503), false),
            (TryResult::Status(u16::MAX), false),
        ] {
            assert_eq!(set.has(result), is_in, "{result:?}");
            assert!(set.clone().with(result).has(result) || result == TryResult::Status(u16::MAX));
        }
        assert_eq!(ResultSet::default().with_status(700), ResultSet::default());
    }
}
