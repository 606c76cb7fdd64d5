//! Sessions in a store as they go on: begun at a login, read at each request, and written anew when they were seen or renewed.
//! Where the store does not answer, nobody is taken for logged out.

use std::time::Duration;

use maitred_http::RequestHead;
use maitred_policy::{Facts, Runtime};
use maitred_store::Said;

use super::OidcLogin;
use super::entries::{Entries, Id};
use super::known::{Known, Opened};
use super::renew::Found;
use super::session::{Session, since_1970};
use super::shared::Renewal;

/// How long a request whose access token has expired waits while another replica renews it.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(50);

impl OidcLogin {
    /// Where a session is kept, if that is not its cookie.
    pub(super) fn entry_of<'a>(&'a self, opened: &'a Opened) -> Option<(&'a Entries, &'a Id)> {
        self.entries.as_ref().zip(opened.id.as_ref())
    }

    /// The session with this id.
    pub(super) async fn fetch(
        &self,
        (entries, id): (&Entries, Id),
        facts: &mut Facts,
        known: &Known,
        runtime: &dyn Runtime,
    ) -> Said<Found<'_>> {
        let Some(sealed) = facts.ask(&entries.store, entries.get(&id, runtime)).await? else {
            return Ok(Found::Gone("the store has it no more"));
        };
        Ok(self.judge((&id.name(), &sealed), Some(id), facts, known))
    }

    /// Puts a new session into the store: the fields that have the browser keep its id. That is good for as long as any session; when this one has been idle is
    /// for the store to say.
    pub(super) async fn begin_entry(
        &self,
        entries: &Entries,
        session: &Session,
        request: &RequestHead,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Said<Vec<String>> {
        let id = Id::new();
        self.put((entries, &id), session, facts, runtime).await?;
        let scheme = self.scheme(facts);
        let text = entries.seal(self.cookies.session(scheme), &id);
        let kept = self.cookies.keep_session(scheme, request, &text, self.lifetimes.whole.as_secs());
        Ok(kept.expect("an id is short"))
    }

    /// Notes that a session was seen. While somebody else writes it anew there is no need to.
    pub(super) async fn note_seen(
        &self,
        (entries, id): (&Entries, &Id),
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Said<()> {
        let turn = entries.turn(id, runtime);
        if !turn.take(runtime).await? {
            return Ok(());
        }
        let Some((session, _)) = self.read_anew((entries, id), runtime).await? else { return Ok(()) };
        let seen = session.seen.max(since_1970(facts).as_secs());
        self.put((entries, id), &Session { seen, ..session }, facts, runtime).await.map(|_| ())
    }

    /// Renews a session, unless another replica does: providers may take a refresh token once only.
    pub(super) async fn renew_entry(
        &self,
        (entries, id): (&Entries, &Id),
        opened: &Opened,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Renewal {
        let now = since_1970(facts);
        let (turn, until) = (entries.turn(id, runtime), runtime.now() + LONGEST_WAIT);
        loop {
            match turn.take(runtime).await {
                Ok(true) => break,
                Ok(false) if opened.session.is_expired(now) && runtime.now() < until => {
                    runtime.sleep_until(runtime.now() + LOOK).await;
                }
                Ok(false) | Err(_) => return Renewal::Unavailable,
            }
        }
        let session = match self.read_anew((entries, id), runtime).await {
            Ok(Some((session, text))) if !session.is_to_be_renewed(now) => {
                return Renewal::Renewed(session, text);
            }
            Ok(Some((session, _))) => session,
            Ok(None) => return Renewal::Refused,
            Err(_) => return Renewal::Unavailable,
        };
        match self.ask_anew(&session, facts, runtime).await {
            Ok(session) => {
                let text = self.put((entries, id), &session, facts, runtime).await.unwrap_or_else(|away| {
                    tracing::warn!("a session that was renewed may end early: {away}");
                    self.sessions.seal(&id.name(), &session.encode())
                });
                Renewal::Renewed(session, text)
            }
            Err(Renewal::Refused) => {
                // Else it ends by itself, and is refused again until then.
                let _ = entries.remove(id, runtime).await;
                Renewal::Refused
            }
            Err(failed) => failed,
        }
    }

    /// What is there by now of a session, and its sealed text.
    pub(super) async fn read_anew(
        &self,
        (entries, id): (&Entries, &Id),
        runtime: &dyn Runtime,
    ) -> Said<Option<(Session, String)>> {
        let Some(sealed) = entries.get(id, runtime).await? else { return Ok(None) };
        let session = self.sessions.open(&id.name(), &sealed).and_then(|plain| Session::decode(&plain));
        Ok(session.zip(String::from_utf8(sealed.into()).ok()))
    }

    /// Puts a session into its place, for what is left of it: its sealed text.
    async fn put(
        &self,
        (entries, id): (&Entries, &Id),
        session: &Session,
        facts: &Facts,
        runtime: &dyn Runtime,
    ) -> Said<String> {
        let left = session.left(self.lifetimes, since_1970(facts)).unwrap_or_default();
        let text = self.sessions.seal(&id.name(), &session.encode());
        entries.put(id, &text, Duration::from_secs(left), runtime).await?;
        Ok(text)
    }
}
