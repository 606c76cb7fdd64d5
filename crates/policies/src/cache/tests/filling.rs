//! Bodies that are coming: what they take together, and who wants them.

use std::rc::Rc;

use maitred_cache::{Came, Entry, Freshness, Moment, ResponseControl, Rules, Selection};
use maitred_http::{Fields, ResponseHead};
use maitred_policy::{Aside, Beside, BodyFilter as _, Sleep};
use maitred_store::Seat;

use super::*;
use crate::cache::fill::{Fill, Filling};
use crate::cache::flights::{Ended, Followed, Joined};

/// A worker whose clock stands still.
#[derive(Debug)]
struct Still;

impl Beside for Still {
    fn seat(&self) -> Seat {
        Seat::Control
    }

    fn moment(&self) -> maitred_store::Moment {
        maitred_store::Moment { steady: 0, wall: 0 }
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }

    fn detach(&self, _: Aside) -> bool {
        false
    }

    fn attend(&self, _: Aside) -> bool {
        false
    }
}

fn join(shared: &Arc<CacheShared>, path: &str) -> Joined {
    shared.flights.join(path.as_bytes(), b"", true, Moment::default())
}

fn follow(shared: &Arc<CacheShared>, path: &str) -> Followed {
    match join(shared, path) {
        Joined::Follows(other) => other,
        Joined::Leads(_) => panic!("nobody asks for {path}"),
    }
}

/// The answer for this path on its way.
fn filling(shared: &Arc<CacheShared>, path: &str) -> Filling {
    let (now, head, rules) = (Moment::default(), ResponseHead::default(), Rules::default());
    let Joined::Leads(flight) = join(shared, path) else { panic!("somebody asks for {path}") };
    let control = ResponseControl::default();
    let freshness = Freshness::of(&head, &control, now, now, &rules);
    let selection = Selection::of(&head, &Fields::default()).unwrap();
    let came = Came { asked: now, at: now };
    let entry = Entry::new(&head, control, freshness, (selection, b""), came, &rules);
    let key = path.as_bytes().into();
    Filling::new(
        Fill { shared: Arc::clone(shared), beside: Rc::new(Still), key, entry, flight, shelving: None },
        None,
        4 << 20,
    )
}

fn push(filling: &mut Filling, bytes: usize) {
    let mut out = Vec::new();
    filling.push(&vec![b'x'; bytes], &mut out).unwrap();
    assert_eq!(out.len(), bytes, "whoever asked gets it");
}

fn coming(shared: &CacheShared) -> u64 {
    shared.coming.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn all_bodies_that_come_at_once_take_no_more_than_a_quarter() {
    let shared = Arc::new(CacheShared::new(16 << 20, 4 << 20));
    let mut all: Vec<_> = (0..20).map(|number| filling(&shared, &number.to_string())).collect();
    for _ in 0..16 {
        for one in &mut all {
            push(one, 64 << 10);
            assert!(coming(&shared) <= 4 << 20);
        }
    }
    assert!(coming(&shared) > 2 << 20);
    let left = all.pop().unwrap();
    drop(left);
    for mut one in all {
        one.finish(None, &mut Vec::new()).unwrap();
    }
    assert_eq!(coming(&shared), 0);
    let kept = shared.answers.keys();
    assert!((3..=5).contains(&kept), "{kept} are kept");
}

#[test]
fn a_body_is_wanted_for_as_long_as_somebody_waits() {
    let shared = Arc::new(CacheShared::new(16 << 20, 4 << 20));
    let mut first = filling(&shared, "x");
    assert!(!first.outlives_client());
    let (one, other) = (follow(&shared, "x"), follow(&shared, "x"));
    drop(one);
    assert!(first.outlives_client());
    push(&mut first, 9);
    assert_eq!(other.progress(), 1);
    first.finish(None, &mut Vec::new()).unwrap();
    assert_eq!(*other.ended.borrow(), Ended::Kept);
    let mut second = filling(&shared, "x");
    let other = follow(&shared, "x");
    push(&mut second, 5 << 20);
    assert!(!second.outlives_client(), "it is too large");
    assert_eq!(*other.ended.borrow(), Ended::NotKept);
}
