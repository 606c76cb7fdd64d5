//! From the bytes of a token to what it says, or why it is refused.
//! Where a token stands in a request is the policy's business, and what of it is remembered that of `known.rs`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_policy::Fetching;
use maitred_policy::identity::{Claims, Consumers, ShownToken};
use maitred_token::{Jws, Refusal};

use super::issuer::Trusted;
use super::known::{Known, Verified};
use super::revoked::Revoked;
use crate::asking::sha256;

/// What the tokens of a policy are checked by.
#[derive(Debug)]
pub(super) struct Verifier {
    issuers: Box<[Trusted]>,
    leeway: Duration,
    revoked: Option<Revoked>,
    consumers: Arc<Consumers>,
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
    ) -> Result<Rc<Verified>, Refusal> {
        let Some(known) = known else {
            let verified = self.verify(token)?;
            return verified.times.check(now, self.leeway).map(|()| Rc::new(verified));
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
        in_time.map(|()| verified)
    }

    /// Whether some of the issuers publish their keys.
    pub(super) fn has_published(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.fetched().is_some())
    }

    /// What is to be fetched.
    pub(super) fn fetched(&self) -> Vec<Fetching> {
        self.issuers.iter().filter_map(Trusted::fetched).collect()
    }

    fn has_same_keys(&self, verified: &Verified) -> bool {
        let now = self.issuers.get(verified.issuer).and_then(Trusted::keys);
        now.is_some_and(|now| Arc::ptr_eq(&now, &verified.keys))
    }

    /// Checks all but the times. Nothing of the token is told before its signature is known to be good.
    fn verify(&self, token: &[u8]) -> Result<Verified, Refusal> {
        let jws = Jws::parse(token)?;
        let all = jws.claims()?;
        let said = all.get("iss").and_then(serde_json::Value::as_str).ok_or(Refusal::Issuer)?;
        let index =
            self.issuers.iter().position(|issuer| *issuer.rules.issuer == *said).ok_or(Refusal::Issuer)?;
        let issuer = &self.issuers[index];
        let Some(keys) = issuer.keys() else {
            issuer.want();
            return Err(Refusal::NoKeys);
        };
        keys.verify(&jws).inspect_err(|why| {
            if *why == Refusal::Key {
                issuer.want();
            }
        })?;
        let times = issuer.rules.check(&jws, &all)?;
        let is_revoked = |revoked: &Revoked| {
            all.get("jti").and_then(serde_json::Value::as_str).is_some_and(|jti| revoked.contains(jti))
        };
        if self.revoked.as_ref().is_some_and(is_revoked) {
            return Err(Refusal::Revoked);
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
