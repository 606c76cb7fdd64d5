//! From the bytes of a token to what it says, or why it is refused.
//! Where a token stands in a request is the policy's business, and what of it is remembered that of `known.rs`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_policy::Fetching;
use maitred_policy::identity::{Claims, Consumers, ShownToken};
use maitred_token::{Jws, Refusal, is_for_access};

use super::issuer::Trusted;
use super::known::{Known, Verified};
use super::revoked::{self, Revoked};
use crate::asking::sha256;

/// What the tokens of a policy are checked by.
#[derive(Debug)]
pub(super) struct Verifier {
    issuers: Box<[Trusted]>,
    leeway: Duration,
    revoked: Option<Revoked>,
    consumers: Arc<Consumers>,
}

/// Why a token is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) refusal: Refusal,
    /// The key that it may be good by, where its issuer publishes keys and may have a new one.
    pub(super) missing: Option<Missing>,
}

/// A key that an issuer did not have when it was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// Where the issuer stands.
    issuer: usize,
    /// How often its keys had been fetched by then.
    fetched: u64,
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, missing: None }
    }
}

impl Verifier {
    pub(super) fn new(
        issuers: Vec<Trusted>,
        leeway: Duration,
        revoked: Option<Revoked>,
        consumers: Arc<Consumers>,
    ) -> Self {
        Self { issuers: issuers.into(), leeway, revoked, consumers }
    }

    /// Checks a token at this time since 1970.
    pub(super) fn check(
        &self,
        token: &[u8],
        now: Duration,
        known: Option<&Known>,
    ) -> Result<Rc<Verified>, Rejected> {
        let Some(known) = known else {
            let verified = self.verify(token)?;
            verified.times.check(now, self.leeway)?;
            return Ok(Rc::new(verified));
        };
        let hash = sha256(token);
        let before = known.find(&hash).filter(|before| self.has_same_keys(before));
        let is_new = before.is_none();
        let verified = before.map_or_else(|| self.verify(token).map(Rc::new), Ok)?;
        let in_time = verified.times.check(now, self.leeway);
        match in_time {
            Ok(()) if is_new => known.keep(hash, Rc::clone(&verified)),
            Err(Refusal::Expired) if !is_new => known.forget(&hash),
            _ => {}
        }
        in_time?;
        Ok(verified)
    }

    /// Whether the issuer has published keys since one was found missing.
    pub(super) fn has_published_since(&self, missing: Missing) -> bool {
        self.issuers[missing.issuer].times_fetched() != Some(missing.fetched)
    }

    /// What is to be fetched.
    pub(super) fn fetched(&self) -> Vec<Fetching> {
        self.issuers.iter().filter_map(Trusted::fetched).collect()
    }

    fn has_same_keys(&self, verified: &Verified) -> bool {
        self.issuers.get(verified.issuer).is_some_and(|issuer| issuer.has(&verified.keys))
    }

    /// Checks all but the times. Nothing of the token is told before its signature is known to be good.
    fn verify(&self, token: &[u8]) -> Result<Verified, Rejected> {
        let jws = Jws::parse(token)?;
        let all = jws.claims()?;
        let said = all.get("iss").and_then(serde_json::Value::as_str).ok_or(Refusal::Issuer)?;
        let index =
            self.issuers.iter().position(|issuer| *issuer.rules.issuer == *said).ok_or(Refusal::Issuer)?;
        let issuer = &self.issuers[index];
        // Looked at first: what is fetched from here on is worth another look.
        let fetched = issuer.times_fetched();
        let verified_with = issuer.keys().ok_or(Refusal::NoKeys).and_then(|keys| {
            keys.verify(&jws)?;
            Ok(keys)
        });
        let keys = verified_with.map_err(|refusal| {
            // A signature that is wrong may be that of a new key, too, where a token names none or the old name stays.
            issuer.want();
            let is_missing = matches!(refusal, Refusal::Key | Refusal::NoKeys);
            let missing = fetched.filter(|_| is_missing).map(|fetched| Missing { issuer: index, fetched });
            Rejected { refusal, missing }
        })?;
        let times = issuer.rules.check(&jws, &all)?;
        if !is_for_access(&all, &issuer.rules.types) {
            return Err(Refusal::Kind.into());
        }
        if let Some(revoked) = &self.revoked {
            revoked::check(revoked, &all)?;
        }
        let plan = self.consumers.plan(issuer.paths.plan(&all)).map(Into::into);
        let claims = Claims { plan, ..issuer.paths.read(&issuer.name, all) };
        let consumer =
            claims.subject.as_deref().and_then(|subject| self.consumers.of_subject(&issuer.name, subject));
        let consumer = consumer.map(Arc::clone);
        // What is parsed takes a few times the bytes of the text.
        let weight = 512 + 5 * token.len() as u64;
        let token = ShownToken::new(&String::from_utf8_lossy(token));
        Ok(Verified { claims: Rc::new(claims), token, consumer, times, issuer: index, keys, weight })
    }
}
