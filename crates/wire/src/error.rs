//! What can go wrong on the wire: a peer that must be refused, or a connection that broke.
//! What to answer, and what to log, is decided above.

use std::{fmt, io};

/// Why a message is refused: the status that says it, and a text for people. A connection of HTTP/1 is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not HTTP, or HTTP that could be read in two ways.
    Bad(&'static str),
    /// The request target is longer than the limit.
    UriTooLong,
    /// The head is larger than the limit.
    HeadTooLarge,
    /// The head has more fields than the limit.
    TooManyFields,
    /// A major version of HTTP that this listener does not speak.
    Version,
    /// CONNECT and TRACE: a gateway opens no tunnels and echoes no credentials (RFC 9110 sections 9.3.6 and 9.3.8).
    Method,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    Expectation,
}

impl Refusal {
    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::Bad(_) => 400,
            Self::UriTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::Version => 505,
            Self::Method => 405,
            Self::Expectation => 417,
        }
    }

    /// What was wrong, for logs and for whoever wrote the client.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad(text) => text,
            Self::UriTooLong => "the request target is too long",
            Self::HeadTooLarge => "the head is too large",
            Self::TooManyFields => "the head has too many fields",
            Self::Version => "this version of HTTP is not spoken here",
            Self::Method => "CONNECT and TRACE are not served",
            Self::Expectation => "only the expectation 100-continue can be met",
        }
    }
}

/// Why a connection cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// The peer sent what must be refused.
    Refused(Refusal),
    /// The peer closed the connection in the middle of a message.
    Truncated,
    /// The connection failed, or its stream was reset: [`Broken::reset`] tells the two apart.
    Io(io::Error),
}

/// A stream of HTTP/2 or HTTP/3, or its whole connection, was ended before its time. It travels as the source of an [`io::Error`] of the
/// kind `ConnectionReset`, so that tunnels can tell it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The error code (RFC 9113 section 7; RFC 9114 section 8.1, whose codes are all others).
    pub code: u32,
    /// Who ended it.
    pub by: ResetBy,
    /// Whether the connection ended, and not this stream alone.
    pub is_connection: bool,
    /// Whether the peer says that it did nothing with the request (`REFUSED_STREAM`, or a GOAWAY that leaves its stream out):
    /// it may be sent again, whatever its method (RFC 9113 section 8.7).
    pub is_unprocessed: bool,
}

/// All is well, in HTTP/3.
const H3_NO_ERROR: u32 = 0x100;

/// Who ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetBy {
    /// The other end.
    Peer,
    /// The gateway, because of what the peer did or because it shuts down.
    Gateway,
}

impl Reset {
    /// The code for what breaks the rules.
    pub const PROTOCOL_ERROR: u32 = 0x1;
    /// The code by which a peer says that it no longer wants the answer.
    pub const CANCEL: u32 = 0x8;
    /// The code for what obeys the rules and wears the other end out.
    pub const ENHANCE_YOUR_CALM: u32 = 0xb;
    /// The same in HTTP/3.
    pub const H3_EXCESSIVE_LOAD: u32 = 0x107;
    /// [`CANCEL`](Self::CANCEL) in HTTP/3.
    pub const H3_REQUEST_CANCELLED: u32 = 0x10c;

    /// Whether the peer merely lost interest: nobody did anything wrong.
    pub fn is_cancel(self) -> bool {
        let is_cancel = matches!(self.code, 0 | Self::CANCEL | H3_NO_ERROR | Self::H3_REQUEST_CANCELLED);
        self.by == ResetBy::Peer && !self.is_connection && is_cancel
    }

    /// The name of the error code.
    pub const fn name(self) -> &'static str {
        match self.code {
            0x0 => "NO_ERROR",
            Self::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            0x2 => "INTERNAL_ERROR",
            0x3 => "FLOW_CONTROL_ERROR",
            0x4 => "SETTINGS_TIMEOUT",
            0x5 => "STREAM_CLOSED",
            0x6 => "FRAME_SIZE_ERROR",
            0x7 => "REFUSED_STREAM",
            Self::CANCEL => "CANCEL",
            0x9 => "COMPRESSION_ERROR",
            0xa => "CONNECT_ERROR",
            Self::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
            0xc => "INADEQUATE_SECURITY",
            0xd => "HTTP_1_1_REQUIRED",
            H3_NO_ERROR => "H3_NO_ERROR",
            0x101 => "H3_GENERAL_PROTOCOL_ERROR",
            0x102 => "H3_INTERNAL_ERROR",
            0x103 => "H3_STREAM_CREATION_ERROR",
            0x104 => "H3_CLOSED_CRITICAL_STREAM",
            0x105 => "H3_FRAME_UNEXPECTED",
            0x106 => "H3_FRAME_ERROR",
            Self::H3_EXCESSIVE_LOAD => "H3_EXCESSIVE_LOAD",
            0x108 => "H3_ID_ERROR",
            0x109 => "H3_SETTINGS_ERROR",
            0x10a => "H3_MISSING_SETTINGS",
            0x10b => "H3_REQUEST_REJECTED",
            Self::H3_REQUEST_CANCELLED => "H3_REQUEST_CANCELLED",
            0x10d => "H3_REQUEST_INCOMPLETE",
            0x10e => "H3_MESSAGE_ERROR",
            0x10f => "H3_CONNECT_ERROR",
            0x110 => "H3_VERSION_FALLBACK",
            _ => "an unknown code",
        }
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.by {
            ResetBy::Peer => "the peer",
            ResetBy::Gateway => "the gateway",
        };
        let what = if self.is_connection { "the connection" } else { "the stream" };
        write!(f, "{who} ended {what}: {}", self.name())
    }
}

impl std::error::Error for Reset {}

impl From<Reset> for io::Error {
    fn from(reset: Reset) -> Self {
        Self::new(io::ErrorKind::ConnectionReset, reset)
    }
}

impl Broken {
    /// How a stream of HTTP/2 was ended, where that is what broke.
    pub fn reset(&self) -> Option<Reset> {
        let Self::Io(error) = self else { return None };
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Refused(refusal) => Self::new(io::ErrorKind::InvalidData, refusal.as_str()),
            Broken::Truncated => io::ErrorKind::UnexpectedEof.into(),
            Broken::Io(error) => error,
        }
    }
}

impl From<Reset> for Broken {
    fn from(reset: Reset) -> Self {
        Self::Io(reset.into())
    }
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => f.write_str(refusal.as_str()),
            Self::Truncated => f.write_str("the connection was closed in the middle of a message"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Broken {}
