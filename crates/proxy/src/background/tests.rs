//! Tries that go wrong as no service can make them. Whole ones, with services, are in the tests of the whole program.

use std::sync::OnceLock;
use std::thread::{self, ThreadId};

use maitred_upstream::{Resolve, Resolving};

use super::*;

/// A thing that goes wrong in this way.
#[derive(Default)]
struct Odd {
    panics_asking: bool,
    panics_making: bool,
    made_on: OnceLock<ThreadId>,
    failure: OnceLock<FetchError>,
}

impl Renew for Odd {
    fn ask(self: Arc<Self>, _: &dyn Service) -> Asking<'_, Making> {
        Box::pin(async move {
            assert!(!self.panics_asking, "asked too much");
            Ok(Box::new(move || {
                self.made_on.set(thread::current().id()).unwrap();
                assert!(!self.panics_making, "made too much");
                Ok(Made { is_new: true, holds: None })
            }) as Making)
        })
    }

    fn fail(&self, why: FetchError) {
        self.failure.set(why).unwrap();
    }

    fn is_wanted(&self) -> bool {
        false
    }
}

/// A service that is not asked.
struct Nobody;

impl Service for Nobody {
    fn now(&self) -> Instant {
        unreachable!("nobody asks")
    }

    fn ask<'a>(&'a self, _: RequestHead, _: &'a [u8], _: usize) -> Asking<'a, (ResponseHead, WholeBody)> {
        unreachable!("nobody asks")
    }

    fn visit<'a>(
        &'a self,
        _: &'a HttpUrl,
        _: Option<&'a [u8]>,
        _: RequestHead,
        _: &'a [u8],
        _: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        unreachable!("nobody asks")
    }
}

struct NoNames;

impl Resolve for NoNames {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        unreachable!("no name is asked for")
    }
}

fn try_once(odd: Odd) -> (Tried, Arc<Odd>, u64) {
    let (thing, panics) = (Arc::new(odd), Arc::new(SharedCounter::default()));
    let counted = Arc::clone(&panics);
    let abroad = Rc::new(Abroad::new(Arc::new(NoNames), crate::clock::Clock::default()));
    let thing_too = Arc::clone(&thing) as _;
    let mut keeper = Keeper { thing: thing_too, policy: Rc::from("odd"), panics, abroad, told: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tried = runtime.block_on(keeper.renew("upstream", &Nobody));
    (tried, thing, counted.value())
}

#[test]
fn a_panic_is_a_failure_and_counted() {
    for (odd, says) in [
        (Odd { panics_asking: true, ..Odd::default() }, "asked too much"),
        (Odd { panics_making: true, ..Odd::default() }, "made too much"),
    ] {
        let (tried, thing, panics) = try_once(odd);
        assert_eq!((tried, panics), (Tried::Failed, 1));
        let failure = thing.failure.get().unwrap().to_string();
        assert!(failure.contains(says), "{failure}");
    }
}

#[test]
fn a_thing_is_made_where_it_holds_up_nobody() {
    let (tried, thing, panics) = try_once(Odd::default());
    assert_eq!((tried, panics), (Tried::Renewed(None), 0));
    assert_ne!(thing.made_on.get(), Some(&thread::current().id()));
    assert!(thing.made_on.get().is_some());
}
