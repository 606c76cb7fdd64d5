//! What a token has to say to be good for us, once its signature is: whom it comes from, whom it is for, of what kind it is, and when.
//! The clock is passed in.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::jws::{Jws, bare_type};
use crate::refusal::Refusal;

/// The first second that is no time of a token: of the year 10000. What is above it is milliseconds, or a way around `exp`.
const NEVER: f64 = 253_402_300_800.0;

/// What claims call a token for access.
const ACCESS: [&str; 6] =
    ["Bearer", "JWT", "at+jwt", "access", "access_token", "urn:ietf:params:oauth:token-type:access_token"];

/// What is asked of the claims of a token.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whom it comes from: `iss`, to the letter.
    pub issuer: Box<str>,
    /// Whom it may be for: one of these is in its `aud`. Without any, that is not looked at.
    pub audience: Box<[Box<str>]>,
    /// Of what kind it is: its `typ` is one of these, whatever the case. Without any, it is `JWT`, `at+jwt` (RFC 9068), or not said.
    pub types: Box<[Box<str>]>,
    /// Claims that have to be there.
    pub required: Box<[Box<str>]>,
}

/// When a token is good: times since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// `exp`: from then on it is not.
    pub expires: Option<Duration>,
    /// `nbf`: before that it is not.
    pub not_before: Option<Duration>,
    /// `iat`: it cannot be older than this.
    pub issued: Option<Duration>,
}

impl Rules {
    /// Checks all but the times, which are the result.
    pub fn check(&self, token: &Jws<'_>, claims: &Map<String, Value>) -> Result<Times, Refusal> {
        if !self.takes_type(token.kind.as_deref()) {
            return Err(Refusal::Type);
        }
        if claims.get("iss").and_then(Value::as_str) != Some(&*self.issuer) {
            return Err(Refusal::Issuer);
        }
        for name in &self.required {
            if claims.get(&**name).is_none_or(Value::is_null) {
                return Err(Refusal::Missing(name.clone()));
            }
        }
        let times = Times {
            expires: expiry(claims)?,
            not_before: time(claims, "nbf", "its `nbf` is no time")?,
            issued: time(claims, "iat", "its `iat` is no time")?,
        };
        if is_for(claims, &self.audience) { Ok(times) } else { Err(Refusal::Audience) }
    }

    fn takes_type(&self, kind: Option<&str>) -> bool {
        match kind {
            None => self.types.is_empty(),
            Some(kind) if self.types.is_empty() => {
                ["JWT", "at+jwt"].iter().any(|usual| bare_type(kind).eq_ignore_ascii_case(usual))
            }
            Some(kind) => self.types.iter().any(|own| bare_type(kind).eq_ignore_ascii_case(bare_type(own))),
        }
    }
}

/// Whether `aud`, a text or a list of texts (RFC 7519 section 4.1.3), has one of these names. Without any, it is not looked at.
pub fn is_for(claims: &Map<String, Value>, audience: &[Box<str>]) -> bool {
    let is_own = |said: &Value| said.as_str().is_some_and(|said| audience.iter().any(|own| **own == *said));
    match claims.get("aud") {
        _ if audience.is_empty() => true,
        Some(Value::Array(list)) => list.iter().any(is_own),
        said => said.is_some_and(is_own),
    }
}

/// When a token is no longer good, since 1970 (`exp`), if it says so. Milliseconds are refused, as is all else that is no time.
pub fn expiry(claims: &Map<String, Value>) -> Result<Option<Duration>, Refusal> {
    time(claims, "exp", "its `exp` is no time")
}

/// A time in seconds since 1970, which may have a fraction (RFC 7519 section 2).
fn time(claims: &Map<String, Value>, name: &str, wrong: &'static str) -> Result<Option<Duration>, Refusal> {
    let Some(written) = claims.get(name) else { return Ok(None) };
    let seconds = written.as_f64().filter(|seconds| (0.0..NEVER).contains(seconds));
    seconds.map(|seconds| Some(Duration::from_secs_f64(seconds))).ok_or(Refusal::Malformed(wrong))
}

/// Whether claims are those of a token for access, as far as they say: issuers sign tokens of identity, of refreshing and of logging out with the
/// same keys. Keycloak tells them apart in `typ`, Cognito and Hydra in `token_use`, others as RFC 7662 does in `token_type`; what has `events` tells
/// of something that has happened (RFC 8417 section 2.2), be it a logout. Kinds that count as well are in `also`.
pub fn is_for_access(claims: &Map<String, Value>, also: &[Box<str>]) -> bool {
    let mut kinds =
        ["typ", "token_use", "token_type"].into_iter().filter_map(|name| claims.get(name)?.as_str());
    let is_access = |kind: &str| {
        let mut taken = ACCESS.into_iter().chain(also.iter().map(|own| bare_type(own)));
        taken.any(|taken| bare_type(kind).eq_ignore_ascii_case(taken))
    };
    let has_happened = claims.get("events").is_some_and(Value::is_object);
    !has_happened && kinds.all(is_access)
}

impl Times {
    /// Whether it is good at this time since 1970, by a clock that may be wrong by `leeway`.
    pub fn check(&self, now: Duration, leeway: Duration) -> Result<(), Refusal> {
        if self.expires.is_some_and(|expires| now >= expires.saturating_add(leeway)) {
            return Err(Refusal::Expired);
        }
        if self.not_before.is_some_and(|not_before| now.saturating_add(leeway) < not_before) {
            return Err(Refusal::NotYet);
        }
        if self.issued.is_some_and(|issued| now.saturating_add(leeway) < issued) {
            return Err(Refusal::Future);
        }
        Ok(())
    }
}
