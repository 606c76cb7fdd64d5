//! What counters and entries are found by: the place that they belong to, and a value there.
//! How it is written in a server is the business of the store.

/// What keys belong to: one policy where it is written, or one feature. Stores keep scopes apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name, readable in a server: `limit:global/rate_limit`. It stays the same over reloads and is the same on all replicas.
    pub name: Box<str>,
    /// Whether what is counted here must outlive the process, and be listed by key: quotas. Others may be forgotten where memory is short.
    pub is_durable: bool,
    /// Of the name, so that it is not hashed for each request.
    seed: u64,
}

impl Scope {
    /// A scope of what may be forgotten.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self::named(name.into(), false)
    }

    /// A scope of what is to be kept.
    pub fn durable(name: impl Into<Box<str>>) -> Self {
        Self::named(name.into(), true)
    }

    fn named(name: Box<str>, is_durable: bool) -> Self {
        let seed = checksum(name.as_bytes());
        Self { name, is_durable, seed }
    }

    /// A number for the name, the same in every process. Names are written by users: nobody makes two meet.
    pub(crate) const fn seed(&self) -> u64 {
        self.seed
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

/// FNV-1a of 64 bits: tells names apart, and a file that was cut off from one that is whole. No defence against who means it.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}
