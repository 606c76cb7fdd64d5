//! What the library says went wrong, in the words of this crate: who ended what, and whether a request was processed.
//! What is answered and what is logged is decided above.

use ::h2::{Error, Reason};

use crate::error::{Broken, Refusal, Reset, ResetBy};

/// Of a peer that has used up a budget.
pub(super) const WORN_OUT: Reset = Reset {
    code: Reset::ENHANCE_YOUR_CALM,
    by: ResetBy::Gateway,
    is_connection: true,
    is_unprocessed: false,
};

/// Why a stream broke.
///
/// Where the peer broke the rules, be it on this stream or on its connection, the message is refused, as a malformed one of
/// HTTP/1.1 is: who logs it can tell that from a peer that went away or changed its mind.
pub(super) fn of_stream(error: Error) -> Broken {
    match error.reason() {
        Some(_) if error.is_library() => Refusal::Bad("the peer broke the rules of HTTP/2").into(),
        Some(reason) => reset(&error, reason).into(),
        None => of_io(error),
    }
}

/// Why a connection ended.
pub(super) fn of_connection(error: Error) -> Broken {
    match error.reason() {
        Some(reason) => Reset { is_connection: true, ..reset(&error, reason) }.into(),
        None => of_io(error),
    }
}

/// How a stream ended, where only the code is known.
pub(super) fn of_code(reason: Reason) -> Reset {
    let is_unprocessed = reason == Reason::REFUSED_STREAM;
    Reset { code: reason.into(), by: ResetBy::Peer, is_connection: false, is_unprocessed }
}

/// The same, as what waiting for it found.
pub(super) fn of_wait(reset: Result<Reason, Error>) -> Broken {
    match reset {
        Ok(reason) => of_code(reason).into(),
        Err(error) => of_stream(error),
    }
}

fn reset(error: &Error, reason: Reason) -> Reset {
    let by = if error.is_remote() { ResetBy::Peer } else { ResetBy::Gateway };
    // A GOAWAY of the peer becomes the error of exactly those streams that it leaves out.
    let is_unprocessed = error.is_remote() && (error.is_go_away() || reason == Reason::REFUSED_STREAM);
    Reset { code: reason.into(), by, is_connection: error.is_go_away(), is_unprocessed }
}

fn of_io(error: Error) -> Broken {
    match error.into_io() {
        Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Broken::Truncated,
        Some(error) => Broken::Io(error),
        // All that is left is a call that the state of the stream does not allow: it has ended.
        None => Broken::Truncated,
    }
}
