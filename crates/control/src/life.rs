//! What the health pages tell: how far the gateway is, and whether its workers live.
//! Written by the operation, read by the admin listener, both on the control runtime.

/// How far the gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No configuration serves yet.
    Starting,
    /// Requests are served.
    Serving,
    /// Nothing new is accepted; what is under way may end.
    Draining,
}

/// What the health pages tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    /// How far the gateway is.
    pub(crate) stage: Stage,
    /// Whether every worker lives.
    pub(crate) is_alive: bool,
    /// What it lacks that serves already, a line each.
    pub(crate) missing: Vec<String>,
}

impl Life {
    /// Before the first configuration serves.
    pub(crate) const START: Self = Self { stage: Stage::Starting, is_alive: true, missing: Vec::new() };
}
