//! How long a body will be, as far as the head tells (RFC 9112 section 6.3).
//! The bytes themselves are the business of `maitred-wire`.

/// The announced length of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body at all: a request without framing, a 204, a 304, the answer to HEAD.
    None,
    /// Exactly this many bytes.
    Known(u64),
    /// It ends when it ends: chunked, a stream of data frames, or until the connection closes.
    Unknown,
}

impl BodyLength {
    /// Whether no byte of a body can follow the head.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Known(0))
    }
}
