//! Ends of tries as users list them, into the sets that crate upstream goes by.
//! Health, breakers, retries and what stands in for a service all list them.

use maitred_config::TryEnd;
use maitred_upstream::{ResultSet, TryResult};

/// The ends of a try that are listed.
pub(super) fn results(listed: &[TryEnd]) -> ResultSet {
    listed.iter().fold(ResultSet::default(), |set, end| match end {
        TryEnd::ConnectFailure => set.with(TryResult::ConnectFailure),
        TryEnd::Reset => set.with(TryResult::Reset),
        TryEnd::Timeout => set.with(TryResult::Timeout),
        TryEnd::Status(statuses) => statuses.clone().fold(set, ResultSet::with_status),
    })
}
