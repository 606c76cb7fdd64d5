//! The key that a request has taken, and what is put in its place: its answer, copied while it passes; that the answer is lost; or nothing.
//! Nobody waits for the store.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use maitred_http::Fields;
use maitred_policy::{Beside, BodyFilter, Fault};
use maitred_store::{Away, Key};

use super::{Shelf, entry};

/// A key that a request has taken.
#[derive(Debug)]
pub struct Taken {
    pub(super) shelf: Arc<Shelf>,
    pub(super) beside: Rc<dyn Beside>,
    pub(super) place: [u8; 32],
    pub(super) fingerprint: [u8; 32],
    /// When the key is free again for others, in microseconds of [`Moment::steady`](maitred_store::Moment).
    pub(super) until: u64,
}

impl Taken {
    /// Puts this in its place. Where the key was free again meanwhile, only if nobody else has taken it.
    pub(super) fn put(self, entry: Bytes) {
        let Self { shelf, beside, place, until, fingerprint } = self;
        let (seat, now) = (beside.seat(), beside.moment());
        let putting = async move {
            let key = Key { scope: &shelf.scope, value: &place };
            let put = async |entry| {
                if now.steady < until {
                    shelf.store.put(seat, key, entry, shelf.ttl, now).wait().await
                } else {
                    shelf.store.put_new(seat, key, entry, shelf.ttl, now).wait().await.map(drop)
                }
            };
            // Where the store is away the key is free in time. Where it does not take what is so large, the answer is lost.
            if put(entry).await == Err(Away::Refused) {
                let _ = put(entry::lost(&fingerprint)).await;
            }
        };
        beside.detach(Box::pin(putting));
    }

    /// The answer is lost.
    pub(super) fn lose(self) {
        let entry = entry::lost(&self.fingerprint);
        self.put(entry);
    }

    /// Frees the key.
    pub(super) fn release(self) {
        let Self { shelf, beside, place, until, .. } = self;
        let seat = beside.seat();
        if beside.moment().steady < until {
            let removing = async move {
                let key = Key { scope: &shelf.scope, value: &place };
                let _ = shelf.store.remove(seat, key).wait().await;
            };
            beside.detach(Box::pin(removing));
        }
    }
}

/// Copies an answer while it passes. Dropped before its end, the answer is lost.
pub(super) struct Capture {
    taken: Option<Taken>,
    /// The head and what has passed of the body.
    entry: Vec<u8>,
    /// How long the entry becomes, where the answer says how long it is.
    whole: Option<usize>,
    /// How long it may become.
    most: usize,
}

impl Capture {
    /// Of an answer with this head, as an entry, whose body is so long, if that is known, and is not kept beyond `most`.
    pub(super) fn new(taken: Taken, head: Vec<u8>, length: Option<usize>, most: usize) -> Self {
        let begun = head.len();
        let behind = |length: usize| begun.saturating_add(length);
        Self { taken: Some(taken), entry: head, whole: length.map(behind), most: behind(most) }
    }

    /// Takes in what comes next. The last piece of which the length is known is the end: what is kept is there before the client can ask again.
    fn copy(&mut self, piece: &[u8]) {
        if self.taken.is_none() {
            return;
        }
        if self.entry.len() + piece.len() > self.most {
            self.lose();
            return;
        }
        self.entry.extend_from_slice(piece);
        if self.whole == Some(self.entry.len()) {
            self.keep();
        }
    }

    fn keep(&mut self) {
        if let Some(taken) = self.taken.take() {
            taken.put(std::mem::take(&mut self.entry).into());
        }
    }

    fn lose(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.entry = Vec::new();
            taken.lose();
        }
    }

    /// Takes in an answer that is there as a whole.
    pub(super) fn take_whole(mut self, body: &[u8], trailers: Option<&Fields>) {
        self.whole = None;
        self.copy(body);
        self.end(trailers);
    }

    /// What comes with trailers would come without them.
    fn end(&mut self, trailers: Option<&Fields>) {
        if trailers.is_none_or(Fields::is_empty) { self.keep() } else { self.lose() }
    }
}

impl BodyFilter for Capture {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.copy(piece);
        out.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        self.end(trailers.as_ref());
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }

    /// Who asks again is one who waits for it.
    fn outlives_client(&self) -> bool {
        self.taken.is_some()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.lose();
    }
}
