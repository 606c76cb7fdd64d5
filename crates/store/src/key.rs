//! What counters and entries are found by: the place that they belong to, and a value there.

/// What keys belong to: one policy where it is written, or one feature. Stores keep scopes apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name, readable in a server: `limit:global/rate_limit`. It stays the same over reloads and is the same on all replicas.
    pub name: Box<str>,
    /// Whether what is counted here must outlive the process, and be listed by key: quotas. Others may be forgotten where memory is short.
    pub is_durable: bool,
}

impl Scope {
    /// A scope of what may be forgotten.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), is_durable: false }
    }

    /// A scope of what is to be kept.
    pub fn durable(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), is_durable: true }
    }
}

/// A key. Values come from clients and may be of any length and bytes: stores hash what is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// What it belongs to.
    pub scope: &'a Scope,
    /// Which one of the scope: an address, a name.
    pub value: &'a [u8],
}
