//! Sessions that one worker has opened, by the SHA-256 of their sealed texts: of their cookies, or of what a store has.
//! Bounded: what was not asked for long makes room. Whether one has ended is not known here.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use maitred_policy::identity::{Claims, Consumer};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::ended;
use super::entries::Id;
use super::session::Session;
use crate::asking::sha256;

/// Bytes that they may take up together.
const MOST: u64 = 4 << 20;
/// About as many as there are.
const ABOUT: usize = 512;

/// A session, with what follows from it.
pub(super) struct Opened {
    pub(super) session: Session,
    /// What it is found by where a store has it; none where its cookie has it.
    pub(super) id: Option<Id>,
    pub(super) claims: Rc<Claims>,
    /// Whom the gateway knows by the subject.
    pub(super) consumer: Option<Arc<Consumer>>,
    /// By what it may have ended.
    pub(super) ends: Box<[ended::Key]>,
    /// How often something had been missed when it was last looked up where replicas tell each other; 0 before.
    pub(super) checked: Cell<u64>,
    /// Bytes that it takes up, about.
    pub(super) weight: u64,
}

/// The sessions that a worker knows.
#[derive(Default)]
pub(crate) struct Known(RefCell<Option<Sessions>>);

type Sessions = Cache<[u8; 32], Rc<Opened>, Weigh>;

#[derive(Clone)]
struct Weigh;

impl Weighter<[u8; 32], Rc<Opened>> for Weigh {
    fn weight(&self, _: &[u8; 32], opened: &Rc<Opened>) -> u64 {
        opened.weight
    }
}

impl Known {
    /// The session that is sealed so under this name; where it is not known, it is opened.
    pub(super) fn find_or_open(
        &self,
        (name, text): (&str, &[u8]),
        open: impl FnOnce() -> Option<Opened>,
    ) -> Option<Rc<Opened>> {
        let hash = sha256(&[name.as_bytes(), b"\0", text].concat());
        let mut known = self.0.borrow_mut();
        let known = known.get_or_insert_with(|| Cache::with_weighter(ABOUT, MOST, Weigh));
        if let Some(opened) = known.get(&hash) {
            return Some(Rc::clone(opened));
        }
        let opened = Rc::new(open()?);
        known.insert(hash, Rc::clone(&opened));
        Some(opened)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.borrow().as_ref().map_or(0, Cache::len);
        write!(f, "{count} known sessions")
    }
}
