//! Sessions that have ended though their cookies are good: the provider has said so, or the user has logged out. Known to this process,
//! for as long as such a session could last; how many are remembered is bounded, and where there are more, older sessions end with them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::asking::sha256;

/// The SHA-256 of what a session is known by.
pub(super) type Key = [u8; 32];

/// Parts of the list, so that a change copies little.
const PARTS: usize = 16;
/// Entries of a part.
const MOST: usize = 1024;

/// The list. Requests look at it; the few that end sessions change it.
#[derive(Debug)]
pub(super) struct Ended(Box<[ArcSwap<Part>]>);

#[derive(Clone, Debug, Default)]
struct Part {
    /// When it ended, and until when that matters.
    entries: HashMap<Key, (Duration, Duration)>,
    /// Sessions that are as old as this have ended: it is that of the last that had to be forgotten.
    floor: Duration,
}

impl Part {
    /// Where there are too many, the oldest goes, and what began before it with it.
    fn put(&mut self, key: Key, entry: (Duration, Duration)) {
        if self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (ended, _))| *ended);
            if let Some((oldest, ended)) = oldest.map(|(key, (ended, _))| (*key, *ended)) {
                self.entries.remove(&oldest);
                self.floor = self.floor.max(ended);
            }
        }
        self.entries.insert(key, entry);
    }
}

impl Default for Ended {
    fn default() -> Self {
        Self((0..PARTS).map(|_| ArcSwap::default()).collect())
    }
}

/// What sessions of this `sid` are known by.
pub(super) fn of_sid(sid: &str) -> Key {
    key("sid", sid)
}

/// What the session that a store has under this id is known by.
pub(super) fn of_id(id: &str) -> Key {
    key("id", id)
}

/// What all sessions of a user are known by.
pub(super) fn of_subject(subject: &str) -> Key {
    key("sub", subject)
}

/// What a logout token is known by: each counts once.
pub(super) fn of_token(id: &str) -> Key {
    key("jti", id)
}

fn key(kind: &str, text: &str) -> Key {
    sha256([kind, text].join("\0").as_bytes())
}

impl Ended {
    fn part(&self, key: &Key) -> &ArcSwap<Part> {
        &self.0[usize::from(key[0]) % PARTS]
    }

    /// Ends what is known so and began until now; that matters for so long. False if it has ended in this time already.
    pub(super) fn end(&self, key: Key, now: Duration, lasts: Duration) -> bool {
        let mut is_new = true;
        self.part(&key).rcu(|part| {
            let mut part = Part::clone(part);
            part.entries.retain(|_, (_, until)| *until > now);
            is_new = !part.entries.contains_key(&key);
            part.put(key, (now, now.saturating_add(lasts)));
            Arc::new(part)
        });
        is_new
    }

    /// Takes in what another replica says: what is known so and began until `ended` has ended, and that matters `until` then.
    pub(super) fn hear(&self, key: Key, ended: Duration, until: Duration) {
        self.part(&key).rcu(|part| {
            let mut part = Part::clone(part);
            let known = part.entries.get(&key).copied().unwrap_or_default();
            part.put(key, (ended.max(known.0), until.max(known.1)));
            Arc::new(part)
        });
    }

    /// Whether a session that is known so and began then has ended.
    pub(super) fn has(&self, key: &Key, began: Duration) -> bool {
        let part = self.part(key).load();
        began <= part.floor && part.floor > Duration::ZERO
            || part.entries.get(key).is_some_and(|(ended, _)| began <= *ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn sessions_from_before_have_ended_and_later_ones_not() {
        let ended = Ended::default();
        assert!(!ended.has(&of_sid("a"), at(10)));
        assert!(ended.end(of_sid("a"), at(20), HOUR));
        assert!(!ended.end(of_sid("a"), at(21), HOUR));
        assert!(ended.has(&of_sid("a"), at(10)));
        assert!(!ended.has(&of_sid("a"), at(30)));
        assert!(!ended.has(&of_subject("a"), at(10)));
        // What no session can be as old as is forgotten.
        assert!(ended.end(of_sid("a"), at(5000), HOUR));
    }

    #[test]
    fn where_there_are_too_many_older_sessions_end_with_them() {
        let ended = Ended::default();
        for number in 0..PARTS as u64 * MOST as u64 * 2 {
            ended.end(of_sid(&number.to_string()), at(100 + number), HOUR * 1000);
        }
        let count: usize = ended.0.iter().map(|part| part.load().entries.len()).sum();
        assert_eq!(count, PARTS * MOST);
        for number in [0, 1, 1000, 30_000] {
            assert!(ended.has(&of_sid(&number.to_string()), at(100 + number)), "{number}");
        }
        assert!(ended.has(&of_sid("another"), at(100)));
        assert!(!ended.has(&of_sid("another"), at(1_000_000)));
    }
}
