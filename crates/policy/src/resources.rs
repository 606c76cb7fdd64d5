//! What several policies share that belongs to none of them, such as an issuer of tokens: made once in a compilation, by its name,
//! and taken over from the last one by whoever makes it.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

type Key = (TypeId, Box<str>);
type Resource = Arc<dyn Any + Send + Sync>;

/// The resources of a snapshot.
#[derive(Clone, Default)]
pub struct Resources(HashMap<Key, Resource>);

impl Resources {
    fn find<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        self.0.get(&key::<T>(name)).and_then(|kept| Arc::clone(kept).downcast().ok())
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(|(_, name)| name)).finish()
    }
}

/// The resources of a snapshot while it is compiled.
#[derive(Debug, Default)]
pub struct MakingResources<'a> {
    previous: Option<&'a Resources>,
    /// None where one was no good: that was told already.
    made: RefCell<HashMap<Key, Option<Resource>>>,
}

impl<'a> MakingResources<'a> {
    /// None yet; those that the last snapshot has are at hand.
    pub fn new(previous: Option<&'a Resources>) -> Self {
        Self { previous, made: RefCell::default() }
    }

    /// The resource of this type and name, where it was made already: perhaps in vain.
    #[expect(clippy::option_option, reason = "whether it was made, and whether that went well")]
    pub(crate) fn made<T: Send + Sync + 'static>(&self, name: &str) -> Option<Option<Arc<T>>> {
        let made = self.made.borrow();
        made.get(&key::<T>(name)).map(|made| made.clone().and_then(|made| made.downcast().ok()))
    }

    /// That of the last snapshot.
    pub(crate) fn previous<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        self.previous.and_then(|previous| previous.find(name))
    }

    /// Keeps what was made.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, name: &str, made: Option<&Arc<T>>) {
        let made = made.map(|made| Arc::clone(made) as Resource);
        self.made.borrow_mut().insert(key::<T>(name), made);
    }

    /// Those that were made, for the snapshot.
    pub fn finish(&self) -> Resources {
        Resources(self.made.take().into_iter().filter_map(|(key, made)| Some((key, made?))).collect())
    }
}

fn key<T: 'static>(name: &str) -> Key {
    (TypeId::of::<T>(), name.into())
}
