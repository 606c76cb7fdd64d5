//! What an issuer answers of a token, and whether that is good for access here (RFC 7662 section 2.2).
//! Who is asked, and for how long it counts, is decided in `introspection.rs`.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use maitred_token::{expiry, is_for, is_for_access};
use serde_json::{Map, Value};

/// What answers are checked by.
#[derive(Debug)]
pub(super) struct Rules {
    /// The name of the issuer in the document; without one, that of the policy.
    pub(super) name: Box<str>,
    /// What an answer that says `iss` has to say.
    pub(super) issuer: Option<Box<str>>,
    /// One of these has to be in `aud`; none where it is not looked at.
    pub(super) audience: Box<[Box<str>]>,
    /// What has to be there.
    pub(super) required: Box<[Box<str>]>,
}

/// A good answer.
pub(super) struct Said {
    /// All of it.
    pub(super) all: Map<String, Value>,
    /// When the token expires, if that is said.
    pub(super) expires: Option<SystemTime>,
    /// Bytes that it takes up, about.
    pub(super) weight: u64,
}

/// Why a token is no good. For logs, and never for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inactive {
    Several,
    Malformed,
    /// The issuer says so.
    Told,
    Expired,
    Time,
    Issuer,
    Audience,
    Kind,
    Missing(Box<str>),
}

impl fmt::Display for Inactive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Several => "there are several in one place",
            Self::Malformed => "it cannot be a token",
            Self::Told => "the issuer says that it is not active",
            Self::Expired => "it has expired",
            Self::Time => "its `exp` is no time",
            Self::Issuer => "it is of another issuer",
            Self::Audience => "it is for others (`aud`)",
            Self::Kind => "it is no access token",
            Self::Missing(name) => return write!(f, "it has no `{name}`"),
        })
    }
}

impl std::error::Error for Inactive {}

impl Rules {
    /// Reads an answer to a request of this time.
    pub(super) fn read(&self, all: Map<String, Value>, now: SystemTime) -> Result<Said, Inactive> {
        if all.get("active") != Some(&Value::Bool(true)) {
            return Err(Inactive::Told);
        }
        if !is_for_access(&all, &[]) {
            return Err(Inactive::Kind);
        }
        if let (Some(wanted), Some(said)) = (&self.issuer, all.get("iss"))
            && said.as_str() != Some(wanted)
        {
            return Err(Inactive::Issuer);
        }
        if !is_for(&all, &self.audience) {
            return Err(Inactive::Audience);
        }
        if let Some(missing) = self.required.iter().find(|name| all.get(&***name).is_none_or(Value::is_null))
        {
            return Err(Inactive::Missing(missing.clone()));
        }
        let expires = expiry(&all).map_err(|_| Inactive::Time)?.map(|since| UNIX_EPOCH + since);
        if expires.is_some_and(|expires| expires <= now) {
            return Err(Inactive::Expired);
        }
        // What is parsed takes a few times the bytes of the text.
        let weight = 512 + 4 * all.iter().map(|(name, value)| size(value) + name.len() as u64).sum::<u64>();
        Ok(Said { all, expires, weight })
    }
}

/// Bytes of a value, about.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64 + 16,
        Value::Array(all) => 16 + all.iter().map(size).sum::<u64>(),
        Value::Object(all) => {
            16 + all.iter().map(|(name, value)| name.len() as u64 + size(value)).sum::<u64>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 16,
    }
}
