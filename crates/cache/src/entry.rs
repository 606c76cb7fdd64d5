//! One kept answer, and whether a request may have it.
//! What becomes of one that may not answer is the policy's to say.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use maitred_http::{Fields, Known, ResponseHead};

use crate::control::{RequestControl, ResponseControl};
use crate::date::{Moment, to_http_date};
use crate::freshen::{is_about, is_of_same_edition, updated};
use crate::freshness::{Freshness, Rules};
use crate::storing::{Asker, NotKept, may_share, stored_head, tags};
use crate::vary::Selection;

/// While a service does not answer, it is asked once in so many microseconds for a new edition of each answer.
const REFRESH_EVERY: u64 = 5_000_000;

/// An answer that is kept. Nothing of it changes: what is newer takes its place.
#[derive(Debug)]
pub struct Entry {
    /// Its head, without what belonged to the connection.
    pub head: ResponseHead,
    /// Its body, shared by all who get it.
    pub body: Bytes,
    /// How fresh it is.
    pub freshness: Freshness,
    pub(crate) control: ResponseControl,
    pub(crate) selection: Selection,
    /// What the policy tells answers of the same URL apart by.
    pub(crate) secondary: Box<[u8]>,
    pub(crate) tags: Box<[Box<[u8]>]>,
    pub(crate) stale_while_revalidate: u64,
    pub(crate) stale_if_error: u64,
    /// When the service was asked for it, in microseconds by the steady clock.
    pub(crate) asked: u64,
    /// Until when nobody else need have it asked for anew, in microseconds by the steady clock.
    pub(crate) claimed: AtomicU64,
    /// Whether somebody was given it lately.
    pub(crate) is_touched: AtomicBool,
}

/// When a request was sent, and when the head of its answer came.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// When the request was sent.
    pub asked: Moment,
    /// When the head came.
    pub at: Moment,
}

/// What a service says of a kept answer, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The 304, or the answer to HEAD.
    pub told: &'a ResponseHead,
    /// When it came.
    pub came: Came,
    /// The fields of the request as they were when what is kept was looked for.
    pub asked: &'a Fields,
    /// The same as the service got them.
    pub sent: &'a Fields,
    /// Who asked.
    pub asker: Asker,
}

/// A kept answer with what a service says of it now.
#[derive(Debug)]
pub struct Updated {
    /// It answers the one who asked.
    pub entry: Entry,
    /// Whether others may have it, too; else it is not kept any more.
    pub may_keep: Result<(), NotKept>,
}

impl Update<'_> {
    fn selection(&self, head: &ResponseHead) -> Option<Selection> {
        Selection::of(head, self.asked).filter(|selection| selection.matches(self.sent))
    }
}

/// What may be done with a kept answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It answers.
    Fresh,
    /// It answers, since the client takes stale ones.
    Stale,
    /// It answers, and the service is to be asked meanwhile (RFC 5861 section 3).
    WhileRevalidating,
    /// The service is to be asked first.
    Ask,
}

impl Entry {
    /// Keeps an answer that may be kept: its body follows.
    pub fn new(
        head: &ResponseHead,
        control: ResponseControl,
        freshness: Option<Freshness>,
        (selection, secondary): (Selection, &[u8]),
        came: Came,
        rules: &Rules,
    ) -> Self {
        let freshness = freshness.unwrap_or_else(|| Freshness::none(head, came.asked, came.at));
        let (while_revalidating, if_error) = stale_for(&control, &freshness, rules);
        Self {
            head: stored_head(head, &control, came.at),
            body: Bytes::new(),
            freshness,
            selection,
            secondary: secondary.into(),
            tags: tags(head),
            stale_while_revalidate: while_revalidating,
            stale_if_error: if_error,
            asked: came.asked.steady,
            claimed: AtomicU64::new(0),
            is_touched: AtomicBool::new(false),
            control,
        }
    }

    /// What may be done with it for a request that asks so (RFC 9111 sections 4.2.4, 5.2.1 and 5.2.2).
    pub fn judge(&self, asked: &RequestControl, now: Moment) -> Use {
        let (age, ttl) = (self.freshness.age(now), self.freshness.ttl(now));
        let is_too_old = asked.max_age.is_some_and(|most| age > most);
        if asked.no_cache || self.control.no_cache || is_too_old {
            return Use::Ask;
        }
        if self.freshness.is_fresh(now) {
            let is_fresh_enough = asked.min_fresh.is_none_or(|least| ttl >= 0 && ttl.unsigned_abs() >= least);
            return if is_fresh_enough { Use::Fresh } else { Use::Ask };
        }
        if asked.min_fresh.is_some() {
            return Use::Ask;
        }
        let stale = ttl.unsigned_abs();
        if stale < self.stale_while_revalidate {
            return Use::WhileRevalidating;
        }
        let may_be_stale = !self.control.forbids_stale() && self.control.s_maxage.is_none();
        if may_be_stale && asked.max_stale.is_some_and(|most| stale <= most) {
            return Use::Stale;
        }
        Use::Ask
    }

    /// Whether the one who asks is to have it asked for anew: one in a few seconds is, until there is a newer one.
    pub fn claim_refresh(&self, now: Moment) -> bool {
        let claimed = self.claimed.load(Ordering::Relaxed);
        let until = now.steady.saturating_add(REFRESH_EVERY);
        claimed <= now.steady
            && self.claimed.compare_exchange(claimed, until, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Somebody is given it.
    pub(crate) fn touch(&self) {
        if !self.is_touched.load(Ordering::Relaxed) {
            self.is_touched.store(true, Ordering::Relaxed);
        }
    }

    /// Whether somebody was given it since this was asked the last time.
    pub(crate) fn was_touched(&self) -> bool {
        self.is_touched.swap(false, Ordering::Relaxed)
    }

    /// Whether it may answer in place of an error (RFC 5861 section 4).
    pub fn may_stand_in(&self, now: Moment) -> bool {
        let ttl = self.freshness.ttl(now);
        ttl > 0 && !self.control.no_cache || ttl.unsigned_abs() < self.stale_if_error
    }

    /// Whether an answer made up of these could be one for this request: it was chosen by the same, and is for whoever asks.
    pub fn is_for(&self, secondary: &[u8], request: &Fields, asker: Asker) -> bool {
        *self.secondary == *secondary
            && asker.shares(&self.control, self.freshness.is_promised())
            && self.selection.matches(request)
    }

    /// The same answer, found to hold still by a 304 (RFC 9111 section 4.3.4); none where that is about another one.
    pub fn validated(&self, update: &Update<'_>, rules: &Rules) -> Option<Updated> {
        is_about(&self.head, update.told).then(|| self.with_update(update, rules))
    }

    /// The same answer, with what the answer to HEAD says of it (section 4.3.5); none where that is about another edition.
    pub fn freshened_by_head(&self, update: &Update<'_>, rules: &Rules) -> Option<Updated> {
        is_of_same_edition(&self.head, self.body.len(), update.told).then(|| self.with_update(update, rules))
    }

    fn with_update(&self, update: &Update<'_>, rules: &Rules) -> Updated {
        let Update { told, came, asker, .. } = *update;
        let told_control = rules.control(&told.fields);
        let mut head = updated(&self.head, told, &told_control);
        let control = rules.control(&head.fields);
        if !told.fields.has(Known::Date) {
            // It is of the time at which it came (RFC 9110 section 6.6.1).
            head.fields.set_known(Known::Date, to_http_date(came.at).as_bytes());
        }
        // How old it was then stands in the newer one alone, and is not kept.
        let mut aged = head.clone();
        for age in told.fields.all_known(Known::Age) {
            aged.fields.append_known(Known::Age, age);
        }
        let freshness = Freshness::of(&aged, &control, came.asked, came.at, rules);
        let selection = update.selection(&head);
        let may_keep = if told_control.is_private {
            // Also where another field of what is kept says otherwise.
            Err(NotKept::Private)
        } else if selection.is_none() {
            Err(NotKept::Varies)
        } else {
            may_share(&head, &control, freshness.as_ref(), asker)
        };
        let freshness = freshness.unwrap_or_else(|| Freshness::none(&aged, came.asked, came.at));
        let newer = tags(told);
        let (while_revalidating, if_error) = stale_for(&control, &freshness, rules);
        let entry = Self {
            head,
            body: self.body.clone(),
            freshness,
            selection: selection.unwrap_or_default(),
            secondary: self.secondary.clone(),
            tags: if newer.is_empty() { self.tags.clone() } else { newer },
            stale_while_revalidate: while_revalidating,
            stale_if_error: if_error,
            asked: came.asked.steady,
            claimed: AtomicU64::new(0),
            is_touched: AtomicBool::new(false),
            control,
        };
        Updated { entry, may_keep }
    }

    /// Whether it has this tag.
    pub fn has_tag(&self, tag: &[u8]) -> bool {
        self.tags.binary_search_by(|known| (**known).cmp(tag)).is_ok()
    }

    /// What it can be removed by, in order.
    pub fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.tags.iter().map(|tag| &**tag)
    }

    /// What it was chosen by: fields that its service names, and what the policy tells answers apart by.
    pub fn chosen_by(&self) -> (&Selection, &[u8]) {
        (&self.selection, &self.secondary)
    }

    /// Whether all who may have an older form of it may have this one, too. That form is also where nobody hears of the newer one.
    pub fn is_for_all_of(&self, older: &Self) -> bool {
        let promises = |entry: &Self| {
            let is_for_all = entry.control.is_for_all();
            (
                is_for_all,
                is_for_all || entry.control.must_revalidate,
                is_for_all || entry.freshness.is_promised(),
            )
        };
        let (now, before) = (promises(self), promises(older));
        self.selection.is_same(&older.selection)
            && now.0 >= before.0
            && now.1 >= before.1
            && now.2 >= before.2
    }

    /// Whether the service was asked for it later than for another.
    pub fn is_newer(&self, other: &Self) -> bool {
        self.asked > other.asked
    }

    /// What the service said of it.
    pub fn control(&self) -> &ResponseControl {
        &self.control
    }

    /// Bytes that it takes up, about.
    pub(crate) fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(|tag| tag.len() + size_of::<Box<[u8]>>()).sum();
        let head = self.head.fields.capacity() + self.control.withheld.len() * 32;
        size_of::<Self>() + head + self.body.len() + self.selection.weight() + self.secondary.len() + tags
    }
}

/// For how long it may be used stale: as the service says, else as the configuration does where the service does not forbid it. What a
/// service says outright goes before what `s-maxage` implies (RFC 9111 sections 4.2.4 and 5.2.2.10).
pub(crate) fn stale_for(control: &ResponseControl, freshness: &Freshness, rules: &Rules) -> (u64, u64) {
    if control.forbids_stale() {
        return (0, 0);
    }
    // Who says `max-age=0` wants to be asked each time.
    let is_never_fresh = freshness.is_explicit && freshness.lifetime == 0;
    let or = |told: Option<u64>, configured: u64| match told {
        Some(told) => told,
        None if control.s_maxage.is_some() || is_never_fresh => 0,
        None => configured,
    };
    (
        or(control.stale_while_revalidate, rules.stale_while_revalidate),
        or(control.stale_if_error, rules.stale_if_error),
    )
}

#[cfg(test)]
mod tests;
