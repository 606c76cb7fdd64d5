//! Logging out: by the user, at the provider too (`OpenID` Connect RP-Initiated Logout 1.0), and by the provider alone, through its back channel
//! (`OpenID` Connect Back-Channel Logout 1.0).

use std::time::Duration;

use maitred_http::{Known, RequestHead};
use maitred_policy::{Facts, Fault, Reply, RequestBody, Runtime, Verdict};
use maitred_store::Said;

use super::known::Opened;
use super::query::Parameters;
use super::replies::{redirect, store_unavailable, with_query, without_host};
use super::session::{Session, since_1970};
use super::verify::{LOGOUT_AGE, Wrong};
use super::{OidcLogin, ended};
use crate::provider::Form;

impl OidcLogin {
    /// Logs a user out, here and at the provider.
    pub(super) async fn log_out(
        &self,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Verdict {
        let scheme = self.scheme(facts);
        if self.navigation.is_foreign(request, scheme) {
            return Fault::client(403, "cross_site_request", "Cross-site request refused").into();
        }
        let Some(origin) = self.origin(request, facts) else { return without_host() };
        let opened = match self.brought(request, facts, runtime).await {
            Ok(opened) => opened,
            Err(away) => return store_unavailable(away).into(),
        };
        if let Some(opened) = &opened
            && let Err(away) = self.end(opened, facts, runtime).await
        {
            return store_unavailable(away).into();
        }
        let forget = self.cookies.forget_session(scheme, request);
        let endpoints = self.described.now();
        let endpoint = endpoints.as_ref().and_then(|endpoints| endpoints.end_session.as_ref());
        let Some(endpoint) = endpoint else { return redirect(303, &self.paths.after_logout, forget) };
        let id_token = opened.as_ref().and_then(|opened| opened.session.id_token.as_deref());
        let form = Form::default()
            .field_if("id_token_hint", id_token)
            .field("client_id", &self.verifier.client_id)
            .field("post_logout_redirect_uri", &format!("{origin}{}", self.paths.after_logout));
        redirect(303, &with_query(endpoint.as_str(), form), forget)
    }

    /// The session that a request brings, though it may have ended.
    async fn brought(
        &self,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Said<Option<Opened>> {
        let scheme = self.scheme(facts);
        let name = self.cookies.session(scheme);
        let Some(text) = self.cookies.find_session(scheme, request) else { return Ok(None) };
        let Some(entries) = &self.entries else {
            let session = self.sessions.open(name, &text).and_then(|plain| Session::decode(&plain));
            return Ok(session.map(|session| self.verifier.opened(session, None, text.len())));
        };
        let Some(id) = entries.open(name, &text) else { return Ok(None) };
        let read = self.read_anew((entries, &id), runtime).await?;
        Ok(read.map(|(session, text)| self.verifier.opened(session, Some(id), text.len())))
    }

    /// Ends a session also for those who have kept its cookie.
    async fn end(&self, opened: &Opened, facts: &Facts, runtime: &dyn Runtime) -> Said<()> {
        let sid = opened.session.claims.get("sid").and_then(serde_json::Value::as_str).map(ended::of_sid);
        // A request that is under way may write the entry anew once more: then it is known by this that it has ended.
        let own = sid.or_else(|| opened.id.map(|id| ended::of_id(&id.name())));
        if let Some(own) = own {
            self.end_all(own, since_1970(facts), runtime).await;
        }
        match self.entry_of(opened) {
            Some((entries, id)) => entries.remove(id, runtime).await,
            None => Ok(()),
        }
    }

    /// Ends all sessions that are known so, on all replicas.
    async fn end_all(&self, key: ended::Key, now: Duration, runtime: &dyn Runtime) {
        let lasts = self.lifetimes.whole;
        self.shared.ended.end(key, now, lasts);
        if let Some(replicas) = &self.replicas {
            replicas.tell(&self.shared, &key, (now, lasts), runtime).await;
        }
    }

    /// Takes a message of the provider that a session has ended, or all of a user.
    pub(super) async fn backchannel(
        &self,
        body: &RequestBody,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Verdict {
        match self.told_to_end(body, facts, runtime).await {
            Ok(()) => {
                let mut reply = Reply::new(200);
                reply.head.fields.append_known(Known::CacheControl, b"no-store");
                Verdict::Respond(Box::new(reply))
            }
            Err(why) => {
                let fault = Fault::client(400, "invalid_logout_token", "Invalid logout token");
                fault.field(b"Cache-Control", b"no-store").source(why).into()
            }
        }
    }

    async fn told_to_end(
        &self,
        body: &RequestBody,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Result<(), Wrong> {
        let whole = body.whole.as_ref().map_or(&[][..], |whole| &whole.bytes[..]);
        let form = str::from_utf8(whole).ok().and_then(Parameters::read);
        let form = form.ok_or(Wrong::Said("the message is no form"))?;
        let token = form.find("logout_token").ok_or(Wrong::Said("the message has no `logout_token`"))?;
        let now = since_1970(facts);
        let told = self.verifier.logout_token(token, now, runtime).await?;
        // It is taken for as long as it could be shown again, with clocks that differ.
        if !self.shared.ended.end(ended::of_token(&told.id), now, LOGOUT_AGE * 2) {
            return Err(Wrong::Said("the logout token was shown before"));
        }
        let key = match (&told.sid, &told.subject) {
            (Some(sid), _) => ended::of_sid(sid),
            (None, Some(subject)) => ended::of_subject(subject),
            (None, None) => return Ok(()),
        };
        self.end_all(key, now, runtime).await;
        Ok(())
    }
}
