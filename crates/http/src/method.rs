//! Request methods (RFC 9110 section 9). A method is `Copy`: those that are not listed keep their token inline.
//! What a route or a policy does with a method is theirs to say.

use std::fmt;

use crate::name::is_token;

/// A request method. Method names are case-sensitive: `get` is not `GET`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the methods of RFC 9110, RFC 5789 and the QUERY draft")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Patch,
    Options,
    Query,
    Connect,
    Trace,
    Other(MethodToken),
}

/// The token of a method that has no variant of its own, at most [`MethodToken::MAX`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MethodToken {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl MethodToken {
    /// The longest method taken. The longest registered one (`VERSION-CONTROL`, `BASELINE-CONTROL`,
    /// `UPDATEREDIRECTREF`) has 17 bytes.
    pub const MAX: usize = 23;
}

/// Why a text is no method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodError {
    /// Empty, or a byte that no token has.
    NotAToken,
    /// Longer than [`MethodToken::MAX`].
    TooLong,
}

impl Method {
    /// Reads a method token.
    pub fn parse(text: &[u8]) -> Result<Self, MethodError> {
        Ok(match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"PATCH" => Self::Patch,
            b"OPTIONS" => Self::Options,
            b"QUERY" => Self::Query,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ if !is_token(text) => return Err(MethodError::NotAToken),
            _ if text.len() > MethodToken::MAX => return Err(MethodError::TooLong),
            _ => {
                let mut bytes = [0; MethodToken::MAX];
                bytes[..text.len()].copy_from_slice(text);
                #[expect(clippy::cast_possible_truncation, reason = "the length was checked against MAX")]
                Self::Other(MethodToken { bytes, len: text.len() as u8 })
            }
        })
    }

    /// The token as it stands in a request line.
    #[inline]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Query => "QUERY",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
            Self::Other(token) => {
                std::str::from_utf8(&token.bytes[..usize::from(token.len)]).expect("a token is ASCII")
            }
        }
    }

    /// Safe methods ask for no change of state (RFC 9110 section 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Query | Self::Trace)
    }

    /// Idempotent methods may be sent again after a failure (RFC 9110 section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MethodToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Method::Other(*self).as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        for text in ["GET", "HEAD", "QUERY", "M-SEARCH", "UPDATEREDIRECTREF", "get"] {
            assert_eq!(Method::parse(text.as_bytes()).unwrap().as_str(), text);
        }
        assert_ne!(Method::parse(b"get"), Ok(Method::Get));
    }

    #[test]
    fn refuses_what_is_no_method() {
        assert_eq!(Method::parse(b""), Err(MethodError::NotAToken));
        assert_eq!(Method::parse(b"GE T"), Err(MethodError::NotAToken));
        assert_eq!(Method::parse(&[b'A'; 24]), Err(MethodError::TooLong));
    }
}
