//! Answers in a store that replicas share. What is found there was put there by this cache, for this request, and is out of date by no mark; or it is nothing.
//!
//! One look at an answer and the marks on the way to its URL; one more where the answer varies, and one where it has tags. No name in the store and nothing
//! under it shows a credential: what requests are told apart by is there as a digest.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maitred_cache::{Asker, Entry, Moment, Rules, Selection};
use maitred_http::Fields;
use maitred_policy::Beside;
use maitred_store::{Key, Said, Scope, Seat, StoreShared, all};

use super::marks::{Mark, digest, name, voids};
use super::packed::{self, Packed, PackedAnswer, Seen};
use super::shared::CacheShared;

/// No answer is in the store for longer after its service was asked.
const LONGEST: Duration = Duration::from_hours(24);
/// Marks are there for longer than any answer that they void.
const MARK_LASTS: Duration = Duration::from_hours(25);
/// Larger ones are in memory alone: a store has others to answer, too.
const LARGEST: usize = 1 << 20;

/// Where answers are that replicas share.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) store: StoreShared,
    pub(super) scope: Scope,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) url: &'a [u8],
    pub(super) secondary: &'a [u8],
    pub(super) fields: &'a Fields,
    pub(super) asker: Asker,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// The marks on the way, as they were before the service is asked.
    pub(super) way: [u8; 32],
    pub(super) entry: Option<Entry>,
}

impl Shelf {
    /// Looks for an answer.
    pub(super) async fn find(
        &self,
        wanted: Wanted<'_>,
        rules: &Rules,
        seat: Seat,
        now: maitred_store::Moment,
    ) -> Said<Found> {
        let mut names: Vec<_> = Mark::on_the_way(wanted.url).map(Mark::name).collect();
        names.push(name("answer", &place(&wanted, None)));
        let mut said = self.get(&names, seat, now).await?;
        let found = said.pop().flatten();
        let way = way(&said);
        let Some(found) = found.as_ref().and_then(packed::parse) else {
            return Ok(Found { way, entry: None });
        };
        let answer = match found {
            Packed::Answer(answer) => Some(answer),
            Packed::Rule(names) => self.find_variant(&wanted, &names, seat, now).await?,
        };
        let Some(answer) = answer.filter(|answer| answer.seen.way == way) else {
            return Ok(Found { way, entry: None });
        };
        let tags: Vec<_> = answer.stored.tags.iter().map(|tag| Mark::Tag(tag).name()).collect();
        let marks = self.get(&tags, seat, now).await?;
        let is_void = marks.iter().flatten().any(|mark| voids(mark, answer.stored.asked));
        let now = Moment { steady: now.steady, wall: now.wall };
        let entry = (!is_void).then(|| restored(*answer, &wanted, now, rules)).flatten();
        Ok(Found { way, entry })
    }

    /// The answer that was chosen by these fields.
    async fn find_variant(
        &self,
        wanted: &Wanted<'_>,
        names: &[Box<[u8]>],
        seat: Seat,
        now: maitred_store::Moment,
    ) -> Said<Option<Box<PackedAnswer>>> {
        let Some(selection) = Selection::by(names.iter().map(|name| &**name), wanted.fields) else {
            return Ok(None);
        };
        let name = name("variant", &place(wanted, Some(&selection)));
        let said = self.get(std::slice::from_ref(&name), seat, now).await?;
        Ok(match said.first().and_then(Option::as_ref).and_then(packed::parse) {
            Some(Packed::Answer(answer)) => Some(answer),
            _ => None,
        })
    }

    async fn get(
        &self,
        names: &[String],
        seat: Seat,
        now: maitred_store::Moment,
    ) -> Said<Vec<Option<Bytes>>> {
        all(names.iter().map(|name| self.store.get(seat, self.key(name), now)).collect()).await
    }

    /// Whether there is an answer in this place whose service was asked later than this. What was asked for at a time to come says nothing.
    async fn has_newer(
        &self,
        name: &String,
        seen: Seen,
        (asked, now): (u64, maitred_store::Moment),
        seat: Seat,
    ) -> bool {
        let said = self.get(std::slice::from_ref(name), seat, now).await.unwrap_or_default();
        match said.first().and_then(Option::as_ref).and_then(packed::parse) {
            Some(Packed::Answer(there)) => {
                there.seen == seen && (asked + 1..=now.wall).contains(&there.stored.asked)
            }
            _ => false,
        }
    }

    fn key<'a>(&'a self, name: &'a str) -> Key<'a> {
        Key { scope: &self.scope, value: name.as_bytes() }
    }

    /// Puts marks, each with what it says.
    pub(super) async fn mark(
        &self,
        marks: impl Iterator<Item = (Mark<'_>, Vec<u8>)>,
        seat: Seat,
        now: maitred_store::Moment,
    ) -> Said<()> {
        let marks: Vec<_> = marks.map(|(mark, stamp)| (mark.name(), Bytes::from(stamp))).collect();
        let marks = marks.iter();
        let put =
            marks.map(|(name, stamp)| self.store.put(seat, self.key(name), stamp.clone(), MARK_LASTS, now));
        all(put.collect()).await.map(drop)
    }
}

/// An answer as the one who looked for it may have it; none where it is for others.
fn restored(answer: PackedAnswer, wanted: &Wanted<'_>, now: Moment, rules: &Rules) -> Option<Entry> {
    let PackedAnswer { seen, url, stored, head, body } = answer;
    let selection = Selection::of(&head, wanted.fields)?;
    let is_it = *url == *wanted.url && seen.place == place(wanted, Some(&selection));
    let entry = Entry::restored((head, body), stored, (selection, wanted.secondary), now, rules)?;
    (is_it && entry.is_for(wanted.secondary, wanted.fields, wanted.asker)).then_some(entry)
}

/// What an answer is found by: with what it was chosen by, where that is known.
fn place(wanted: &Wanted<'_>, selection: Option<&Selection>) -> [u8; 32] {
    let mut chosen = Vec::new();
    if let Some(selection) = selection {
        selection.write(&mut chosen);
    }
    digest(&[wanted.url, wanted.secondary, &chosen])
}

fn way(marks: &[Option<Bytes>]) -> [u8; 32] {
    let parts: Vec<&[u8]> = marks.iter().map(|mark| mark.as_deref().unwrap_or_default()).collect();
    digest(&parts)
}

/// An answer that is to be put on a shelf once it is whole.
pub(super) struct Shelving {
    pub(super) shelf: Arc<Shelf>,
    pub(super) beside: Rc<dyn Beside>,
    pub(super) way: [u8; 32],
    /// When its service was asked.
    pub(super) asked: Moment,
}

impl Shelving {
    /// Puts it there, if it is of use for others and there is no newer one. Nobody waits for that, and it has its share of the room for what is coming.
    pub(super) fn put(self, shared: &Arc<CacheShared>, url: &[u8], entry: &Entry) {
        let Self { shelf, beside, way, asked } = self;
        let (seat, now) = (beside.seat(), beside.moment());
        let known = Moment { steady: now.steady, wall: now.wall };
        let since = Duration::from_micros(now.steady.saturating_sub(asked.steady));
        let ttl = Duration::from_secs(entry.useful_for(known)).min(LONGEST.saturating_sub(since));
        if ttl.is_zero() || entry.body.len() > LARGEST {
            return;
        }
        let (selection, secondary) = entry.chosen_by();
        let (fields, asker) = (&Fields::default(), Asker::default());
        let wanted = Wanted { url, secondary, fields, asker };
        let own = place(&wanted, Some(selection));
        let seen = Seen { place: own, way };
        let Some(packed) = packed::answer(seen, url, entry, known).filter(|packed| packed.len() <= LARGEST)
        else {
            return;
        };
        let Some(room) = shared.room(packed.len() as u64) else { return };
        let plain = name("answer", &place(&wanted, None));
        let varies = selection.names().next().is_some();
        let entries = if varies {
            vec![(name("variant", &own), packed), (plain, packed::rule(selection.names()))]
        } else {
            vec![(plain, packed)]
        };
        beside.detach(Box::pin(async move {
            let _room = room;
            if shelf.has_newer(&entries[0].0, seen, (asked.wall, now), seat).await {
                return;
            }
            for (name, packed) in entries {
                // Where the store is away, memory has it.
                if shelf.store.put(seat, shelf.key(&name), packed, ttl, now).wait().await.is_err() {
                    return;
                }
            }
        }));
    }
}
