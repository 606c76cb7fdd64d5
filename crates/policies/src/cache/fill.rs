//! Keeps an answer while it passes to the client, once all of it has come.
//! What breaks off, is too large or has trailers is not kept.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use maitred_cache::{Entry, Moment};
use maitred_http::Fields;
use maitred_policy::{Beside, BodyFilter, Fault};

use super::flights::{Ended, Flight};
use super::shared::CacheShared;
use super::shelf::Shelving;

/// An answer that is to be kept once its body is whole.
pub(super) struct Fill {
    pub(super) shared: Arc<CacheShared>,
    /// The worker: its clock.
    pub(super) beside: Rc<dyn Beside>,
    pub(super) key: Box<[u8]>,
    pub(super) entry: Entry,
    pub(super) flight: Flight,
    /// Where replicas share answers.
    pub(super) shelving: Option<Shelving>,
}

impl Fill {
    /// Keeps it, with this body.
    pub(super) fn keep(self, body: Vec<u8>) {
        let Self { shared, key, mut entry, flight, shelving, .. } = self;
        if !flight.is_good(&key, &entry) {
            return flight.end(Ended::NotKept);
        }
        // As large as it is, and no larger.
        entry.body = body.into_boxed_slice().into();
        let entry = Arc::new(entry);
        shared.kept.fetch_add(1, Ordering::Relaxed);
        if shared.keep(&key, &entry, &flight)
            && let Some(shelving) = shelving
        {
            shelving.put(&shared, &key, &entry);
        }
        flight.end(Ended::Kept);
    }
}

/// Room that is made before anything has come: services may announce more than they send.
const FIRST_ROOM: u64 = 64 << 10;

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
        let room = usize::try_from(expected.unwrap_or(0).min(largest).min(FIRST_ROOM)).unwrap_or(0);
        Self { fill: Some(fill), body: Vec::with_capacity(room), largest }
    }

    /// Takes a piece more, where it may have it.
    fn take(&mut self, piece: &[u8]) -> bool {
        let Some(fill) = &self.fill else { return true };
        fill.flight.progresses();
        let fits = (self.body.len() + piece.len()) as u64 <= self.largest
            && fill.shared.take_room(piece.len() as u64);
        if fits {
            self.body.extend_from_slice(piece);
        }
        fits
    }

    /// What was to be kept, and its body. It takes no room any more.
    fn end(&mut self) -> Option<(Fill, Vec<u8>)> {
        let fill = self.fill.take()?;
        fill.shared.leave_room(self.body.len() as u64);
        Some((fill, std::mem::take(&mut self.body)))
    }

    fn give_up(&mut self) {
        if let Some((Fill { flight, beside, .. }, _)) = self.end() {
            let now = beside.moment();
            flight.end_unkept(Moment { steady: now.steady, wall: now.wall });
        }
    }
}

impl BodyFilter for Filling {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(piece);
        if !self.take(piece) {
            self.give_up();
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        if trailers.is_some() {
            // They would not come again.
            self.give_up();
        } else if let Some((fill, body)) = self.end() {
            fill.keep(body);
        }
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }

    fn outlives_client(&self) -> bool {
        self.fill.as_ref().is_some_and(|fill| fill.flight.is_waited_for())
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        // It broke off: its flight, dropped, was abandoned.
        self.end();
    }
}
