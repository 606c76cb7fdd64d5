//! The beginning of a login: the browser is sent to the provider, and remembers what only it and we know.
//! Logins that took too long are forgotten at that, and the oldest where there are too many.

use maitred_http::{RequestHead, Scheme};
use maitred_policy::{Facts, Fault, Verdict};

use super::OidcLogin;
use super::attempt::{self, Attempt};
use super::replies::{redirect, unavailable, with_query, without_host};
use super::session::seconds;
use crate::provider::Form;

/// Cookies of logins that are looked at: a browser has no more of them, but somebody else could.
const MOST_LOOKED_AT: usize = 32;

impl OidcLogin {
    /// Sends the browser to the provider, to come back to this place. Fields that have it forget something go along.
    pub(super) fn begin(
        &self,
        place: &str,
        request: &RequestHead,
        facts: &Facts,
        mut kept: Vec<String>,
    ) -> Verdict {
        let endpoints = self.described.now();
        let Some(endpoint) = endpoints.as_ref().and_then(|endpoints| endpoints.authorization.as_ref()) else {
            self.described.want();
            let why = self.described.failure().map(|why| why.to_string()).unwrap_or_default();
            return Verdict::Fail(unavailable(format!(
                "the provider has not told where users log in: {why}"
            )));
        };
        let Some(origin) = self.origin(request, facts) else { return without_host() };
        let (scheme, now) = (self.scheme(facts), seconds(facts));
        let attempt = Attempt::begin(place, now);
        let Some(id) = Attempt::id(&attempt.state) else { return Fault::gateway("login_state").into() };
        let sealed = self.logins.seal(&self.cookies.login(scheme, id), &attempt.encode());
        kept.extend(self.forget_logins(scheme, request, now));
        kept.push(self.cookies.keep_login(scheme, id, &sealed, attempt::LONGEST));
        let form = Form::default()
            .field("response_type", "code")
            .field("client_id", &self.verifier.client_id)
            .field("redirect_uri", &format!("{origin}{}", self.paths.callback.path))
            .field("scope", &self.scopes)
            .field("state", &attempt.state)
            .field("nonce", &attempt.nonce)
            .field("code_challenge", &attempt.challenge())
            .field("code_challenge_method", "S256");
        redirect(302, &with_query(endpoint.as_str(), form), kept)
    }

    /// The fields that have a browser forget logins that took too long, and the oldest where there are too many.
    fn forget_logins(&self, scheme: Scheme, request: &RequestHead, now: u64) -> Vec<String> {
        let mut open = Vec::new();
        let mut forgotten = Vec::new();
        for (id, text) in self.cookies.logins(scheme, request).take(MOST_LOOKED_AT) {
            let Some(id) = Attempt::id(id).filter(|known| *known == id) else { continue };
            match self.attempt(scheme, id, text).filter(|attempt| attempt.is_open(now)) {
                Some(attempt) => open.push((attempt.begun, id)),
                None => forgotten.push(id),
            }
        }
        // Browsers show the oldest first (RFC 6265 section 5.4): that decides within a second.
        open.sort_by_key(|(begun, _)| *begun);
        let too_many = (open.len() + 1).saturating_sub(attempt::MOST);
        forgotten.extend(open.iter().take(too_many).map(|(_, id)| *id));
        forgotten.into_iter().map(|id| self.cookies.forget_login(scheme, id)).collect()
    }

    /// The login in a cookie.
    pub(super) fn attempt(&self, scheme: Scheme, id: &str, text: &[u8]) -> Option<Attempt> {
        Attempt::decode(&self.logins.open(&self.cookies.login(scheme, id), text)?)
    }
}
