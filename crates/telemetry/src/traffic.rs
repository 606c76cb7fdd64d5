//! What a worker counts of how traffic is steered: for a variant of a split, for a mirror, for a route that degrades.
//!
//! Every field is written by the worker that owns the shard, and by nobody else.

use crate::counter::Counter;
use crate::series::Shard;
use crate::shard::StatusClass;

/// One variant of a route.
#[derive(Debug, Default)]
pub struct VariantShard {
    requests: [Counter; StatusClass::ALL.len()],
}

impl VariantShard {
    /// Requests of the variant that ended with this status code; 0 when the client was gone before an answer was sent.
    pub fn requests(&self, status: u16) -> &Counter {
        self.of_class(StatusClass::of(status))
    }

    pub(crate) fn of_class(&self, class: StatusClass) -> &Counter {
        &self.requests[class as usize]
    }
}

impl Shard for VariantShard {
    const LINES: u64 = StatusClass::ALL.len() as u64;
}

/// One upstream as a mirror.
#[derive(Debug, Default)]
pub struct MirrorShard {
    copies: [Counter; MirrorResult::ALL.len()],
}

impl MirrorShard {
    /// Requests that were to be copied, by what became of the copy.
    pub fn copies(&self, result: MirrorResult) -> &Counter {
        &self.copies[result as usize]
    }
}

impl Shard for MirrorShard {
    const LINES: u64 = MirrorResult::ALL.len() as u64;
}

/// What became of a copy: the label `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorResult {
    /// It was answered, with whatever status.
    Answered,
    /// It could not be sent, or was not answered in time.
    Failed,
    /// Too many copies were under way.
    Dropped,
    /// The request's body was larger than may be copied.
    TooLarge,
    /// The request ended before its body was whole.
    Incomplete,
}

impl MirrorResult {
    /// Every result, in the order of its numbers.
    pub const ALL: [Self; 5] =
        [Self::Answered, Self::Failed, Self::Dropped, Self::TooLarge, Self::Incomplete];

    /// The word in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
        }
    }
}

/// One route that degrades.
#[derive(Debug, Default)]
pub struct DegradedShard {
    answers: [Counter; DegradedBy::ALL.len()],
}

impl DegradedShard {
    /// Answers in place of a service that failed, by where they came from.
    pub fn answers(&self, by: DegradedBy) -> &Counter {
        &self.answers[by as usize]
    }
}

impl Shard for DegradedShard {
    const LINES: u64 = DegradedBy::ALL.len() as u64;
}

/// What stands in for a service that fails: the label `by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DegradedBy {
    /// An answer that was kept.
    Cache,
    /// Another service.
    Upstream,
    /// A fixed answer.
    Default,
}

impl DegradedBy {
    /// Every kind, in the order of its numbers.
    pub const ALL: [Self; 3] = [Self::Cache, Self::Upstream, Self::Default];

    /// The word in metrics, logs and `X-Degraded`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Upstream => "upstream",
            Self::Default => "default",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_stands_where_its_number_says() {
        assert!(MirrorResult::ALL.iter().enumerate().all(|(at, result)| *result as usize == at));
        assert!(DegradedBy::ALL.iter().enumerate().all(|(at, by)| *by as usize == at));
    }
}
