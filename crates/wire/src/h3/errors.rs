//! What the libraries say went wrong, in the words of this crate: who ended what, and whether a peer broke the rules.
//! What is answered and what is logged is decided above.

use ::h3::error::{Code, ConnectionError, StreamError};
use ::h3::quic::ConnectionErrorIncoming;
use quinn::{StoppedError, VarInt};

use crate::error::{Broken, Refusal, Reset, ResetBy};

/// What `h3` may hold of a stream is full, and it wants more: a frame larger than any that makes sense.
pub(super) const TOO_LARGE: Refusal = Refusal::Bad("a frame is larger than it may be");

/// Of a client that has used up a budget.
pub(super) const WORN_OUT: Reset = Reset {
    code: Reset::H3_EXCESSIVE_LOAD,
    by: ResetBy::Gateway,
    is_connection: true,
    is_unprocessed: false,
};

/// Why a stream broke. Where the client broke the rules, the message is refused, as a malformed one of HTTP/1.1 is.
pub(super) fn of_stream(error: StreamError) -> Broken {
    match error {
        StreamError::RemoteTerminate { code, .. } => by_peer(code.value(), false).into(),
        StreamError::ConnectionError { 0: error, .. } => of_connection(error),
        StreamError::HeaderTooBig { .. } => Refusal::HeadTooLarge.into(),
        StreamError::StreamError { code: Code::H3_REQUEST_INCOMPLETE, .. } => Broken::Truncated,
        StreamError::StreamError { .. } => Refusal::Bad("the client broke the rules of HTTP/3").into(),
        _ => Broken::Truncated,
    }
}

/// Why a connection ended.
pub(super) fn of_connection(error: ConnectionError) -> Broken {
    use std::io::{Error, ErrorKind};
    match error {
        ConnectionError::Remote { 0: error, .. } => match error {
            ConnectionErrorIncoming::ApplicationClose { error_code } => by_peer(error_code, true).into(),
            ConnectionErrorIncoming::Timeout => Broken::Io(ErrorKind::TimedOut.into()),
            ConnectionErrorIncoming::Undefined(error) => {
                Broken::Io(Error::new(ErrorKind::ConnectionAborted, error.to_string()))
            }
            ConnectionErrorIncoming::InternalError(error) => Broken::Io(Error::other(error)),
        },
        ConnectionError::Timeout { .. } => Broken::Io(ErrorKind::TimedOut.into()),
        _ => Refusal::Bad("the client broke the rules of HTTP/3").into(),
    }
}

/// Why a connection of QUIC ended that nobody waits for an exchange on; nothing where all is well.
pub(super) fn of_close(error: quinn::ConnectionError) -> Result<(), Broken> {
    match error {
        quinn::ConnectionError::ApplicationClosed(close)
            if close.error_code.into_inner() != Code::H3_NO_ERROR.value() =>
        {
            Err(by_peer(close.error_code.into_inner(), true).into())
        }
        quinn::ConnectionError::ApplicationClosed(_) | quinn::ConnectionError::LocallyClosed => Ok(()),
        error => Err(Broken::Io(error.into())),
    }
}

/// Why a client no longer waits for its answer; nothing where it has all of it.
pub(super) fn of_stop(stopped: Result<Option<VarInt>, StoppedError>) -> Option<Broken> {
    match stopped {
        Ok(code) => code.map(|code| by_peer(code.into_inner(), false).into()),
        Err(StoppedError::ConnectionLost(error)) => Some(Broken::Io(error.into())),
        Err(_) => Some(Broken::Truncated),
    }
}

fn by_peer(code: u64, is_connection: bool) -> Reset {
    let code = u32::try_from(code).unwrap_or(u32::MAX);
    Reset { code, by: ResetBy::Peer, is_connection, is_unprocessed: false }
}
