//! Sessions as they go on: found in cookies, kept there, and renewed before their access token expires.
//! One renewal is for all requests that bring the same session, on all workers.

use std::rc::Rc;
use std::time::Duration;

use maitred_http::{RequestHead, Scheme};
use maitred_policy::{Facts, Runtime};

use super::OidcLogin;
use super::callback::{Failed, TIMEOUT};
use super::config::ForwardedToken;
use super::known::{Known, Opened};
use super::session::{Session, since_1970};
use super::shared::Renewal;
use crate::asking::sha256;
use crate::provider::Form;

/// What a request brings.
pub(super) enum Found {
    Nothing,
    /// Something that is no session, or no longer: why.
    Gone(&'static str),
    Session(Rc<Opened>),
}

impl OidcLogin {
    /// The session that a request brings. Those that this worker has seen are `known`.
    pub(super) fn find(&self, request: &RequestHead, facts: &Facts, known: &Known) -> Found {
        let scheme = self.scheme(facts);
        if !self.cookies.has_session(scheme, request) {
            return Found::Nothing;
        }
        let Some(text) = self.cookies.find_session(scheme, request) else {
            return Found::Gone("its cookies do not fit together");
        };
        let name = self.cookies.session(scheme);
        let open = || {
            let session = Session::decode(&self.sessions.open(name, &text)?)?;
            Some(self.verifier.opened(session, text.len()))
        };
        let Some(opened) = known.find_or_open((name, &text), open) else {
            return Found::Gone("its cookie was sealed with another key, or changed");
        };
        let now = since_1970(facts);
        let cannot_go_on = || {
            let is_needed = self.forward == Some(ForwardedToken::Access);
            is_needed && opened.session.refresh.is_none() && opened.session.is_expired(now)
        };
        if opened.session.left(self.lifetimes, now).is_none() || cannot_go_on() {
            return Found::Gone("it has expired");
        }
        if self.has_ended(&opened) {
            return Found::Gone("it was logged out");
        }
        Found::Session(opened)
    }

    /// Whether the provider or the user has ended a session, as far as that is known here.
    pub(super) fn has_ended(&self, opened: &Opened) -> bool {
        let began = Duration::from_millis(opened.session.began);
        opened.ends.iter().any(|key| self.shared.ended.has(key, began))
    }

    /// Seals a session: its text, and the fields that have the browser keep it. The ID token, which only makes logging out smoother, is left out where
    /// there is no room for it. None where there is no room for the rest.
    pub(super) fn keep(
        &self,
        scheme: Scheme,
        request: &RequestHead,
        session: &mut Session,
        facts: &Facts,
    ) -> Option<(String, Vec<String>)> {
        let left = session.left(self.lifetimes, since_1970(facts))?;
        let name = self.cookies.session(scheme);
        let text = self.sessions.seal(name, &session.encode());
        if let Some(kept) = self.cookies.keep_session(scheme, request, &text, left) {
            return Some((text, kept));
        }
        if self.forward == Some(ForwardedToken::Id) {
            return None;
        }
        session.id_token.take()?;
        let text = self.sessions.seal(name, &session.encode());
        self.cookies.keep_session(scheme, request, &text, left).map(|kept| (text, kept))
    }

    /// The fields that tell the browser that its session was seen, where it is time for that.
    pub(super) fn seen(&self, opened: &Opened, request: &RequestHead, facts: &Facts) -> Vec<String> {
        let now = since_1970(facts);
        if !opened.session.is_stale(self.lifetimes, now) {
            return Vec::new();
        }
        let mut session = Session { seen: now.as_secs(), ..opened.session.clone() };
        self.keep(self.scheme(facts), request, &mut session, facts).map(|(_, kept)| kept).unwrap_or_default()
    }

    /// Renews a session whose access token has nearly expired: the session as it is from now on, and the fields that have the browser keep it. None where
    /// the provider has ended it.
    pub(super) async fn renew(
        &self,
        opened: Rc<Opened>,
        request: &RequestHead,
        facts: &Facts,
        known: &Known,
        runtime: &dyn Runtime,
    ) -> Option<(Rc<Opened>, Vec<String>)> {
        let Some(refresh) = &opened.session.refresh else { return Some((opened, Vec::new())) };
        let scheme = self.scheme(facts);
        let name = self.cookies.session(scheme);
        let renewing = self.shared.renewal(sha256([name, refresh].join("\0").as_bytes()), runtime.now());
        let asked = self.ask_anew(&opened.session, refresh, request, facts, runtime);
        match renewing.get_or_init(|| asked).await {
            Renewal::Refused => None,
            Renewal::Unavailable => {
                let kept = self.seen(&opened, request, facts);
                Some((opened, kept))
            }
            Renewal::Renewed(session, text) => {
                let left = session.left(self.lifetimes, since_1970(facts)).unwrap_or_default();
                let kept = self.cookies.keep_session(scheme, request, text, left).unwrap_or_default();
                let open = || Some(self.verifier.opened(session.clone(), text.len()));
                Some((known.find_or_open((name, text.as_bytes()), open)?, kept))
            }
        }
    }

    async fn ask_anew(
        &self,
        session: &Session,
        refresh: &str,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Renewal {
        let form = Form::default().field("grant_type", "refresh_token").field("refresh_token", refresh);
        let granted = match self.provider.ask(form, runtime, TIMEOUT, false).await {
            Ok(answer) => self.granted(&answer, None, session.clone(), facts, runtime).await,
            Err(denied) => Err(denied.into()),
        };
        match granted {
            Ok(mut session) => match self.keep(self.scheme(facts), request, &mut session, facts) {
                Some((text, _)) => Renewal::Renewed(session, text),
                None => Renewal::Refused,
            },
            // Only this says that the session is over (RFC 6749 section 5.2); all else may be mended there or here.
            Err(Failed::Refused(denied)) if denied.is("invalid_grant") => Renewal::Refused,
            Err(Failed::Wrong(_)) => Renewal::Refused,
            Err(Failed::Refused(_) | Failed::Unavailable(_)) => Renewal::Unavailable,
        }
    }
}
