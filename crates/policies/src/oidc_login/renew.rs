//! Sessions as they go on: found in cookies, kept there, and renewed before their access token expires.
//! One renewal is for all requests that bring the same session, on all workers.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use maitred_http::{RequestHead, Scheme};
use maitred_policy::{Facts, Runtime};

use super::OidcLogin;
use super::callback::{Failed, TIMEOUT};
use super::config::ForwardedToken;
use super::entries::{Entries, Id};
use super::known::{Known, Opened};
use super::session::{Session, since_1970};
use super::shared::Renewal;
use crate::asking::sha256;
use crate::provider::Form;

/// What a request brings.
pub(super) enum Found<'a> {
    Nothing,
    /// Something that is no session, or no longer: why.
    Gone(&'static str),
    /// The id of one that a store has, if it has.
    Stored(&'a Entries, Id),
    Session(Rc<Opened>),
}

/// Why what was sealed does not open.
const CHANGED: &str = "its cookie was sealed with another key, or changed";

impl OidcLogin {
    /// The session that a request brings. Those that this worker has seen are `known`.
    pub(super) fn find(&self, request: &RequestHead, facts: &Facts, known: &Known) -> Found<'_> {
        let scheme = self.scheme(facts);
        if !self.cookies.has_session(scheme, request) {
            return Found::Nothing;
        }
        let Some(text) = self.cookies.find_session(scheme, request) else {
            return Found::Gone("its cookies do not fit together");
        };
        let name = self.cookies.session(scheme);
        match &self.entries {
            None => self.judge((name, &text), None, facts, known),
            Some(entries) => match entries.open(name, &text) {
                Some(id) => Found::Stored(entries, id),
                None => Found::Gone(CHANGED),
            },
        }
    }

    /// What a sealed session is by now. One that a store has is sealed for its id.
    pub(super) fn judge(
        &self,
        (name, text): (&str, &[u8]),
        id: Option<Id>,
        facts: &Facts,
        known: &Known,
    ) -> Found<'_> {
        let open = || {
            let session = Session::decode(&self.sessions.open(name, text)?)?;
            Some(self.verifier.opened(session, id, text.len()))
        };
        let Some(opened) = known.find_or_open((name, text), open) else { return Found::Gone(CHANGED) };
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

    /// Notes that a session was seen, where it is time for that: the fields that tell the browser, if it keeps the session.
    pub(super) async fn note(
        &self,
        opened: &Opened,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Vec<String> {
        let Some(entry) = self.entry_of(opened) else { return self.seen(opened, request, facts) };
        if opened.session.is_stale(self.lifetimes, since_1970(facts)) {
            // Where that fails, the next request tries it again.
            let _ = self.note_seen(entry, facts, runtime).await;
        }
        Vec::new()
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
        let name = match &opened.id {
            Some(id) => Cow::Owned(id.name()),
            None => Cow::Borrowed(self.cookies.session(scheme)),
        };
        let renewing = self.shared.renewal(sha256([&*name, refresh].join("\0").as_bytes()), runtime.now());
        let asked = async {
            match self.entry_of(&opened) {
                Some(entry) => self.renew_entry(entry, &opened, facts, runtime).await,
                None => self.renew_cookie(&opened, request, facts, runtime).await,
            }
        };
        match renewing.get_or_init(|| asked).await {
            Renewal::Refused => None,
            Renewal::Unavailable => {
                let kept = self.note(&opened, request, facts, runtime).await;
                Some((opened, kept))
            }
            Renewal::Renewed(session, text) => {
                let keep = || {
                    let left = session.left(self.lifetimes, since_1970(facts)).unwrap_or_default();
                    self.cookies.keep_session(scheme, request, text, left)
                };
                let kept = if opened.id.is_some() { None } else { keep() };
                let open = || Some(self.verifier.opened(session.clone(), opened.id, text.len()));
                Some((known.find_or_open((&name, text.as_bytes()), open)?, kept.unwrap_or_default()))
            }
        }
    }

    async fn renew_cookie(
        &self,
        opened: &Opened,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Renewal {
        match self.ask_anew(&opened.session, facts, runtime).await {
            Ok(mut session) => match self.keep(self.scheme(facts), request, &mut session, facts) {
                Some((text, _)) => Renewal::Renewed(session, text),
                None => Renewal::Refused,
            },
            Err(failed) => failed,
        }
    }

    /// Asks the provider for new tokens: the session with them, or why it has none.
    pub(super) async fn ask_anew(
        &self,
        session: &Session,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Result<Session, Renewal> {
        let refresh = session.refresh.as_deref().unwrap_or_default();
        let form = Form::default().field("grant_type", "refresh_token").field("refresh_token", refresh);
        let granted = match self.provider.ask(form, runtime, TIMEOUT, false).await {
            Ok(answer) => self.granted(&answer, None, session.clone(), facts, runtime).await,
            Err(denied) => Err(denied.into()),
        };
        granted.map_err(|failed| match failed {
            // Only this says that the session is over (RFC 6749 section 5.2); all else may be mended there or here.
            Failed::Refused(denied) if denied.is("invalid_grant") => Renewal::Refused,
            Failed::Wrong(_) => Renewal::Refused,
            Failed::Refused(_) | Failed::Unavailable(_) => Renewal::Unavailable,
        })
    }
}
