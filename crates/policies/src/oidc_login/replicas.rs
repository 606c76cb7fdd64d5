//! Sessions that have ended on other replicas, where they share a store: all are told at once, and what was told before somebody listened is looked up when a
//! session is seen for the first time. Who may write to the store may end sessions, and begin none.

use std::time::Duration;

use bytes::Bytes;
use maitred_policy::Runtime;
use maitred_store::{Ear, Key, Scope, StoreShared};

use super::ended;
use super::known::Opened;
use super::shared::SessionsShared;

/// Where replicas tell each other that sessions have ended.
pub(super) const CHANNEL: &str = "sessions";
const VERSION: u8 = 1;

/// The store that replicas share.
#[derive(Debug)]
pub(super) struct Replicas {
    pub(super) store: StoreShared,
    scope: Scope,
}

impl Replicas {
    pub(super) fn new(store: StoreShared) -> Self {
        Self { store, scope: Scope::new("sessions") }
    }

    /// Tells the others that what is known so has ended, and that it matters for so long. Who asked for that waits, so that nobody can use the
    /// session elsewhere once it is answered.
    pub(super) async fn tell(
        &self,
        shared: &SessionsShared,
        key: &ended::Key,
        (now, lasts): (Duration, Duration),
        runtime: &dyn Runtime,
    ) {
        let seat = runtime.seat();
        let value = [shared.realm, *key].concat();
        let mut message = vec![VERSION];
        message.extend_from_slice(&value);
        message.extend_from_slice(&millis(now).to_be_bytes());
        message.extend_from_slice(&millis(now.saturating_add(lasts)).to_be_bytes());
        self.store.tell(seat, CHANNEL, message.into());
        let mut entry = vec![VERSION];
        entry.extend_from_slice(&millis(now).to_be_bytes());
        let key = Key { scope: &self.scope, value: &value };
        if let Err(away) = self.store.put(seat, key, entry.into(), lasts, runtime.moment()).wait().await {
            tracing::warn!("other replicas may not know that a session has ended: {away}");
        }
    }

    /// Looks whether others have ended a session. Where the store is away, it is looked up again with the next request.
    pub(super) async fn look_up(
        &self,
        shared: &SessionsShared,
        opened: &Opened,
        (now, lasts): (Duration, Duration),
        runtime: &dyn Runtime,
    ) {
        let gaps = shared.gaps();
        for key in &opened.ends {
            let value = [shared.realm, *key].concat();
            let at = Key { scope: &self.scope, value: &value };
            match self.store.get(runtime.seat(), at, runtime.moment()).wait().await {
                Ok(Some(entry)) => {
                    if let Some(ended) = parse_entry(&entry) {
                        shared.ended.hear(*key, ended, now.saturating_add(lasts));
                    }
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
        opened.checked.set(gaps);
    }
}

impl Ear for SessionsShared {
    fn hear(&self, message: &[u8]) {
        if let Some((realm, key, ended, until)) = parse_message(message)
            && realm == self.realm
        {
            self.ended.hear(key, ended, until);
        }
    }

    fn gap(&self) {
        self.miss();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn parse_entry(entry: &Bytes) -> Option<Duration> {
    match entry.split_first()? {
        (&VERSION, ended) => Some(Duration::from_millis(u64::from_be_bytes(ended.try_into().ok()?))),
        _ => None,
    }
}

fn parse_message(message: &[u8]) -> Option<([u8; 32], ended::Key, Duration, Duration)> {
    let ([VERSION], rest) = message.split_first_chunk()? else { return None };
    let (realm, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_first_chunk()?;
    let (ended, until) = rest.split_first_chunk()?;
    let at = |millis: &[u8; 8]| Duration::from_millis(u64::from_be_bytes(*millis));
    Some((*realm, *key, at(ended), at(until.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_ends_nothing() {
        let shared = SessionsShared::new([7; 32]);
        let key = ended::of_sid("s");
        let began = Duration::from_secs(10);
        let message = |version: u8, realm: u8| {
            let mut message = vec![version];
            message.extend_from_slice(&[realm; 32]);
            message.extend_from_slice(&key);
            message.extend_from_slice(&20_000_u64.to_be_bytes());
            message.extend_from_slice(&90_000_u64.to_be_bytes());
            message
        };
        let good = message(1, 7);
        for wrong in [
            &message(2, 7)[..],
            &message(1, 8),
            &good[..good.len() - 1],
            &[&good[..], b"x"].concat(),
            b"",
            b"x",
        ] {
            shared.hear(wrong);
            assert!(!shared.ended.has(&key, began));
        }
        shared.hear(&good);
        assert!(shared.ended.has(&key, began));
        assert!(!shared.ended.has(&key, Duration::from_secs(30)));
        assert_eq!(
            parse_entry(&Bytes::from_static(&[1, 0, 0, 0, 0, 0, 0, 1, 0])),
            Some(Duration::from_millis(256))
        );
        for wrong in [&b""[..], &[1], &[2, 0, 0, 0, 0, 0, 0, 1, 0], &[1, 0, 0, 0, 0, 0, 0, 1, 0, 0]] {
            assert_eq!(parse_entry(&Bytes::copy_from_slice(wrong)), None);
        }
    }
}
