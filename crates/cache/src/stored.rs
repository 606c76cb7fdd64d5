//! Answers that are kept outside of this process, where other clocks count and where it may be another process that reads them.
//! How they are written there is the policy's business.

use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use maitred_http::ResponseHead;

use crate::date::Moment;
use crate::entry::{Entry, stale_for};
use crate::freshness::{Freshness, Rules};
use crate::storing::{Asker, may_share};
use crate::vary::Selection;

/// What cannot be read off the head of a kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// When the service was asked for it, in microseconds since 1970.
    pub asked: u64,
    /// When this was written down, in microseconds since 1970.
    pub at: u64,
    /// How old the answer was then, in seconds.
    pub age: u64,
    /// For how long it is fresh in all, in seconds.
    pub lifetime: u64,
    /// Whether the service said so.
    pub is_explicit: bool,
    /// What it can be removed by.
    pub tags: Box<[Box<[u8]>]>,
}

impl Entry {
    /// What is written down of it, beside head and body.
    pub fn stored(&self, now: Moment) -> Stored {
        let Freshness { lifetime, is_explicit, .. } = self.freshness;
        let age = self.freshness.age(now);
        let asked = now.wall.saturating_sub(now.steady.saturating_sub(self.asked));
        Stored { asked, at: now.wall, age, lifetime, is_explicit, tags: self.tags.clone() }
    }

    /// For how many seconds it can answer anybody, stale or not.
    pub fn useful_for(&self, now: Moment) -> u64 {
        let stale = self.stale_while_revalidate.max(self.stale_if_error);
        let until = self.freshness.lifetime.saturating_add(stale);
        until.saturating_sub(self.freshness.age(now))
    }

    /// One that was written down; none where it is not for others, whoever wrote it. It is as much older as the clock on the wall says, and no younger
    /// where that was set back.
    pub fn restored(
        (head, body): (ResponseHead, Bytes),
        stored: Stored,
        (selection, secondary): (Selection, &[u8]),
        now: Moment,
        rules: &Rules,
    ) -> Option<Self> {
        let control = rules.control(&head.fields);
        let Stored { asked, at, age, lifetime, is_explicit, mut tags } = stored;
        tags.sort();
        let since = now.wall.saturating_sub(at).div_ceil(1_000_000);
        let initial_age = age.saturating_add(since);
        let freshness = Freshness { came: now.steady, initial_age, lifetime, is_explicit };
        let (stale_while_revalidate, stale_if_error) = stale_for(&control, &freshness, rules);
        may_share(&head, &control, Some(&freshness), Asker::default()).ok()?;
        Some(Self {
            head,
            body,
            freshness,
            control,
            selection,
            secondary: secondary.into(),
            tags,
            stale_while_revalidate,
            stale_if_error,
            asked: now.steady.saturating_sub(now.wall.saturating_sub(asked)),
            claimed: AtomicU64::new(0),
            is_touched: AtomicBool::new(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::RequestControl;
    use crate::control::ResponseControl;
    use crate::entry::{Came, Use};
    use crate::testing::{fields, response};

    const SECOND: u64 = 1_000_000;

    fn at(steady: u64, wall: u64) -> Moment {
        Moment { steady: steady * SECOND, wall: (1_700_000_000 + wall) * SECOND }
    }

    /// Clocks that never go back begin with each process; those on the wall may differ.
    #[test]
    fn what_comes_back_is_as_old_as_it_has_become() {
        let head = response(
            200,
            &[
                ("Cache-Control", "max-age=60, stale-if-error=30"),
                ("Age", "5"),
                ("Vary", "A"),
                ("Cache-Tag", "t"),
            ],
        );
        let rules = Rules::default();
        let control = ResponseControl::read(&head.fields, false);
        let asked = fields(&[("A", "1")]);
        let came = Came { asked: at(1000, 0), at: at(1000, 0) };
        let freshness = Freshness::of(&head, &control, came.asked, came.at, &rules);
        let selection = || Selection::of(&head, &asked).unwrap();
        let entry = Entry::new(&head, control, freshness, (selection(), b"s"), came, &rules);
        let stored = entry.stored(at(1010, 10));
        assert_eq!((stored.age, stored.lifetime, stored.is_explicit), (15, 60, true));
        assert_eq!(stored.asked, at(0, 0).wall);
        assert_eq!(entry.useful_for(at(1010, 10)), 75);
        for (now, age) in [(at(3, 30), 35), (at(3, 10), 15), (at(3, 5), 15)] {
            let parts = (entry.head.clone(), entry.body.clone());
            let again = Entry::restored(parts, stored.clone(), (selection(), b"s"), now, &rules).unwrap();
            assert_eq!(again.freshness.age(now), age);
            assert_eq!(again.asked, now.steady.saturating_sub(now.wall - stored.asked));
            assert!(again.has_tag(b"t") && again.is_for(b"s", &asked, Asker::default()));
            assert_eq!(again.judge(&RequestControl::default(), now), Use::Fresh);
            assert!(again.may_stand_in(at(50, 0)) && again.freshness.came == now.steady);
        }
        for for_nobody in [("Cache-Control", "private"), ("Set-Cookie", "a=1")] {
            let head = response(200, &[("Cache-Control", "max-age=60"), for_nobody]);
            let parts = (head, Bytes::new());
            let restored = Entry::restored(parts, stored.clone(), (selection(), b"s"), at(3, 30), &rules);
            assert!(restored.is_none(), "{for_nobody:?}");
        }
    }
}
