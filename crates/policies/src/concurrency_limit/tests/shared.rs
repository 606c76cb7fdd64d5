//! Places that replicas share: taken and given back, leased and renewed, and a store that is away.

use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::limiting::testing::FarStore;

fn replicas(yaml: &str) -> (Arc<FarStore>, Harness, Harness) {
    let store = FarStore::new();
    let one = Harness::with_store::<ConcurrencyLimit>(Arc::clone(&store) as _, yaml);
    let other = one.replica::<ConcurrencyLimit>(yaml);
    (store, one, other)
}

const TWO: &str = "{ limit: 2, store: default }";

#[test]
fn the_number_counts_for_all_replicas() {
    let (_store, one, other) = replicas(TWO);
    let (mut first, mut second) = (begin(&one, "/1"), begin(&other, "/2"));
    assert!(first.is_at_service() && second.is_at_service());
    is_shed(begin(&one, "/3").ended().unwrap());
    is_shed(begin(&other, "/4").ended().unwrap());
    assert_eq!(measured(&one, "_refused_total", Some("full")), 1);
    assert_eq!(measured(&one, "_in_flight", None), 1, "one of its own");
    assert_eq!(first.finish(200).response.status, 200);
    let mut third = begin(&other, "/5");
    assert!(third.is_at_service());
    is_shed(begin(&one, "/6").ended().unwrap());
    // One whose client goes gives its place back as well.
    drop(third);
    assert!(begin(&one, "/7").is_at_service());
    let told = one.request("GET /", &[]).explain().remove(0);
    assert_eq!(told, "lets it through with up to 2 at once on all replicas together, and refuses it beyond");
}

#[test]
fn long_requests_keep_their_places() {
    let (_store, one, other) = replicas("{ limit: 1, store: default }");
    let mut long = begin(&one, "/long");
    assert!(long.is_at_service());
    for _ in 0..30 {
        one.advance(Duration::from_secs(2));
        is_shed(begin(&other, "/").ended().unwrap());
    }
    long.finish(200);
    assert!(begin(&other, "/").is_at_service());
    // Who holds none renews none, and begins again with the next.
    one.advance(Duration::from_secs(4));
    let mut long = begin(&one, "/long");
    assert!(long.is_at_service());
    for _ in 0..10 {
        one.advance(Duration::from_secs(2));
        is_shed(begin(&other, "/").ended().unwrap());
    }
}

#[test]
fn places_of_a_gateway_that_has_died_come_back() {
    let (store, one, other) = replicas("{ limit: 1, store: default }");
    let dying = begin(&one, "/");
    store.is_away.store(true, Relaxed);
    // It hears and says nothing any more.
    one.advance(Duration::from_secs(9));
    store.is_away.store(false, Relaxed);
    is_shed(begin(&other, "/").ended().unwrap());
    store.is_away.store(true, Relaxed);
    one.advance(Duration::from_secs(1));
    store.is_away.store(false, Relaxed);
    assert!(begin(&other, "/").is_at_service());
    drop(dying);
}

#[test]
fn while_the_store_is_away_each_counts_for_itself_or_refuses() {
    let (store, one, other) = replicas(TWO);
    store.is_away.store(true, Relaxed);
    let mut all: Vec<_> = [&one, &one, &other, &other].map(|replica| begin(replica, "/")).into();
    assert!(all.iter_mut().all(Begun::is_at_service));
    is_shed(begin(&one, "/").ended().unwrap());
    drop(all);
    let (store, strict, _) = replicas("{ limit: 2, store: default, on_store_failure: deny }");
    store.is_away.store(true, Relaxed);
    let refused = begin(&strict, "/").finish(200);
    assert_eq!((refused.response.status, refused.cause()), (503, Some("store_unavailable")));
    store.is_away.store(false, Relaxed);
    assert!(begin(&strict, "/").is_at_service());
}

#[test]
fn a_store_in_memory_will_do() {
    let harness = limited(TWO);
    let (mut one, mut two) = (begin(&harness, "/1"), begin(&harness, "/2"));
    assert!(one.is_at_service() && two.is_at_service());
    is_shed(begin(&harness, "/3").ended().unwrap());
    one.finish(200);
    assert!(begin(&harness, "/4").is_at_service());
}

#[test]
fn a_word_that_got_lost_is_said_again_soon() {
    let (store, one, other) = replicas("{ limit: 1, store: default }");
    let mut long = begin(&one, "/long");
    assert!(long.is_at_service());
    let away = |is_away| store.is_away.store(is_away, Relaxed);
    away(true);
    one.advance(Duration::from_secs(3));
    away(false);
    one.advance(Duration::from_millis(500));
    away(true);
    // The lease goes from there.
    one.advance(Duration::from_secs(9));
    away(false);
    is_shed(begin(&other, "/").ended().unwrap());
}
