//! The queue of requests that policies want asked anew, and what is known of them. Hooks fill it in step 6 of a request; it serves
//! none of them: `refresh` does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use maitred_http::{Known, RequestHead};
use maitred_policy::Facts;
use maitred_router::Captures;
use maitred_telemetry::SharedCounter;
use tokio::sync::Notify;

use crate::local::LocalSnapshot;
use crate::place::Place;

/// Requests without a client that a worker may have under way at once.
const MOST_UNDER_WAY: usize = 64;

/// Answers whose clients have gone that a worker may read on at once.
const MOST_READ_ON: usize = 256;

/// A request that is to be asked anew.
pub(crate) struct Refresh {
    pub(crate) snapshot: Rc<LocalSnapshot>,
    pub(crate) request: RequestHead,
    pub(crate) again: Again,
}

/// What is known of a request that was asked before.
pub(crate) struct Again {
    pub(crate) facts: Facts,
    /// How its route was found.
    pub(crate) captures: Captures,
    /// The policy that it begins at.
    pub(crate) first: usize,
}

/// The refreshes of a worker.
#[derive(Default)]
pub(crate) struct Refreshes {
    waiting: RefCell<VecDeque<(Refresh, Place)>>,
    came: Notify,
    under_way: Rc<Cell<usize>>,
    read_on: Rc<Cell<usize>>,
    dropped: Arc<SharedCounter>,
}

impl Refreshes {
    /// None yet. Those that find no place are counted.
    pub(crate) fn new(dropped: Arc<SharedCounter>) -> Self {
        Self { dropped, ..Self::default() }
    }

    /// A place for an answer that is read on although its client has gone. Refreshes take none of these away.
    pub(crate) fn place_to_read_on(&self) -> Option<Place> {
        Place::take(&self.read_on, MOST_READ_ON)
    }

    /// Has a request asked anew, if there is room: whether there is.
    pub(crate) fn add(&self, mut refresh: Refresh) -> bool {
        let Some(place) = Place::take(&self.under_way, MOST_UNDER_WAY) else {
            self.dropped.inc();
            return false;
        };
        // There is no body to wait with.
        refresh.request.fields.remove_known(Known::Expect);
        self.waiting.borrow_mut().push_back((refresh, place));
        self.came.notify_one();
        true
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) -> (Refresh, Place) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(next) => return next,
                None => self.came.notified().await,
            }
        }
    }
}
