//! Where values come from, and so what has to be there before they can be told.
//! Policies choose their phase by it, and the compiler refuses what a place cannot have.

/// What has to be there before a value can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The request's head, and its client.
    Request,
    /// The route that was chosen, with its path parameters.
    Route,
    /// Who the caller is: consumers and claims.
    Identity,
    /// The upstream that was chosen.
    Upstream,
    /// A body, of the request or the response, buffered.
    Body,
    /// The answers of an aggregate's parts.
    Parts,
    /// The response's head.
    Response,
    /// An error that the gateway answers.
    Error,
    /// The clock.
    Clock,
}

/// A set of [`Source`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sources(u16);

impl Sources {
    /// Whether `source` is among them.
    pub fn contains(self, source: Source) -> bool {
        self.0 & Self::bit(source) != 0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(source: Source) -> u16 {
        1 << source as u16
    }
}

impl FromIterator<Source> for Sources {
    fn from_iter<T: IntoIterator<Item = Source>>(sources: T) -> Self {
        Self(sources.into_iter().fold(0, |bits, source| bits | Self::bit(source)))
    }
}
