//! What a signature of either form says: over what, by which key, when.
//! Whether that is enough, and in time, is judged here; whether it is by the key, in `keys.rs`.

use std::fmt;
use std::time::Duration;

use maitred_policy::Fault;

use super::{HmacAlgorithm, SignatureForm};

/// A signature that was read, and not yet verified.
pub(super) struct Signed {
    pub(super) form: SignatureForm,
    /// The id of the key.
    pub(super) key_id: String,
    pub(super) algorithm: HmacAlgorithm,
    /// The bytes that it is over.
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// What it covers, in the words of RFC 9421.
    pub(super) covered: Vec<String>,
    /// When it was made, and until when it is good, in seconds since 1970.
    pub(super) created: Option<i64>,
    pub(super) expires: Option<i64>,
}

/// Why a signature is not good: the client is told no more than that it is not, or no longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    detail: &'static str,
    why: &'static str,
}

impl Refused {
    pub(super) fn invalid(why: &'static str) -> Self {
        Self { detail: "Invalid signature", why }
    }

    fn expired(why: &'static str) -> Self {
        Self { detail: "Signature expired", why }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let fault = Self::client(401, "invalid_credentials", refused.detail);
        fault.field(b"WWW-Authenticate", b"Signature").source(refused.why)
    }
}

impl Signed {
    /// Whether it covers a field, or another part of the request, in any case.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.covered.iter().any(|covered| covered.eq_ignore_ascii_case(name))
    }

    /// The field with the digest of the body that belongs to its form.
    pub(super) fn digest_field(&self) -> &'static str {
        match self.form {
            SignatureForm::Cavage if !self.covers("content-digest") => "digest",
            _ => "content-digest",
        }
    }

    pub(super) fn covers_digest(&self) -> bool {
        self.covers(self.digest_field())
    }

    /// Whether its time is now.
    pub(super) fn check_time(&self, now: Duration, skew: Duration) -> Result<(), Refused> {
        let (now, skew) = (seconds(now), seconds(skew));
        let created = self.created.ok_or_else(|| Refused::invalid("it does not say when it was made"))?;
        if created < now.saturating_sub(skew) || self.expires.is_some_and(|expires| expires < now) {
            return Err(Refused::expired("its time is over"));
        }
        if created > now.saturating_add(skew) {
            return Err(Refused::invalid("it was made in the future: the clocks differ"));
        }
        Ok(())
    }

    /// Whether method and target are covered. A query that came later would not be.
    pub(super) fn check_covered(&self, has_query: bool) -> Result<(), Refused> {
        if !self.covers("@method") {
            return Err(Refused::invalid("the method is not signed"));
        }
        let in_parts = self.covers("@path") && (self.covers("@query") || !has_query);
        let has_host = self.form == SignatureForm::Cavage || self.covers("@authority") || self.covers("host");
        if self.covers("@target-uri") || (self.covers("@request-target") || in_parts) && has_host {
            return Ok(());
        }
        Err(Refused::invalid("the target is not signed, or not all of it"))
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
