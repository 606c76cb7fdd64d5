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
    /// What HTTP/2 needs limits of its own for.
    pub http2: Http2Limits,
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
            http2: Http2Limits::default(),
        }
    }
}

/// Limits of one connection of HTTP/2, on either side of the gateway. [`Limits::head`] is announced as the largest header
/// list, and bounds the CONTINUATION frames of one head too: a quarter more of them than it needs, and at least five.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    /// Streams that a peer may have open at once (`SETTINGS_MAX_CONCURRENT_STREAMS`), and requests of one connection that
    /// are served at once, also of those whose client has reset its stream. More: `REFUSED_STREAM`. At least 1. Default: 128.
    pub streams: u32,
    /// Bytes of a body that a peer may send ahead of whom it is for (`SETTINGS_INITIAL_WINDOW_SIZE`). At most 2^31 - 1.
    /// Default: 64 KiB.
    pub stream_window: u32,
    /// The same for all bodies of a connection together. From 65,535, which RFC 9113 section 6.9.2 sets, to 2^31 - 1.
    /// Default: 1 MiB.
    pub connection_window: u32,
    /// Bytes of a body that wait to be written to the peer; the source of the body waits for more room. Default: 64 KiB.
    pub stream_unsent: usize,
    /// The same for all bodies of a connection together. Default: 1 MiB.
    pub connection_unsent: usize,
    /// Streams that a client has reset again before they could be looked at (rapid reset, CVE-2023-44487). More:
    /// `ENHANCE_YOUR_CALM`. Default: 20.
    pub unseen_resets: usize,
    /// Requests that a client may cancel in one interval, beyond as many as it let be answered: see
    /// [`ServerConnection::renew`](crate::h2::ServerConnection::renew). More: `ENHANCE_YOUR_CALM`. Default: 256.
    pub cancels: u32,
    /// Streams that a peer may have the gateway reset, by breaking the protocol (`MadeYouReset`, CVE-2025-8671) or by opening
    /// more than it may, in the life of a connection. More: `ENHANCE_YOUR_CALM`. Default: 1024.
    pub forced_resets: usize,
    /// Streams that the gateway has reset and remembers for a second, for frames that were on their way. Default: 50.
    pub remembered_resets: usize,
    /// Frames in one interval that bring no request and no body: SETTINGS, PING, PRIORITY, `WINDOW_UPDATE`, `RST_STREAM`,
    /// CONTINUATION, HEADERS of streams beyond the limit, empty DATA, unknown ones. Each request earns eight, and each
    /// 2 KiB that the peer was sent one. More: `ENHANCE_YOUR_CALM`. Default: 1024.
    pub control_frames: u32,
    /// Bytes by which DATA frames that nobody has read yet may fall short of 256 each: small frames cost more memory than
    /// they carry. More: `ENHANCE_YOUR_CALM`. Default: 512 KiB, which is some two thousand frames of one byte. Of empty frames
    /// the library takes a hundred in the life of a connection.
    pub small_frames: usize,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            streams: 128,
            stream_window: 64 << 10,
            connection_window: 1 << 20,
            stream_unsent: 64 << 10,
            connection_unsent: 1 << 20,
            unseen_resets: 20,
            cancels: 256,
            forced_resets: 1024,
            remembered_resets: 50,
            control_frames: 1024,
            small_frames: 512 << 10,
        }
    }
}

/// The largest section of trailers with its empty line.
pub(crate) const MAX_TRAILER_BYTES: usize = 16 << 10;
