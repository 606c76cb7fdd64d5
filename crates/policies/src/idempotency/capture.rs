//! Copies an answer while it passes, to be kept under its key.
//! What becomes of the copy is in `taken.rs`.

use std::rc::Rc;

use maitred_http::Fields;
use maitred_policy::{BodyFilter, Fault};

use super::taken::Taken;

/// Copies an answer while it passes. Dropped before its end, the answer is lost.
pub(super) struct Capture {
    taken: Option<Rc<Taken>>,
    /// The head and what has passed of the body.
    entry: Vec<u8>,
    /// How long the entry becomes, where the answer says how long it is.
    whole: Option<usize>,
    /// How long it may become.
    most: usize,
}

impl Capture {
    /// Of an answer with this head, as an entry, whose body is so long, if that is known, and is not kept beyond `most`.
    pub(super) fn new(taken: Rc<Taken>, head: Vec<u8>, length: Option<usize>, most: usize) -> Self {
        let begun = head.len();
        let behind = |length: usize| begun.saturating_add(length);
        Self { taken: Some(taken), entry: head, whole: length.map(behind), most: behind(most) }
    }

    /// It comes piece by piece, which may take longer than keys are taken for.
    pub(super) fn begin(&self) {
        if let Some(taken) = &self.taken {
            taken.keep_on();
        }
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
            taken.settle(std::mem::take(&mut self.entry).into());
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
