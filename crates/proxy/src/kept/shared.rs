//! Good answers in a store that replicas share: those that were kept there by others, or before a restart, stand in for a service as well.
//! Others may write there: what comes back is read strictly.
//!
//! A byte for the version, one for the kind; behind an answer when it was whole, in microseconds since 1970, and the answer; else the fields
//! by which answers differ, with the length before each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maitred_http::{FieldName, RequestHead, ResponseHead};
use maitred_policy::{Beside, pack_head, unpack};
use maitred_store::{Key, Moment, Scope, Seat, StoreShared};

use super::{KeptKey, KeptPlace};

const VERSION: u8 = 1;
const ANSWER: u8 = 0;
const VARIES: u8 = 1;

/// The store, for answers that are good for so long.
#[derive(Debug)]
pub(crate) struct KeptStore {
    pub(crate) store: StoreShared,
    pub(crate) scope: Scope,
    pub(crate) ttl: Duration,
}

/// An answer that was found in the store.
pub(crate) struct Found {
    pub(crate) head: ResponseHead,
    pub(crate) body: Bytes,
    /// How long ago it was whole.
    pub(crate) age: Duration,
    pub(crate) place: KeptPlace,
}

enum Entry {
    Answer { at: u64, head: ResponseHead, body: Bytes },
    Varies(Box<[FieldName]>),
}

impl KeptStore {
    /// Puts a good answer that is whole now. Nobody waits for that, and where the store is away nothing comes of it.
    pub(crate) fn put(
        self: &Arc<Self>,
        beside: &dyn Beside,
        place: &KeptPlace,
        head: &ResponseHead,
        body: &[u8],
    ) {
        let (seat, now) = (beside.seat(), beside.moment());
        let mut entry = vec![VERSION, ANSWER];
        entry.extend_from_slice(&now.wall.to_be_bytes());
        if pack_head(head, &mut entry).is_none() {
            return;
        }
        entry.extend_from_slice(body);
        let varied = place.varied.as_ref().map(|(key, names)| (*key, varies(names)));
        let (store, own) = (Arc::clone(self), place.key);
        beside.detach(Box::pin(async move {
            let put = async |key: KeptKey, entry: Bytes| {
                let key = Key { scope: &store.scope, value: &key.0 };
                store.store.put(seat, key, entry, store.ttl, now).wait().await
            };
            let _ = match varied {
                None => put(own, entry.into()).await,
                Some((key, names)) => match put(key, entry.into()).await {
                    Ok(()) => put(own, names).await,
                    away => away,
                },
            };
        }));
    }

    /// The answer to a request, if there is one that is not older than `ttl`.
    pub(crate) async fn find(
        &self,
        (seat, now): (Seat, Moment),
        key: KeptKey,
        request: &RequestHead,
        ttl: Duration,
    ) -> Option<Found> {
        let mut place = KeptPlace { key, varied: None };
        let mut entry = self.entry(seat, key, now).await?;
        if let Entry::Varies(names) = entry {
            let varied = key.varied(&names, request);
            entry = self.entry(seat, varied, now).await?;
            place.varied = Some((varied, names));
        }
        let Entry::Answer { at, head, body } = entry else { return None };
        // The clocks of replicas differ a little.
        let age = Duration::from_micros(now.wall.saturating_sub(at));
        (age < ttl).then_some(Found { head, body, age, place })
    }

    async fn entry(&self, seat: Seat, key: KeptKey, now: Moment) -> Option<Entry> {
        let key = Key { scope: &self.scope, value: &key.0 };
        parse(&self.store.get(seat, key, now).wait().await.ok()??)
    }
}

fn varies(names: &[FieldName]) -> Bytes {
    let mut entry = vec![VERSION, VARIES];
    for name in names {
        // Heads are shorter by far.
        let length = u16::try_from(name.as_str().len()).unwrap_or_default();
        entry.extend_from_slice(&length.to_be_bytes());
        entry.extend_from_slice(&name.as_str().as_bytes()[..usize::from(length)]);
    }
    entry.into()
}

fn parse(entry: &Bytes) -> Option<Entry> {
    let ([version, kind], mut rest) = entry.split_first_chunk()?;
    match (*version, *kind) {
        (VERSION, ANSWER) => {
            let (at, packed) = rest.split_first_chunk()?;
            let (head, body) = unpack(&entry.slice_ref(packed))?;
            Some(Entry::Answer { at: u64::from_be_bytes(*at), head, body })
        }
        (VERSION, VARIES) => {
            let mut names = Vec::new();
            while let Some((length, behind)) = rest.split_first_chunk() {
                let (name, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
                names.push(FieldName::parse(std::str::from_utf8(name).ok()?).ok()?);
                rest = behind;
            }
            rest.is_empty().then(|| Entry::Varies(names.into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
