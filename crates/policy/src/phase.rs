//! The phases of a pipeline: a closed list in a fixed order, so that nobody has to order policies by hand.
//! Each kind of policy names its own.

use std::cmp::Reverse;
use std::fmt;

/// When a policy runs. The order of the variants is the order of running; inside a phase, policies run as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// May refuse, before anything else: address lists, size limits, the request id, limits that need no identity.
    Screen,
    /// May answer: CORS preflights.
    Preflight,
    /// Attaches an identity, or refuses.
    Identify,
    /// May refuse or delay, knowing who asks.
    Admit,
    /// May answer instead of the service: a cache, a mock.
    Lookup,
    /// Changes the request once, before the action.
    Prepare,
    /// Changes each try, and judges its answer.
    Attempt,
    /// Changes the response on its way up, also one that the gateway made.
    Render,
    /// Observes, once the body has ended.
    Record,
}

impl Phase {
    /// The name that `maitred explain` prints.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Preflight => "preflight",
            Self::Identify => "identify",
            Self::Admit => "admit",
            Self::Lookup => "lookup",
            Self::Prepare => "prepare",
            Self::Attempt => "attempt",
            Self::Render => "render",
            Self::Record => "record",
        }
    }
}

/// The order in which response hooks run, for policies of these phases in the order of their request hooks: the numbers of those that
/// act on what the service said (Lookup, Prepare, Attempt), last first; then of those that render it; then of those that came before a
/// service was asked, and tell of that; then of those that observe. A cache thus keeps answers as the service gave them, one that it gives
/// is rendered like any other, and what renders a service's words takes nothing away of what the gateway says: who may read the answer,
/// limits, cookies of a login.
pub fn rising(phases: impl IntoIterator<Item = Phase>) -> Box<[usize]> {
    let part = |phase| match phase {
        Phase::Lookup | Phase::Prepare | Phase::Attempt => 0,
        Phase::Render => 1,
        Phase::Screen | Phase::Preflight | Phase::Identify | Phase::Admit => 2,
        Phase::Record => 3,
    };
    let mut turns: Vec<_> = phases.into_iter().map(part).enumerate().collect();
    turns.sort_by_key(|&(number, part)| (part, Reverse(number)));
    turns.into_iter().map(|(number, _)| number).collect()
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
