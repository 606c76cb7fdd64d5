//! Replicas that share a store: they find there what others have kept, and nothing that is out of date, for somebody else, or written by somebody else.

use std::sync::atomic::Ordering::Relaxed;

use maitred_http::Method;
use maitred_store::{Key, Scope, Seat, Store as _};
use serde_json::json;

use super::removal::admin;
use super::*;
use crate::cache::marks::{Mark, digest, name};
use crate::cache::purge::Purge;
use crate::limiting::testing::FarStore;

const SHARED: &str = "{ store: default }";

/// Two replicas with memories of their own.
fn replicas(yaml: &str) -> (Arc<FarStore>, Harness, Harness) {
    let store = FarStore::new();
    let one = Harness::with_store::<Cache>(Arc::clone(&store) as _, yaml);
    let two = one.replica::<Cache>(yaml);
    (store, one, two)
}

/// What the service would say of nothing is not kept, so that a look changes nothing.
fn look(harness: &Harness, fields: &[(&str, &str)]) -> Option<String> {
    let outcome = get(harness, fields, &[("Cache-Control", "no-store")], "");
    outcome.sent.is_none().then(|| String::from_utf8(outcome.body.to_vec()).unwrap())
}

fn purge(harness: &Harness, what: &str) -> serde_json::Value {
    let reply = admin(harness, Method::Post, "purge", what);
    assert_eq!(reply.status, 200, "{:?}", reply.json);
    reply.json
}

#[test]
fn what_one_keeps_the_others_find() {
    let (store, one, two) = replicas(SHARED);
    get(
        &one,
        &[],
        &[("Cache-Control", "public, max-age=60"), ("ETag", "\"a\""), ("Set-Cookie", "a=1")],
        "body",
    );
    seconds(&one, 7);
    let found = get(&two, &[], &[], "other");
    assert!(is_hit(&found));
    assert_eq!((&found.body[..], found.field("Age").as_deref()), (&b"body"[..], Some("7")));
    assert_eq!(found.field("Cache-Status").as_deref(), Some("maitred; hit; ttl=53; detail=store"));
    assert_eq!(found.field("Set-Cookie").as_deref(), Some("a=1"));
    // From now on it is in memory.
    let gets = store.gets.load(Relaxed);
    let again = get(&two, &[("Range", "bytes=1-2")], &[], "other");
    assert_eq!((&again.body[..], again.field("Age").as_deref()), (&b"od"[..], Some("7")));
    assert_eq!((store.gets.load(Relaxed), measured(&two, "maitred_cache_found_total", None)), (gets, 1));
    // Nor is it lost with the process, and HEAD has it, too.
    let third = one.replica::<Cache>(SHARED);
    assert!(is_hit(&ask(&third, "HEAD /x", &[], 200, &[], "")));
    assert!(is_hit(&get(&third, &[("Cache-Control", "only-if-cached")], &[], "")));
    seconds(&one, 60);
    assert_eq!(look(&third, &[]), None);
    assert_eq!(get(&third, &[("Cache-Control", "only-if-cached")], &[], "").response.status, 504);
}

#[test]
fn a_stale_one_is_something_to_go_by() {
    let (_, one, two) = replicas("{ store: default, stale_if_error: 60s, stale_while_revalidate: 5s }");
    get(&one, &[], &[("Cache-Control", "max-age=5"), ("ETag", "\"a\"")], "body");
    seconds(&one, 6);
    let stale = get(&two, &[], &[], "");
    assert_eq!((stale.sent.is_none(), stale.field("X-Cache").as_deref()), (true, Some("STALE")));
    assert_eq!(two.refreshes().len(), 1);
    seconds(&one, 10);
    let third = one.replica::<Cache>(SHARED);
    let asked = ask(&third, "GET /x", &[], 304, &[("Cache-Control", "max-age=60"), ("ETag", "\"a\"")], "");
    assert_eq!(asked.sent_field("If-None-Match").as_deref(), Some("\"a\""));
    assert_eq!(asked.body, "body");
    // That it still holds is known to all.
    assert_eq!(look(&one, &[]).as_deref(), Some("body"));
}

#[test]
fn each_variant_has_a_place_of_its_own() {
    let (_, one, two) = replicas("{ store: default, vary: header.B }");
    let varies = [("Cache-Control", "max-age=60"), ("Vary", "A")];
    for (a, b) in [("1", "x"), ("2", "x"), ("1", "y")] {
        get(&one, &[("A", a), ("B", b)], &varies, &format!("{a}{b}"));
    }
    for (a, b, found) in
        [("1", "x", true), ("2", "x", true), ("1", "y", true), ("2", "y", false), ("3", "x", false)]
    {
        let body = found.then(|| format!("{a}{b}"));
        assert_eq!(look(&two, &[("A", a), ("B", b)]), body, "{a}{b}");
    }
    assert_eq!(look(&two, &[("B", "x")]), None);
    // With another configuration the same values mean something else.
    assert_eq!(
        look(&one.replica::<Cache>("{ store: default, vary: header.C }"), &[("A", "1"), ("C", "x")]),
        None
    );
}

#[test]
fn nobody_finds_what_is_for_another() {
    let (_, one, two) = replicas(SHARED);
    get(&one, &[], FRESH, "nobody's");
    assert_eq!(look(&two, &[("Authorization", "a")]), None);
    assert_eq!(look(&two, &[]).as_deref(), Some("nobody's"));
    get(&one, &[("Authorization", "b")], FRESH, "one's");
    assert_eq!((look(&one, &[("Authorization", "b")]), look(&two, &[("Authorization", "b")])), (None, None));
    let elsewhere = two.request("GET /x", &[("Host", "evil.example")]);
    assert!(elsewhere.answer(200, &[("Cache-Control", "no-store")]).sent.is_some());
}

#[test]
fn what_is_purged_at_one_is_found_by_none() {
    let tagged = [("Cache-Control", "max-age=600"), ("Surrogate-Key", "one two")];
    for what in [
        r#"{"url": "https://shop.example/x"}"#,
        r#"{"prefix": "https://shop.example/x"}"#,
        r#"{"prefix": "https://shop.example"}"#,
        r#"{"tag": "two"}"#,
        r#"{"all": true}"#,
    ] {
        let (_, one, two) = replicas(SHARED);
        get(&one, &[], &tagged, "old");
        assert_eq!(look(&two, &[]).as_deref(), Some("old"));
        assert_eq!(purge(&one, what), json!({ "purged": 1, "told": true }), "{what}");
        // Neither in memory nor in the store, not even for one that knew nothing of it.
        for harness in [&one, &two, &one.replica::<Cache>(SHARED)] {
            assert_eq!(look(harness, &[]), None, "{what}");
        }
        seconds(&one, 20);
        get(&one, &[], &tagged, "new");
        assert_eq!(look(&two, &[]).as_deref(), Some("new"), "{what}");
    }
    let (_, one, two) = replicas(SHARED);
    get(&one, &[], &tagged, "body");
    purge(&two, r#"{"tag": "three"}"#);
    purge(&two, r#"{"url": "https://shop.example/x?"}"#);
    purge(&two, r#"{"prefix": "https://shop.example/x/"}"#);
    assert_eq!(look(&two, &[]).as_deref(), Some("body"));
}

#[test]
fn what_changes_at_one_changes_at_all_and_is_found_anew_at_once() {
    let (_, one, two) = replicas(SHARED);
    get(&one, &[], FRESH, "old");
    assert_eq!(look(&two, &[]).as_deref(), Some("old"));
    ask(&two, "POST /x", &[], 200, &[], "");
    for harness in [&one, &two, &one.replica::<Cache>(SHARED)] {
        assert_eq!(look(harness, &[]), None);
    }
    get(&one, &[], FRESH, "new");
    assert_eq!(look(&two, &[]).as_deref(), Some("new"));
    // One that was on its way meanwhile is kept nowhere.
    let (_, one, two) = replicas(SHARED);
    let slow = one.request("GET /x", &[HOST]).begin();
    ask(&two, "POST /x", &[], 200, &[], "");
    slow.finish_as(200, FRESH, "old");
    assert_eq!((look(&one, &[]), look(&two, &[])), (None, None));
}

#[test]
fn what_is_for_fewer_from_now_on_is_found_by_none() {
    let tagged = [("Cache-Control", "max-age=5"), ("ETag", "\"a\"")];
    for told in [("Cache-Control", "private"), ("Cache-Control", "no-store"), ("Vary", "*"), ("Vary", "A")] {
        for (line, status) in [("GET /x", 304), ("HEAD /x", 200)] {
            let (_, one, two) = replicas("{ store: default, stale_if_error: 60s }");
            get(&one, &[], &tagged, "body");
            assert_eq!(look(&two, &[]).as_deref(), Some("body"));
            seconds(&one, 6);
            let said = ask(&one, line, &[], status, &[told, ("ETag", "\"a\"")], "");
            assert!(said.sent.is_some());
            for harness in [&one, &two, &one.replica::<Cache>("{ store: default, stale_if_error: 60s }")] {
                let anew = get(harness, &[], &[("Cache-Control", "no-store")], "");
                assert!(anew.sent_field("If-None-Match").is_none(), "{line} {told:?}");
            }
        }
    }
}

#[test]
fn what_was_asked_for_earlier_takes_the_place_of_nothing() {
    let (_, one, two) = replicas(SHARED);
    let slow = one.request("GET /x", &[HOST]).begin();
    seconds(&one, 1);
    get(&two, &[], FRESH, "new");
    slow.finish_as(200, FRESH, "old");
    assert_eq!(look(&one.replica::<Cache>(SHARED), &[]).as_deref(), Some("new"));
}

#[test]
fn what_is_on_its_way_to_the_store_has_its_bounds() {
    let (store, one, two) = replicas("{ store: default, memory: 64KiB, max_body: 16KiB }");
    // With its head it is more than a quarter of the memory.
    get(&one, &[], FRESH, &"x".repeat(16 << 10));
    assert!(is_hit(&get(&one, &[], &[], "")));
    assert_eq!(look(&two, &[]), None);
    assert_eq!(measured(&one, "maitred_cache_coming_bytes", None), 0);
    // What is too large for the memory of another is given there, and not kept.
    ask(&one, "GET /y", &[], 200, FRESH, &"y".repeat(8 << 10));
    assert_eq!(measured(&one, "maitred_cache_coming_bytes", None), 0);
    let small = one.replica::<Cache>("{ store: default, memory: 64KiB, max_body: 4KiB }");
    for _ in 0..2 {
        let gets = store.gets.load(Relaxed);
        assert!(is_hit(&ask(&small, "GET /y", &[], 200, &[], "")));
        assert!(store.gets.load(Relaxed) > gets);
    }
}

#[test]
fn while_the_store_is_away_each_has_its_own() {
    let (store, one, two) = replicas(SHARED);
    get(&one, &[], FRESH, "kept");
    store.is_away.store(true, Relaxed);
    assert_eq!(look(&one, &[]).as_deref(), Some("kept"));
    assert_eq!(get(&two, &[], FRESH, "own").body, "own");
    assert_eq!(look(&two, &[]).as_deref(), Some("own"));
    // What is removed meanwhile is made up for.
    ask(&one, "POST /x", &[], 200, &[], "");
    assert_eq!(purge(&one, r#"{"tag": "t"}"#), json!({ "purged": 0, "told": false }));
    assert_eq!(look(&two, &[]).as_deref(), Some("own"), "it has not heard of it");
    store.is_away.store(false, Relaxed);
    let third = one.replica::<Cache>(SHARED);
    assert_eq!(look(&one, &[]), None, "it knows better than the store");
    assert_eq!((look(&two, &[]), look(&third, &[])), (None, None));
    assert_eq!(purge(&one, r#"{"tag": "t"}"#), json!({ "purged": 0, "told": true }));
}

#[test]
fn a_server_that_is_full_revives_nothing() {
    let (store, one, two) = replicas(SHARED);
    let tagged = [("Cache-Control", "max-age=600"), ("Cache-Tag", "t")];
    for what in [r#"{"url": "https://shop.example/x"}"#, r#"{"tag": "t"}"#, r#"{"all": true}"#] {
        get(&one, &[], &tagged, "old");
        store.is_full.store(true, Relaxed);
        assert_eq!(purge(&one, what), json!({ "purged": 1, "told": false }));
        assert_eq!(look(&one, &[]), None, "{what}");
        store.is_full.store(false, Relaxed);
        assert_eq!(purge(&two, r#"{"tag": "other"}"#)["told"], true);
        assert_eq!(look(&one, &[]), None, "{what}");
        assert_eq!(look(&two, &[]), None, "{what}");
        seconds(&one, 20);
    }
}

#[test]
fn many_who_ask_the_same_look_once() {
    let (store, one, _) = replicas(SHARED);
    let mut first = one.request("GET /x", &[HOST]).begin();
    assert!(first.is_at_service());
    let gets = store.gets.load(Relaxed);
    let mut others: Vec<_> = (0..50).map(|_| one.request("GET /x", &[HOST]).begin()).collect();
    first.finish_as(200, FRESH, "body");
    assert!(others.iter_mut().all(|other| other.ended().is_some_and(|outcome| outcome.body == "body")));
    // Once more, to see that there is nothing newer than what is put there.
    assert_eq!(store.gets.load(Relaxed), gets + 1);
}

#[test]
fn what_is_too_large_or_of_no_use_is_in_memory_alone() {
    let (_, one, two) = replicas(SHARED);
    get(&one, &[], FRESH, &"x".repeat(1 << 20));
    assert!(is_hit(&get(&one, &[], &[], "")));
    assert_eq!(look(&two, &[]), None);
    let (_, one, two) = replicas(SHARED);
    get(&one, &[], &[("Cache-Control", "max-age=0"), ("ETag", "\"a\"")], "body");
    assert!(get(&two, &[], &[], "").sent_field("If-None-Match").is_none());
}

/// Where the answer to GET for this path is.
fn place(path: &str) -> String {
    let mut secondary = Vec::new();
    let request = maitred_policy::harness::request(&format!("GET {path}"), &[HOST]);
    let facts = maitred_policy::harness::facts();
    cached("true").policy::<Cache>().keying.write_secondary(&request, &facts, &mut secondary);
    name("answer", &digest(&[format!("https://shop.example{path}").as_bytes(), &secondary, b""]))
}

/// What is there.
fn there(store: &FarStore, scope: &Scope, at: &str, now: maitred_store::Moment) -> Vec<u8> {
    let key = Key { scope, value: at.as_bytes() };
    let mut asked = Box::pin(store.get(Seat::Control, key, now).wait());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(Some(entry))) = asked.as_mut().poll(&mut cx) else { panic!("it is there") };
    entry.to_vec()
}

#[test]
fn what_others_write_there_is_nothing() {
    let (store, one, two) = replicas(SHARED);
    let answer = [("Cache-Control", "max-age=600"), ("Cache-Tag", "t")];
    get(&one, &[], &answer, "body");
    let now = one.beside().moment();
    let (scope, at) = (Scope::new("cache:global/cache"), place("/x"));
    let good = there(&store, &scope, &at, now);
    let put = |value: &str, entry: Vec<u8>| {
        let key = Key { scope: &scope, value: value.as_bytes() };
        let mut putting =
            Box::pin(store.put(Seat::Control, key, entry.into(), Duration::from_secs(99), now).wait());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(putting.as_mut().poll(&mut cx).is_ready());
    };
    put(&at, good.clone());
    assert_eq!(look(&one.replica::<Cache>(SHARED), &[]).as_deref(), Some("body"));
    let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    // Version, kind, place, marks, length, number of tags, whether it was explicit, URL.
    for at in [0, 1, 2, 34, 66 + 4 * 8, 66 + 5 * 8, 66 + 6 * 8, 66 + 6 * 8 + 6] {
        let mut changed = good.clone();
        changed[at] ^= 0x40;
        bad.push(changed);
    }
    bad.push([&good[..], b"x"].concat());
    bad.push([&[1, 1][..], &[0, 0, 0, 1], b"A"].concat());
    bad.push(vec![1, 1, 0xFF, 0xFF, 0xFF, 0xFF]);
    for entry in bad {
        put(&at, entry.clone());
        assert_eq!(look(&one.replica::<Cache>(SHARED), &[]), None, "{entry:?}");
    }
    // The answer of one place is none of another.
    put(&at, good.clone());
    put(&place("/y"), good);
    assert_eq!(look(&two, &[]).as_deref(), Some("body"));
    assert!(ask(&two, "GET /y", &[], 200, &[("Cache-Control", "no-store")], "").sent.is_some());
    // A mark that is none voids what it stands on.
    put(&Mark::Tag(b"t").name(), b"nonsense".to_vec());
    assert_eq!(look(&one.replica::<Cache>(SHARED), &[]), None);
}

#[test]
fn what_is_told_of_another_cache_or_in_other_words_removes_nothing() {
    let (store, one, _) = replicas(SHARED);
    get(&one, &[], FRESH, "body");
    let tell = |message: String| store.tell(Seat::Control, "cache_purge", message.into_bytes().into());
    for message in
        [json!({ "cache": "cache:global/cache/b", "by": 1, "purge": { "all": true } }), json!("nonsense")]
    {
        tell(message.to_string());
        assert_eq!(measured(&one, "maitred_cache_keys", None), 1);
    }
    tell("{".to_owned());
    assert_eq!(measured(&one, "maitred_cache_keys", None), 1);
    tell(json!({ "cache": "cache:global/cache", "by": 1, "purge": { "all": true } }).to_string());
    assert_eq!(measured(&one, "maitred_cache_keys", None), 0);
    for purge in
        [Purge::Tag(b"t"[..].into()), Purge::Prefix(b"p"[..].into()), Purge::Key(b"k"[..].into()), Purge::All]
    {
        assert_eq!(Purge::hear(&purge.to_json()), Some(purge));
    }
}
