//! What a worker counts of the requests that one policy refused: by cause, whose words are the policy's.
//!
//! Every field is written by the worker that owns the shard, and by nobody else.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::counter::Counter;
use crate::series::{OTHER, Shard};

/// How many causes are told apart; a policy that has more counts the others as one.
const CAUSES: usize = 8;

/// One policy where it is written.
#[derive(Debug, Default)]
pub struct RefusalShard {
    known: [(OnceLock<&'static str>, Counter); CAUSES],
    others: Counter,
}

impl RefusalShard {
    /// Requests that were refused for this cause. Only the worker that owns the shard may ask.
    pub fn refused(&self, cause: &'static str) -> &Counter {
        let is_it = |word: &OnceLock<&'static str>| *word.get_or_init(|| cause) == cause;
        self.known.iter().find(|(word, _)| is_it(word)).map_or(&self.others, |(_, counter)| counter)
    }

    /// Adds what was counted to the sums of other workers.
    pub(crate) fn add_to(&self, sums: &mut BTreeMap<&'static str, u64>) {
        for (word, counter) in &self.known {
            if let Some(word) = word.get() {
                *sums.entry(word).or_default() += counter.value();
            }
        }
        if self.others.value() > 0 {
            *sums.entry(OTHER).or_default() += self.others.value();
        }
    }
}

impl Shard for RefusalShard {
    const LINES: u64 = CAUSES as u64 + 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart_as_long_as_there_is_room() {
        let shard = RefusalShard::default();
        for cause in ["a", "b", "a", "c", "d", "e", "f", "g", "h", "i", "j", "a", "h"] {
            shard.refused(cause).inc();
        }
        let mut sums = BTreeMap::from([("b", 5)]);
        shard.add_to(&mut sums);
        let told = ["a", "b", "c", "d", "e", "f", "g", "h", OTHER].into_iter();
        assert_eq!(sums, told.zip([3, 6, 1, 1, 1, 1, 1, 2, 2]).collect());
    }
}
