//! The phases of a pipeline: a closed list in a fixed order, so that nobody has to order policies by hand.
//! Each kind of policy names its own.

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

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
