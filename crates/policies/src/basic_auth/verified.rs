//! Passwords that were found right a moment ago, on one worker, and those that are being looked at: clients show theirs with each
//! request, and to check one takes tens of milliseconds. Who shows the same at the same time waits for the same look.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

/// How long a password that was right need not be checked again.
const KEPT: Duration = Duration::from_mins(1);
/// Users that are kept. More are checked each time.
const MOST: usize = 4096;

/// A user and a password, under a key that nobody knows: finding one tells nothing of how near a guess came.
pub(super) type Tag = [u8; 32];

/// What one worker has found.
#[derive(Debug, Default)]
pub(crate) struct VerifiedLocal {
    looks: RefCell<HashMap<Tag, Rc<Look>>>,
}

/// One look at a password.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Whether it is right; not there while nobody has found out.
    pub(super) is_right: OnceCell<bool>,
    until: Cell<Option<Instant>>,
}

impl Look {
    fn holds(&self, now: Instant) -> bool {
        self.until.get().is_some_and(|until| now < until)
    }
}

impl VerifiedLocal {
    /// Whether this was found right a moment ago.
    pub(super) fn is_right(&self, tag: &Tag, now: Instant) -> bool {
        self.looks.borrow().get(tag).is_some_and(|look| look.holds(now))
    }

    /// The look that is under way, or another one.
    pub(super) fn look(&self, tag: Tag, now: Instant) -> Rc<Look> {
        let mut looks = self.looks.borrow_mut();
        if let Some(look) = looks.get(&tag).filter(|look| look.until.get().is_none()) {
            return Rc::clone(look);
        }
        if looks.len() >= MOST {
            looks.retain(|_, look| look.holds(now) || Rc::strong_count(look) > 1);
        }
        let look = Rc::default();
        if looks.len() < MOST {
            looks.insert(tag, Rc::clone(&look));
        }
        look
    }

    /// Notes what was found. What is wrong is forgotten.
    pub(super) fn found(&self, tag: &Tag, look: &Look, now: Instant) {
        if look.is_right.get() == Some(&true) {
            look.until.set(Some(now + KEPT));
        } else {
            self.looks.borrow_mut().remove(tag);
        }
    }
}
