//! Tokens that the provider gives at a login and at a logout: whether they are for this login and this client, and what they say
//! (OpenID Connect Core 1.0 section 3.1.3.7, OpenID Connect Back-Channel Logout 1.0 section 2.6).

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use maitred_policy::identity::{Claims, Consumers};
use maitred_policy::{Fetching, Runtime};
use maitred_token::{Jws, Refusal, Rules};
use serde_json::{Map, Value};

use super::ended;
use super::entries::Id;
use super::known::Opened;
use super::session::Session;
use crate::jwt::issuer::Trusted;

/// By how much the provider's clock may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// How old a logout token may be; each counts once in that time.
pub(super) const LOGOUT_AGE: Duration = Duration::from_mins(5);
/// How long is waited for a key that is not known yet, and how often it is looked for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// What is about a token and not about the user.
const OF_TOKENS: [&str; 10] =
    ["exp", "iat", "nbf", "jti", "typ", "nonce", "at_hash", "c_hash", "s_hash", "session_state"];
/// What besides that is about an access token, and the ID token says of itself.
const OF_ACCESS_TOKENS: [&str; 6] = ["iss", "aud", "azp", "sid", "auth_time", "allowed-origins"];
/// What a logout token is known by (Back-Channel Logout section 2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Checks the tokens of one provider for one client.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trusted: Trusted,
    pub(super) client_id: Box<str>,
    pub(super) consumers: Arc<Consumers>,
}

/// What an ID token has to fit.
pub(super) struct Expected<'a> {
    /// The login that it is for; none at a renewal.
    pub(super) nonce: Option<&'a str>,
    /// The user; none at a login.
    pub(super) subject: Option<&'a str>,
    /// The access token that came with it.
    pub(super) access: Option<&'a str>,
}

/// Whom a logout token logs out.
pub(super) struct LoggedOut {
    pub(super) sid: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) id: String,
}

/// Why a token is no good. For logs.
#[derive(Debug)]
pub(super) enum Wrong {
    Token(Refusal),
    Said(&'static str),
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self::Token(refusal)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(refusal) => write!(f, "the token is no good: {refusal}"),
            Self::Said(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Wrong {}

impl Verifier {
    /// What an ID token says of the user.
    pub(super) async fn id_token(
        &self,
        token: &str,
        expected: Expected<'_>,
        now: Duration,
        runtime: &dyn Runtime,
    ) -> Result<Map<String, Value>, Wrong> {
        let jws = Jws::parse(token.as_bytes())?;
        self.verify(&jws, runtime).await?;
        let mut all = jws.claims()?;
        self.trusted.rules.check(&jws, &all)?.check(now, LEEWAY)?;
        self.check_party(&all)?;
        let text = |name: &str| all.get(name).and_then(Value::as_str);
        if expected.nonce.is_some_and(|nonce| !is_same(text("nonce"), nonce)) {
            return Err(Wrong::Said("the token is of another login: its `nonce` differs"));
        }
        if text("sub").is_none_or(str::is_empty) {
            return Err(Wrong::Said("the token does not say whose it is: it has no `sub`"));
        }
        if expected.subject.is_some_and(|subject| !is_same(text("sub"), subject)) {
            return Err(Wrong::Said("the token is of another user: its `sub` differs"));
        }
        if let (Some(hash), Some(access)) = (all.get("at_hash"), expected.access)
            && !hash.as_str().is_some_and(|hash| is_half_of(hash, access))
        {
            return Err(Wrong::Said("the token came with another access token: its `at_hash` differs"));
        }
        all.retain(|name, _| !OF_TOKENS.contains(&name.as_str()));
        Ok(all)
    }

    /// Of a token for several the provider says who asked for it.
    fn check_party(&self, all: &Map<String, Value>) -> Result<(), Wrong> {
        let is_for_several = all.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
        match all.get("azp") {
            None if is_for_several => Err(Wrong::Said("the token is for several and has no `azp`")),
            Some(party) if party.as_str() != Some(&*self.client_id) => {
                Err(Wrong::Said("another client asked for the token: its `azp` differs"))
            }
            _ => Ok(()),
        }
    }

    /// Checks the signature. A provider signs with new keys at once: for one that is not known yet is waited a moment.
    async fn verify(&self, jws: &Jws<'_>, runtime: &dyn Runtime) -> Result<(), Refusal> {
        let until = runtime.now() + LONGEST_WAIT;
        loop {
            let verified = self.trusted.keys().map_or(Err(Refusal::NoKeys), |keys| keys.verify(jws));
            match verified {
                Err(Refusal::Key | Refusal::NoKeys) if runtime.now() < until => self.trusted.want(),
                decided => return decided,
            }
            runtime.sleep_until(runtime.now() + LOOK).await;
        }
    }

    /// What an access token says besides of the same user, if it is a token that the issuer has signed. Others are not for us to read.
    pub(super) fn access_token(&self, token: &str, subject: &str) -> Map<String, Value> {
        let read = || {
            let jws = Jws::parse(token.as_bytes()).ok()?;
            self.trusted.keys()?.verify(&jws).ok()?;
            let mut all = jws.claims().ok()?;
            let is = |name: &str, expected: &str| all.get(name).and_then(Value::as_str) == Some(expected);
            let fits = is("iss", &self.trusted.rules.issuer) && is("sub", subject);
            all.retain(|name, _| {
                !OF_TOKENS.contains(&name.as_str()) && !OF_ACCESS_TOKENS.contains(&name.as_str())
            });
            fits.then_some(all)
        };
        read().unwrap_or_default()
    }

    /// Whom a logout token logs out.
    pub(super) async fn logout_token(
        &self,
        token: &str,
        now: Duration,
        runtime: &dyn Runtime,
    ) -> Result<LoggedOut, Wrong> {
        let jws = Jws::parse(token.as_bytes())?;
        self.verify(&jws, runtime).await?;
        let all = jws.claims()?;
        let named = ["iat", "jti", "events"].map(Into::into).into();
        let rules = Rules { required: named, ..self.trusted.rules.clone() };
        let typed = Rules { types: ["logout+jwt".into(), "JWT".into()].into(), ..rules.clone() };
        // The type is recommended (section 2.4), and many leave it out.
        let times = typed.check(&jws, &all).or_else(|_| rules.check(&jws, &all))?;
        times.check(now, LEEWAY)?;
        if times.issued.is_none_or(|issued| issued + LOGOUT_AGE < now) {
            return Err(Wrong::Said("the logout token is too old"));
        }
        if all.get("events").and_then(|events| events.get(LOGOUT)).is_none_or(|event| !event.is_object()) {
            return Err(Wrong::Said("the token is for no logout: its `events` say nothing of one"));
        }
        // Else an ID token would do (section 2.4).
        if all.contains_key("nonce") {
            return Err(Wrong::Said("the token has a `nonce`, which logout tokens have not"));
        }
        let text = |name: &str| all.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let (sid, subject) = (text("sid"), text("sub"));
        if sid.is_none() && subject.is_none() {
            return Err(Wrong::Said("the logout token says neither which session nor whose"));
        }
        let id = text("jti").ok_or(Wrong::Said("the `jti` of the logout token is no text"))?;
        Ok(LoggedOut { sid, subject, id })
    }

    /// A session with what follows from it, which took up so many bytes where it was kept: under this id, or in a cookie.
    pub(super) fn opened(&self, session: Session, id: Option<Id>, bytes: usize) -> Opened {
        let all = session.claims.clone();
        let plan = self.consumers.plan(self.trusted.paths.plan(&all)).map(Into::into);
        let (name, text) = (&self.trusted.name, |name: &str| all.get(name).and_then(Value::as_str));
        // Where the provider has no name for the session, there is our own.
        let own = text("sid").map(ended::of_sid).or_else(|| id.map(|id| ended::of_id(&id.name())));
        let ends = [own, text("sub").map(ended::of_subject)];
        let ends = ends.into_iter().flatten().collect();
        let claims = Claims { plan, ..self.trusted.paths.read(name, all) };
        let subject = claims.subject.as_deref();
        let consumer = subject.and_then(|subject| self.consumers.of_subject(name, subject)).map(Arc::clone);
        // What is parsed takes a few times the bytes of the text, and claims are there twice.
        let weight = 512 + 6 * bytes as u64;
        Opened { session, id, claims: Rc::new(claims), consumer, ends, checked: Cell::default(), weight }
    }

    /// What is to be fetched for it.
    pub(super) fn fetched(&self) -> Option<Fetching> {
        self.trusted.fetched()
    }
}

fn is_same(said: Option<&str>, expected: &str) -> bool {
    said.is_some_and(|said| verify_slices_are_equal(said.as_bytes(), expected.as_bytes()).is_ok())
}

/// Whether this is the left half of the hash of a token, in base64url; how long it is says which hash (Core section 3.1.3.6).
fn is_half_of(written: &str, token: &str) -> bool {
    let Ok(half) = BASE64_URL_SAFE_NO_PAD.decode(written) else { return false };
    let algorithm = match half.len() {
        16 => &SHA256,
        24 => &SHA384,
        32 => &SHA512,
        _ => return false,
    };
    digest(algorithm, token.as_bytes()).as_ref().starts_with(&half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_specification() {
        // OpenID Connect Core 1.0 appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert!(is_half_of("77QmUPtjPfzWtF2AnpK9RQ", token));
        for wrong in
            ["77QmUPtjPfzWtF2AnpK9Rg", "", "77Qm", "no base64url!", "77QmUPtjPfzWtF2AnpK9RQAAAAAAAAAA"]
        {
            assert!(!is_half_of(wrong, token), "{wrong}");
        }
    }
}
