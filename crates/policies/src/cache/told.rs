//! What answers tell of what became of them: `X-Cache`, and `Cache-Status` (RFC 9211).
//! Fields that the service put there stay, but for `X-Cache`.

use std::io::Write;

use maitred_http::ResponseHead;

use super::counts::Outcome;

/// Why a request went to the service (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// It is not for the cache.
    Bypass,
    /// Its method changes something, or is no business of caches.
    Method,
    /// Nothing is kept under its URL.
    UriMiss,
    /// What is kept is for others.
    VaryMiss,
    /// What is kept is stale.
    Stale,
    /// The client asked for that.
    Request,
}

impl Forward {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }
}

/// What is told in `Cache-Status`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Why the service was asked; none where it was not.
    pub(super) forward: Option<Forward>,
    /// What the service answered, where that is not what the client gets.
    pub(super) forward_status: Option<u16>,
    /// Whether the answer is kept now.
    pub(super) stored: bool,
    /// Whether it waited for another request.
    pub(super) collapsed: bool,
    /// For how many seconds it is fresh.
    pub(super) ttl: Option<i64>,
    /// More, in one word.
    pub(super) detail: Option<&'static str>,
}

/// Tells it.
pub(super) fn tell(head: &mut ResponseHead, outcome: Outcome, told: Told) {
    // What a cache behind this one says of it is not what became of it here.
    head.fields.remove_bytes(b"X-Cache");
    head.fields.append_bytes(b"X-Cache", outcome.as_str().as_bytes());
    let mut text = [0; 160];
    let mut rest = &mut text[..];
    write(&mut rest, told);
    let left = rest.len();
    let length = text.len() - left;
    head.fields.append_bytes(b"Cache-Status", &text[..length]);
}

/// Writes the member of the list. There is room for the longest.
fn write(out: &mut impl Write, told: Told) {
    let _ = out.write_all(b"maitred");
    match told.forward {
        None => _ = out.write_all(b"; hit"),
        Some(forward) => _ = write!(out, "; fwd={}", forward.as_str()),
    }
    if let Some(status) = told.forward_status {
        let _ = write!(out, "; fwd-status={status}");
    }
    if let Some(ttl) = told.ttl {
        let _ = write!(out, "; ttl={ttl}");
    }
    if told.stored {
        let _ = out.write_all(b"; stored");
    }
    if told.collapsed {
        let _ = out.write_all(b"; collapsed");
    }
    if let Some(detail) = told.detail {
        let _ = write!(out, "; detail={detail}");
    }
}
