//! Every limit of size and time that a connection obeys, in one place.
//! The sizes act here; the times are set by whoever polls a connection.

use std::time::Duration;

/// Limits of what a client may send, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head: request line, fields and the line ends between them. Larger: 431.
    pub head: usize,
    /// Fields in a head, or in the trailers. More: 431.
    pub fields: usize,
    /// Bytes of a request target. Longer: 414.
    pub uri: usize,
    /// Time from the first byte of a head to its last. Longer: 408.
    pub head_timeout: Duration,
    /// Time that a connection may wait for the next request. Longer: closed without a word.
    pub idle_timeout: Duration,
    /// Bytes per second that a body must bring, or take, while the gateway waits for the client.
    pub body_rate: u64,
    /// Time that a slow client gets before [`body_rate`](Self::body_rate) counts.
    pub body_grace: Duration,
    /// Bytes of a body that a policy may hold in memory. Larger: 413.
    pub buffered_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 32 << 10,
            fields: 100,
            uri: 8 << 10,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            body_rate: 1 << 10,
            body_grace: Duration::from_secs(10),
            buffered_body: 8 << 20,
        }
    }
}

/// The largest section of trailers with its empty line.
pub(crate) const MAX_TRAILER_BYTES: usize = 16 << 10;
