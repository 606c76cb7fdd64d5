//! Keeps an answer while it passes to the client, once all of it has come.
//! What breaks off, is too large or has trailers is not kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use maitred_cache::Entry;
use maitred_http::Fields;
use maitred_policy::{BodyFilter, Fault};

use super::flights::{Ended, Flight};
use super::shared::CacheShared;
use super::shelf::Shelving;

/// An answer that is to be kept once its body is whole.
pub(super) struct Fill {
    pub(super) shared: Arc<CacheShared>,
    pub(super) key: Box<[u8]>,
    pub(super) entry: Entry,
    pub(super) flight: Flight,
    /// Where replicas share answers.
    pub(super) shelving: Option<Shelving>,
}

impl Fill {
    /// Keeps it, with this body.
    pub(super) fn keep(self, body: Vec<u8>) {
        let Self { shared, key, mut entry, flight, shelving } = self;
        if !flight.is_good() {
            return flight.end(Ended::NotKept);
        }
        // As large as it is, and no larger.
        entry.body = body.into_boxed_slice().into();
        let entry = Arc::new(entry);
        shared.kept.fetch_add(1, Ordering::Relaxed);
        if shared.keep(&key, &entry, &flight)
            && let Some(shelving) = shelving
        {
            shelving.put(&key, &entry);
        }
        flight.end(Ended::Kept);
    }
}

/// Looks at a body as it passes, and keeps it at its end.
pub(super) struct Filling {
    /// None once it is known that the answer is not kept.
    fill: Option<Fill>,
    body: Vec<u8>,
    largest: u64,
}

impl Filling {
    /// A body of up to `largest` bytes follows; `expected`, where the service said so.
    pub(super) fn new(fill: Fill, expected: Option<u64>, largest: u64) -> Self {
        let room = usize::try_from(expected.unwrap_or(0).min(largest)).unwrap_or(0);
        Self { fill: Some(fill), body: Vec::with_capacity(room), largest }
    }

    fn give_up(&mut self) {
        self.body = Vec::new();
        if let Some(Fill { flight, .. }) = self.fill.take() {
            flight.end(Ended::NotKept);
        }
    }
}

impl BodyFilter for Filling {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(piece);
        if self.fill.is_some() {
            if (self.body.len() + piece.len()) as u64 > self.largest {
                self.give_up();
            } else {
                self.body.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        if trailers.is_some() {
            // They would not come again.
            self.give_up();
        } else if let Some(fill) = self.fill.take() {
            fill.keep(std::mem::take(&mut self.body));
        }
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }
}
