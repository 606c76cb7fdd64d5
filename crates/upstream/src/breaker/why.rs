//! Why a circuit changes, as the log tells it.
//! What changes it is decided in `state` and `window`.

use std::fmt;
use std::time::Duration;

use super::Shares;
use super::window::Counts;
use crate::result::TryResult;

/// Why a circuit changes.
pub(super) enum Why<'a> {
    Failures(u32),
    Failed(Counts, &'a Shares),
    Slow(Counts, &'a Shares),
    Trial(TryResult, Duration),
    Successes(u16),
    Waited,
    Forced,
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures(failures) => write!(f, "{failures} tries in a row failed"),
            Self::Failed(Counts { calls, failures, .. }, shares) => {
                write!(f, "{failures} of the {calls} tries of {:?} failed", shares.window)
            }
            Self::Slow(Counts { calls, slow, .. }, shares) => {
                write!(f, "{slow} of the {calls} tries of {:?} were slow", shares.window)
            }
            Self::Trial(result, took) => match result {
                TryResult::Status(status) => write!(f, "a trial was answered {status} after {took:?}"),
                TryResult::ConnectFailure => f.write_str("a trial found no connection"),
                TryResult::Reset => f.write_str("a trial broke off"),
                TryResult::Timeout => f.write_str("a trial was not answered in time"),
            },
            Self::Successes(successes) => write!(f, "{successes} trials in a row succeeded"),
            Self::Waited => f.write_str("one request at a time is tried"),
            Self::Forced => f.write_str("somebody said so"),
        }
    }
}
