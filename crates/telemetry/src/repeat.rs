//! Messages that would repeat for every request, held down to a few per second and key.
//!
//! Pure: the time comes in, and who asks does the logging. A worker owns its own and asks before it logs.

use std::collections::HashMap;

const SECOND: u64 = 1_000_000;

/// Lets through the first few messages of each key in a second and counts the others.
#[derive(Debug)]
pub struct RepeatLimit {
    per_second: u32,
    most_keys: usize,
    windows: HashMap<Box<str>, Window>,
}

/// One second of one key, from its first message on.
#[derive(Debug)]
struct Window {
    began: u64,
    passed: u32,
    suppressed: u64,
}

impl RepeatLimit {
    /// `per_second` messages of each key pass. More than `most_keys` keys at once share one allowance.
    pub fn new(per_second: u32, most_keys: usize) -> Self {
        Self { per_second, most_keys, windows: HashMap::new() }
    }

    /// Whether a message with this key is to be logged at `now_micros` (of any clock that does not go back): `Some` with
    /// the number of those suppressed since the last one that was, or `None`.
    pub fn admit(&mut self, key: &str, now_micros: u64) -> Option<u64> {
        let key = if self.knows(key, now_micros) { key } else { "" };
        if !self.windows.contains_key(key) {
            self.windows.insert(key.into(), Window { began: now_micros, passed: 0, suppressed: 0 });
        }
        let window = self.windows.get_mut(key).expect("a missing window was just put there");
        if window.has_ended(now_micros) {
            (window.began, window.passed) = (now_micros, 0);
        }
        if window.passed < self.per_second {
            window.passed += 1;
            return Some(std::mem::take(&mut window.suppressed));
        }
        window.suppressed += 1;
        None
    }

    /// Forgets the keys that have been quiet for a second, and tells of those that still owe a count: to be called about
    /// every second, so that the last messages of a burst are told too and memory is given back.
    pub fn settle(&mut self, now_micros: u64, mut tell: impl FnMut(&str, u64)) {
        self.windows.retain(|key, window| {
            let ended = window.has_ended(now_micros);
            if ended && window.suppressed > 0 {
                tell(key, window.suppressed);
            }
            !ended
        });
    }

    /// Whether the key has a window or there is room for one.
    fn knows(&mut self, key: &str, now_micros: u64) -> bool {
        if self.windows.contains_key(key) || self.windows.len() < self.most_keys {
            return true;
        }
        self.windows.retain(|_, window| !window.has_ended(now_micros) || window.suppressed > 0);
        self.windows.len() < self.most_keys
    }
}

impl Window {
    fn has_ended(&self, now_micros: u64) -> bool {
        now_micros.saturating_sub(self.began) >= SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_pass_and_the_others_are_told_with_the_next() {
        let mut limit = RepeatLimit::new(2, 10);
        let at = |limit: &mut RepeatLimit, millis: u64| limit.admit("orders", millis * 1_000);
        let told: Vec<_> = [0, 1, 2, 999, 1_000, 1_001, 1_002].map(|millis| at(&mut limit, millis)).into();
        assert_eq!(told, [Some(0), Some(0), None, None, Some(2), Some(0), None]);
    }

    #[test]
    fn keys_do_not_see_each_other() {
        let mut limit = RepeatLimit::new(1, 10);
        assert_eq!(["a", "b", "a", "b"].map(|key| limit.admit(key, 5)), [Some(0), Some(0), None, None]);
    }

    #[test]
    fn the_end_of_a_burst_is_told_when_it_settles() {
        let mut limit = RepeatLimit::new(1, 10);
        for key in ["a", "a", "a", "b"] {
            limit.admit(key, 0);
        }
        let mut told = Vec::new();
        limit.settle(SECOND - 1, |key, count| told.push((key.to_owned(), count)));
        assert_eq!(told, []);
        limit.settle(SECOND, |key, count| told.push((key.to_owned(), count)));
        assert_eq!(told, [("a".to_owned(), 2)]);
        assert!(limit.windows.is_empty());
    }

    #[test]
    fn more_keys_than_it_may_keep_share_one_allowance() {
        let mut limit = RepeatLimit::new(1, 3);
        let told: Vec<_> = (0..1_000).map(|key| limit.admit(&key.to_string(), 0)).collect();
        assert_eq!(told.iter().flatten().count(), 4, "three keys, and the one that the others share");
        assert!(limit.windows.len() <= 4);
        assert_eq!(limit.admit("new", SECOND), Some(0), "quiet keys made room");
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_ends_nothing() {
        let mut limit = RepeatLimit::new(1, 10);
        assert_eq!([9, 9, 3].map(|second| limit.admit("a", second * SECOND)), [Some(0), None, None]);
    }

    #[test]
    fn none_per_second_is_none() {
        let mut limit = RepeatLimit::new(0, 10);
        assert_eq!([0, 1, SECOND].map(|now| limit.admit("a", now)), [None, None, None]);
    }
}
