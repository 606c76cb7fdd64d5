//! What is remembered of a request on its way down, and what a worker owns.
//! Nothing here decides anything.

use std::cell::RefCell;
use std::sync::Arc;

use maitred_cache::{Asker, Entry, Moment};
use maitred_http::RequestHead;

use super::flights::Flight;
use super::told::Forward;

/// What is remembered of a request.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Nothing: it was answered.
    #[default]
    Done,
    /// It is not for the cache.
    Passes(Forward),
    /// It changes what is under this key.
    Changes(Box<[u8]>),
    /// The service was asked.
    Asked(Box<Asked>),
}

/// Memory for keys, which no hit has to allocate.
#[derive(Debug, Default)]
pub(crate) struct Keys(pub(super) RefCell<Buffers>);

#[derive(Debug, Default)]
pub(super) struct Buffers(Vec<u8>, Vec<u8>);

impl Buffers {
    /// Both, empty.
    pub(super) fn cleared(&mut self) -> (&mut Vec<u8>, &mut Vec<u8>) {
        self.0.clear();
        self.1.clear();
        (&mut self.0, &mut self.1)
    }
}

/// A request that went to the service, and what is to be done with the answer.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The request as it came here: what the client wants.
    pub(super) request: RequestHead,
    pub(super) key: Box<[u8]>,
    pub(super) secondary: Box<[u8]>,
    pub(super) asker: Asker,
    pub(super) at: Moment,
    pub(super) why: Forward,
    /// What is kept and cannot be used as it is.
    pub(super) stale: Option<Arc<Entry>>,
    /// Whether the service was asked if that still holds.
    pub(super) validates: bool,
    pub(super) flight: Option<Flight>,
    pub(super) collapsed: bool,
    /// The marks in the store on the way to its URL, where that was asked: it may be kept there, too.
    pub(super) way: Option<[u8; 32]>,
}
