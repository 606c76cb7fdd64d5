//! Why a token is not taken, for logs and `explain`.
//! It tells nothing of the token itself, and nothing of secrets.

use std::fmt;

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has more bytes than are looked at.
    TooLong,
    /// It is no token as RFC 7515 and 7519 write them: what is wrong with it.
    Malformed(&'static str),
    /// It wants something that is never done: what.
    Unsupported(&'static str),
    /// Its `alg` is not one of signatures, or `none`.
    Algorithm,
    /// Its `typ` is that of another kind of token.
    Type,
    /// Its claims are those of another kind of token, such as one of identity.
    Kind,
    /// No issuer that it may come from is its `iss`.
    Issuer,
    /// The issuer has no key of its `kid`, or none at all.
    Key,
    /// The keys of its issuer are not known by now.
    NoKeys,
    /// The issuer's key is not for its `alg`.
    KeyAlgorithm,
    /// The signature is wrong.
    Signature,
    /// It is for others: its `aud`.
    Audience,
    /// A claim that has to be there is not: its name.
    Missing(Box<str>),
    /// It has expired: `exp`.
    Expired,
    /// It is not good yet: `nbf`.
    NotYet,
    /// It comes from the future: `iat`.
    Future,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it is too long",
            Self::Malformed(what) | Self::Unsupported(what) => what,
            Self::Algorithm => "its `alg` is none that is taken",
            Self::Type => "its `typ` is that of another kind of token",
            Self::Kind => "it is no access token",
            Self::Issuer => "its `iss` is no issuer that may be",
            Self::Key => "its issuer has no key of its `kid`",
            Self::NoKeys => "the keys of its issuer could not be fetched yet",
            Self::KeyAlgorithm => "the key is not for its `alg`",
            Self::Signature => "its signature is wrong",
            Self::Audience => "its `aud` is somebody else",
            Self::Missing(name) => return write!(f, "it has no `{name}`"),
            Self::Expired => "it has expired",
            Self::NotYet => "it is not good yet (`nbf`)",
            Self::Future => "it was issued in the future (`iat`)",
            Self::Revoked => "it was revoked",
        })
    }
}

impl std::error::Error for Refusal {}
