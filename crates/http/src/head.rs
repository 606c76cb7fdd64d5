//! Heads: all of a message but its body, in the same shape for every protocol version.
//! Bodies follow separately; what belongs to one connection only is still among the fields here.

use crate::authority::Authority;
use crate::fields::Fields;
use crate::method::Method;
use crate::target::Target;

/// The protocol version that a message came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    H2,
    /// HTTP/3.
    H3,
}

impl Version {
    /// As it stands in logs: `HTTP/1.1`, `HTTP/2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::H2 => "HTTP/2",
            Self::H3 => "HTTP/3",
        }
    }
}

/// The scheme under which a client reached the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant where none is named.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The head of a request.
///
/// `Host` stays among the fields, also where the target came in absolute form or as `:authority`; `authority`
/// is the same, checked and in lower case, for what compares hosts. It is empty for HTTP/1.0 without `Host`.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// What is asked for.
    pub method: Method,
    /// The protocol version of the client.
    pub version: Version,
    /// Path and query.
    pub target: Target,
    /// Host and port that the client named.
    pub authority: Authority,
    /// Header fields.
    pub fields: Fields,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self {
            method: Method::Get,
            version: Version::Http11,
            target: Target::default(),
            authority: Authority::default(),
            fields: Fields::default(),
        }
    }
}

impl RequestHead {
    /// Forgets the request and keeps the memory for the next one.
    pub fn clear(&mut self) {
        self.method = Method::Get;
        self.version = Version::Http11;
        self.target.clear();
        self.authority.clear();
        self.fields.clear();
    }
}

/// The head of a response. The reason phrase is not kept: it means nothing (RFC 9112 section 4).
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Status code, 100 to 599.
    pub status: u16,
    /// The protocol version of the sender.
    pub version: Version,
    /// Header fields.
    pub fields: Fields,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self { status: 200, version: Version::Http11, fields: Fields::default() }
    }
}

impl ResponseHead {
    /// Forgets the response and keeps the memory for the next one.
    pub fn clear(&mut self) {
        self.status = 200;
        self.version = Version::Http11;
        self.fields.clear();
    }

    /// Whether this is a 1xx, which is not the answer yet (RFC 9110 section 15.2).
    pub fn is_informational(&self) -> bool {
        self.status / 100 == 1
    }

    /// Whether a response with this status to `request` has no body, whatever its fields say (RFC 9112 section 6.3).
    pub fn has_no_body(&self, request: Method) -> bool {
        request == Method::Head || self.is_informational() || matches!(self.status, 204 | 304)
    }
}
