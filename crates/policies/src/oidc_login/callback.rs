//! The provider's answer, brought by the browser: it has to be one to a login that this browser has begun. Its code is exchanged for tokens, and the
//! tokens become a session, a new one whatever the browser had before.

use std::time::Duration;

use maitred_http::{RequestHead, Scheme};
use maitred_policy::{Facts, Fault, Runtime, Verdict};
use maitred_token::Refusal;

use super::OidcLogin;
use super::attempt::Attempt;
use super::config::ForwardedToken;
use super::query::Parameters;
use super::replies::{challenge, redirect, store_unavailable, unavailable, without_host};
use super::session::{Session, seconds, since_1970};
use super::verify::{Expected, Wrong};
use crate::provider::{Answer, Denied, Form};

/// How long the provider may take to give tokens.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no session after all.
pub(super) enum Failed {
    /// The provider refuses.
    Refused(Denied),
    /// The provider cannot be asked.
    Unavailable(Denied),
    /// It answers what cannot be believed.
    Wrong(Box<str>),
}

impl From<Denied> for Failed {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused { .. } => Self::Refused(denied),
            Denied::Failed(_) => Self::Unavailable(denied),
        }
    }
}

impl From<Wrong> for Failed {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            // A key that the provider does not tell is no fault of the token.
            Wrong::Token(Refusal::Key | Refusal::NoKeys) => Self::Unavailable(Denied::failed(wrong)),
            wrong => Self::Wrong(wrong.to_string().into()),
        }
    }
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        let begin_again = "The login failed. Begin again";
        match failed {
            Failed::Refused(denied) => {
                challenge(Fault::client(401, "login_failed", begin_again)).source(denied)
            }
            Failed::Unavailable(denied) => unavailable(denied),
            Failed::Wrong(why) => {
                challenge(Fault::client(401, "login_failed", begin_again)).source(why.to_string())
            }
        }
    }
}

impl OidcLogin {
    /// Takes the provider's answer.
    pub(super) async fn callback(
        &self,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Verdict {
        let malformed =
            || Fault::client(400, "login_malformed", "This is no answer of the login service").into();
        let query = request.target.query().unwrap_or_default();
        let Some(parameters) = Parameters::read(query) else { return malformed() };
        let Some(state) = parameters.find("state") else { return malformed() };
        let scheme = self.scheme(facts);
        let Some(attempt) = self.begun(scheme, state, request, facts) else {
            let detail = "This login was not begun in this browser, or took too long. Begin again";
            return Fault::client(403, "login_unknown", detail).into();
        };
        let forget = Attempt::id(state).map(|id| self.cookies.forget_login(scheme, id)).unwrap_or_default();
        let mut session = match self.session(&parameters, &attempt, request, facts, runtime).await {
            Ok(session) => session,
            Err(fault) => return fault.field(b"Set-Cookie", forget.as_bytes()).into(),
        };
        let kept = if let Some(entries) = &self.entries {
            let begun = self.begin_entry(entries, &session, request, facts, runtime).await;
            begun.map_err(store_unavailable)
        } else {
            let kept = self.keep(scheme, request, &mut session, facts).map(|(_, kept)| kept);
            let too_large = || Fault::gateway("session_too_large").source("its cookies would be too large");
            kept.ok_or_else(too_large)
        };
        let mut kept = match kept {
            Ok(kept) => kept,
            Err(fault) => return fault.field(b"Set-Cookie", forget.as_bytes()).into(),
        };
        kept.push(forget);
        redirect(302, &attempt.place, kept)
    }

    /// The login that this browser has begun with this `state`.
    fn begun(&self, scheme: Scheme, state: &str, request: &RequestHead, facts: &Facts) -> Option<Attempt> {
        let id = Attempt::id(state)?;
        let mut logins = self.cookies.logins(scheme, request).filter(|(known, _)| *known == id);
        // Of two with one id, one may come from somebody else.
        let (Some((_, text)), None) = (logins.next(), logins.next()) else { return None };
        self.attempt(scheme, id, text).filter(|attempt| attempt.is_answered_by(state, seconds(facts)))
    }

    /// The session that an answer leads to.
    async fn session(
        &self,
        parameters: &Parameters,
        attempt: &Attempt,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Result<Session, Fault> {
        self.check_issuer(parameters)?;
        if let Some(error) = parameters.find("error") {
            return Err(refused(error));
        }
        let Some(code) = parameters.find("code").filter(|code| !code.is_empty()) else {
            return Err(Fault::client(400, "login_malformed", "This is no answer of the login service"));
        };
        let Some(origin) = self.origin(request, facts) else {
            return Err(match without_host() {
                Verdict::Fail(fault) => fault,
                _ => Fault::gateway("login_state"),
            });
        };
        let form = Form::default()
            .field("grant_type", "authorization_code")
            .field("code", code)
            .field("redirect_uri", &format!("{origin}{}", self.paths.callback.path))
            .field("code_verifier", &attempt.verifier);
        let answer = self.provider.ask(form, runtime, TIMEOUT, false).await.map_err(Failed::from)?;
        let began = u64::try_from(since_1970(facts).as_millis()).unwrap_or(u64::MAX);
        let fresh = Session { began, ..Session::default() };
        Ok(self.granted(&answer, Some(&attempt.nonce), fresh, facts, runtime).await?)
    }

    /// An answer that another provider gave does not count, though the browser brings it here (RFC 9207 section 2.4).
    fn check_issuer(&self, parameters: &Parameters) -> Result<(), Fault> {
        let is_announced = self.described.now().as_ref().is_some_and(|endpoints| endpoints.names_itself);
        let is_own = match parameters.find("iss") {
            Some(issuer) => *issuer == *self.verifier.trusted.rules.issuer,
            None => !is_announced,
        };
        let fault = || Fault::client(403, "login_mixed_up", "This is the answer of another login service");
        if is_own { Ok(()) } else { Err(fault()) }
    }

    /// What becomes of a session with the tokens that the provider has given.
    pub(super) async fn granted(
        &self,
        answer: &Answer,
        nonce: Option<&str>,
        before: Session,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Result<Session, Failed> {
        let (now, access) = (since_1970(facts), answer.bearer()?);
        let subject = before.claims.get("sub").and_then(serde_json::Value::as_str).map(ToOwned::to_owned);
        let id_token = answer.text("id_token");
        let mut claims = match id_token {
            Some(token) => {
                let expected = Expected { nonce, subject: subject.as_deref(), access: Some(access) };
                let said = self.verifier.id_token(token, expected, now, runtime).await;
                said.map_err(Failed::from)?
            }
            None if nonce.is_some() => return Err(Failed::Wrong("the provider gives no ID token".into())),
            None => before.claims,
        };
        let owner = claims.get("sub").and_then(serde_json::Value::as_str).unwrap_or_default();
        for (name, value) in self.verifier.access_token(access, owner) {
            // Without a new ID token, the access token says what has changed.
            if id_token.is_none() || !claims.contains_key(&name) {
                claims.insert(name, value);
            }
        }
        let forwarded = (self.forward == Some(ForwardedToken::Access)).then(|| access.to_owned());
        let expires =
            answer.lifetime().map(|lifetime| (now.as_secs() + lifetime.as_secs(), lifetime.as_secs()));
        Ok(Session {
            began: before.began,
            seen: now.as_secs(),
            claims,
            expires,
            forwarded,
            refresh: answer.text("refresh_token").map(ToOwned::to_owned).or(before.refresh),
            id_token: id_token.map(ToOwned::to_owned).or(before.id_token),
        })
    }
}

/// What the provider answers in place of a code (RFC 6749 section 4.1.2.1). Its own words are for the log.
fn refused(error: &str) -> Fault {
    let told: String = error.chars().filter(char::is_ascii_graphic).take(40).collect();
    match error {
        "access_denied" => Fault::client(403, "login_denied", "The login was refused").source(told),
        "server_error" | "temporarily_unavailable" => unavailable(told),
        _ => challenge(Fault::client(401, "login_failed", "The login failed. Begin again")).source(told),
    }
}
