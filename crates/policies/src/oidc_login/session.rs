//! A session: who has logged in, and what the gateway needs to keep it going. It stands in the browser's cookie or in a store, sealed.
//! Here is what it holds, and when it ends.

use std::time::{Duration, UNIX_EPOCH};

use maitred_policy::Facts;
use serde_json::{Map, Value, json};

/// Who has logged in, since when, and with which tokens.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Session {
    /// When it began, in milliseconds since 1970: it ends some time after, however busy.
    pub(super) began: u64,
    /// When it was last seen, in seconds since 1970, give or take.
    pub(super) seen: u64,
    /// What the provider says of the user.
    pub(super) claims: Map<String, Value>,
    /// When the access token expires, in seconds since 1970, and how many seconds it was good for.
    pub(super) expires: Option<(u64, u64)>,
    /// The token that services get, where they get one.
    pub(super) forwarded: Option<String>,
    /// What a new access token is had for.
    pub(super) refresh: Option<String>,
    /// What the provider is told at the logout.
    pub(super) id_token: Option<String>,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    /// From the login on.
    pub(super) whole: Duration,
    /// Without a request.
    pub(super) idle: Duration,
}

/// An access token is renewed so many seconds before it expires, or when a fifth of its time is left.
const BEFORE: u64 = 30;

impl Session {
    /// Seconds that are left of it at this time; none if it has ended.
    pub(super) fn left(&self, lifetimes: Lifetimes, now: Duration) -> Option<u64> {
        let whole = Duration::from_millis(self.began).saturating_add(lifetimes.whole);
        let idle = Duration::from_secs(self.seen).saturating_add(lifetimes.idle);
        let left = whole.min(idle).checked_sub(now)?.as_secs();
        (left > 0).then_some(left)
    }

    /// Whether the browser should be told that it was seen: a tenth of the time that it may be idle has passed.
    pub(super) fn is_stale(&self, lifetimes: Lifetimes, now: Duration) -> bool {
        now >= Duration::from_secs(self.seen) + lifetimes.idle / 10
    }

    /// Whether the access token has nearly expired.
    pub(super) fn is_expiring(&self, now: Duration) -> bool {
        self.expires.is_some_and(|(at, lifetime)| now.as_secs() + BEFORE.min(lifetime / 5) >= at)
    }

    /// Whether it is time for another access token, and it can be had.
    pub(super) fn is_to_be_renewed(&self, now: Duration) -> bool {
        self.refresh.is_some() && self.is_expiring(now)
    }

    /// Whether the access token has expired.
    pub(super) fn is_expired(&self, now: Duration) -> bool {
        self.expires.is_some_and(|(at, _)| now.as_secs() >= at)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { began, seen, claims, expires, forwarded, refresh, id_token } = self;
        json!([began, seen, claims, expires, forwarded, refresh, id_token]).to_string().into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Value::Array(parts) = serde_json::from_slice(bytes).ok()? else { return None };
        let [began, seen, claims, expires, forwarded, refresh, id_token] =
            <[Value; 7]>::try_from(parts).ok()?;
        let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
        Some(Self {
            began: began.as_u64()?,
            seen: seen.as_u64()?,
            claims: if let Value::Object(claims) = claims { claims } else { return None },
            expires: match expires {
                Value::Null => None,
                times => Some((times.get(0)?.as_u64()?, times.get(1)?.as_u64()?)),
            },
            forwarded: text(forwarded),
            refresh: text(refresh),
            id_token: text(id_token),
        })
    }
}

/// When a request came, since 1970.
pub(super) fn since_1970(facts: &Facts) -> Duration {
    facts.received.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The same in seconds.
pub(super) fn seconds(facts: &Facts) -> u64 {
    since_1970(facts).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes =
        Lifetimes { whole: Duration::from_secs(1000), idle: Duration::from_secs(100) };

    fn session() -> Session {
        let claims = json!({ "sub": "alice" }).as_object().unwrap().clone();
        let texts = ["a", "r", "i"].map(|text| Some(text.to_owned()));
        let [forwarded, refresh, id_token] = texts;
        Session { began: 500_000, seen: 600, claims, expires: Some((900, 300)), forwarded, refresh, id_token }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        assert!(Session::decode(&session().encode()).unwrap() == session());
        let bare = Session::default();
        assert!(Session::decode(&bare.encode()).unwrap() == bare);
        for wrong in [&b"{}"[..], b"[]", b"[1,2,3,4,5,6,7]", b""] {
            assert!(Session::decode(wrong).is_none());
        }
    }

    #[test]
    fn it_ends_when_it_is_idle_or_old() {
        let left = |seen, now| Session { seen, ..session() }.left(LIFETIMES, Duration::from_secs(now));
        assert_eq!([left(600, 600), left(600, 699), left(600, 700)], [Some(100), Some(1), None]);
        assert_eq!([left(1450, 1450), left(1450, 1499), left(1450, 1500)], [Some(50), Some(1), None]);
        let stale = |now| session().is_stale(LIFETIMES, Duration::from_secs(now));
        assert_eq!([stale(609), stale(610)], [false, true]);
    }

    #[test]
    fn its_token_is_renewed_before_it_expires() {
        let expiring = |lifetime, now| {
            Session { expires: Some((900, lifetime)), ..session() }.is_expiring(Duration::from_secs(now))
        };
        assert_eq!([expiring(300, 869), expiring(300, 870)], [false, true]);
        assert_eq!([expiring(10, 897), expiring(10, 898)], [false, true]);
        assert!(!Session { expires: None, ..session() }.is_expiring(Duration::from_secs(9999)));
        let expired = |now| session().is_expired(Duration::from_secs(now));
        assert_eq!([expired(899), expired(900)], [false, true]);
    }
}
