//! What can go wrong on the wire: a peer that must be refused, or a connection that broke.
//! What to answer, and what to log, is decided above.

use std::{fmt, io};

/// Why a message is refused: the status that says it, and a text for people. The connection is closed after it.
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
    /// The connection failed.
    Io(io::Error),
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
