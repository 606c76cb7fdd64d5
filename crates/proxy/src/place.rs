//! Places for what a worker does beside its clients' requests: copies for mirrors, refreshes. There are so many, and who finds none
//! goes without: nobody waits here.

use std::cell::Cell;
use std::rc::Rc;

/// A place among what is under way. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place(Rc<Cell<usize>>);

impl Place {
    /// Takes one of `most`.
    pub(crate) fn take(under_way: &Rc<Cell<usize>>, most: usize) -> Option<Self> {
        let taken = under_way.get();
        (taken < most).then(|| {
            under_way.set(taken + 1);
            Self(Rc::clone(under_way))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
