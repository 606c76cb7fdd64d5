//! Sessions in a store: small cookies, what becomes of entries, and what attackers with a cookie or with the store can do.

use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use maitred_store::{Hold, Key, Scope, Seat, Store as _, StoreShared};
use serde_json::json;

use super::*;
use crate::limiting::testing::FarStore;
use entries::Id;

const MORE: &str =
    "secret: '${file:secret}', login: /login, session: { lifetime: 100m, idle: 20m, store: default }";

/// Two replicas; on the first somebody has logged in.
fn logged_in(provider: &Provider, more: &str) -> (Arc<FarStore>, [Harness; 2], Browser) {
    let files = Memory::new().with("secret", "a secret of some length, as it has to have");
    let (store, written) = (FarStore::new(), written(&format!("{MORE}, {more}")));
    let shared = Arc::clone(&store) as StoreShared;
    let one = Harness::in_document_with_store::<OidcLogin>((DOCUMENT, &files), shared, &written);
    let other = one.replica::<OidcLogin>(&written);
    for replica in [&one, &other] {
        replica.fetch(provider).unwrap();
    }
    let answering = |harness: Harness| {
        let provider = provider.clone();
        harness.answering(move |called| Some(provider.answer(called)))
    };
    let (one, other) = (answering(one), answering(other));
    let mut browser = Browser::default();
    assert_eq!(browser.log_in(&one, provider, "/login").response.status, 302);
    (store, [one, other], browser)
}

fn user(outcome: &Outcome) -> Option<String> {
    outcome.facts.claims.as_ref().and_then(|claims| claims.subject.as_deref().map(ToOwned::to_owned))
}

fn is_in(harness: &Harness, browser: &Browser) -> bool {
    browser.clone().send(harness, "GET /", &[]).response.status == 200
}

/// What the store says: it never waits.
fn said<T>(asking: impl Future<Output = T>) -> T {
    let mut asking = Box::pin(asking);
    match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(said) => said,
        Poll::Pending => panic!("the store waits"),
    }
}

/// The key of a browser's session in the store.
fn key(harness: &Harness, browser: &Browser) -> String {
    let entries = harness.policy::<OidcLogin>().entries.as_ref().unwrap();
    id(entries, browser).key()
}

fn id(entries: &Entries, browser: &Browser) -> Id {
    entries.open("__Host-session", &browser.0[0].1.as_bytes()[1..]).unwrap()
}

fn entry(store: &FarStore, harness: &Harness, key: &str) -> Option<Vec<u8>> {
    let (scope, now) = (Scope::new("login"), harness.beside().moment());
    let key = Key { scope: &scope, value: key.as_bytes() };
    said(store.get(Seat::Control, key, now).wait()).unwrap().map(Into::into)
}

fn put(store: &FarStore, harness: &Harness, key: &str, entry: Vec<u8>) {
    let (scope, now) = (Scope::new("login"), harness.beside().moment());
    let key = Key { scope: &scope, value: key.as_bytes() };
    said(store.put(Seat::Control, key, entry.into(), Duration::from_hours(1), now).wait()).unwrap();
}

#[test]
fn the_browser_has_an_id_and_the_store_the_session() {
    let provider = Provider::default();
    // More than cookies could have.
    provider.change(&json!({ "groups": ["x".repeat(11_500)] }));
    let (store, [one, other], mut browser) = logged_in(&provider, "");
    assert_eq!(browser.names(), ["__Host-session"]);
    assert!(browser.0[0].1.len() < 100, "{browser:?}");
    assert!(entry(&store, &one, &key(&one, &browser)).unwrap().len() > 11_500);
    for replica in [&one, &other] {
        let page = browser.send(replica, "GET /", &[]);
        assert_eq!((user(&page).as_deref(), page.field("Set-Cookie")), (Some("alice"), None));
        assert_eq!(page.sent_field("Cookie"), None);
        // What has ended elsewhere is looked up once, the session each time.
        let before = store.gets.load(Relaxed);
        browser.send(replica, "GET /", &[]);
        assert_eq!(store.gets.load(Relaxed), before + 1);
    }
    let cookies = browser.line();
    let explained = one.request("GET /", &[("Host", "shop.test"), ("Cookie", &cookies)]).explain().concat();
    assert_eq!(explained, "looks for its session in the store");
}

#[test]
fn each_login_has_an_id_of_its_own() {
    let provider = Provider::default();
    let (_store, [one, _], browser) = logged_in(&provider, "");
    let mut again = browser.clone();
    let sent = again.open(&one, "/login");
    again.open(&one, &provider.log_in(&location(&sent)));
    assert_ne!(key(&one, &again), key(&one, &browser));
}

#[test]
fn an_entry_that_is_gone_is_no_session() {
    let provider = Provider::default();
    let (_store, [one, other], browser) = logged_in(&provider, "");
    one.advance(Duration::from_mins(21));
    let mut page = browser.clone();
    assert!(location(&page.open(&other, "/a")).starts_with("https://login.test/auth"));
    assert!(!page.names().contains(&"__Host-session"), "it is forgotten");
    let refused = browser.clone().send(&one, "GET /", &[]);
    assert_eq!((refused.response.status, refused.cause()), (401, Some("session_ended")));
}

#[test]
fn while_the_store_is_away_nobody_is_taken_for_logged_out() {
    for more in ["", "optional: true"] {
        let provider = Provider::default();
        let (store, [one, _], mut browser) = logged_in(&provider, more);
        let mut other = Browser::default();
        let begun = provider.log_in(&location(&other.open(&one, "/login")));
        store.is_away.store(true, Relaxed);
        for (line, fields) in [
            ("GET /", &[PAGE][..]),
            ("GET /", &[]),
            ("GET /oauth2/logout", &[("Sec-Fetch-Site", "same-origin")]),
        ] {
            let page = browser.send(&one, line, fields);
            assert_eq!((page.response.status, page.cause()), (503, Some("store_unavailable")), "{line}");
            assert_eq!((page.field("Set-Cookie"), page.sent.is_none()), (None, true));
        }
        let back = other.open(&one, &begun);
        assert_eq!((back.response.status, back.cause()), (503, Some("store_unavailable")));
        store.is_away.store(false, Relaxed);
        assert_eq!(user(&browser.open(&one, "/")).as_deref(), Some("alice"));
    }
}

#[test]
fn who_logs_out_leaves_nothing_behind() {
    for sid in [json!("s-1"), json!(null)] {
        let provider = Provider::default();
        provider.change(&json!({ "sid": sid }));
        let (store, [one, other], mut browser) = logged_in(&provider, "");
        assert!(is_in(&other, &browser));
        let (kept, key) = (browser.clone(), key(&one, &browser));
        let left = entry(&store, &one, &key).unwrap();
        let out = browser.send(&one, "GET /oauth2/logout", &[("Sec-Fetch-Site", "same-origin")]);
        assert_eq!((out.response.status, browser.0.len()), (303, 0));
        assert!(location(&out).contains("id_token_hint="));
        assert_eq!(entry(&store, &one, &key), None);
        assert!(!is_in(&one, &kept) && !is_in(&other, &kept));
        // A request that was under way has written it once more, or somebody else has.
        put(&store, &one, &key, left);
        assert!(!is_in(&one, &kept) && !is_in(&other, &kept));
    }
}

#[test]
fn who_writes_to_the_store_begins_no_session() {
    let provider = Provider::default();
    let (store, [one, other], alice) = logged_in(&provider, "");
    provider.change(&json!({ "sub": "mallory" }));
    let mut mallory = Browser::default();
    mallory.log_in(&one, &provider, "/");
    let (of_alice, of_mallory) = (key(&one, &alice), key(&one, &mallory));
    let good = entry(&store, &one, &of_alice).unwrap();
    // Mallory's cookie, and Alice's session.
    put(&store, &one, &of_mallory, good.clone());
    assert!(!is_in(&one, &mallory) && !is_in(&other, &mallory));
    for changed in [[&good[..], b"A"].concat(), good[..good.len() - 4].to_vec(), b"".to_vec(), b"x".to_vec()]
    {
        put(&store, &one, &of_alice, changed);
        assert!(!is_in(&other, &alice));
    }
    put(&store, &one, &of_alice, good);
    assert!(is_in(&other, &alice));
}

#[test]
fn ids_that_were_made_up_do_not_come_as_far_as_the_store() {
    let provider = Provider::default();
    let (store, [one, _], browser) = logged_in(&provider, "");
    let good = browser.0[0].1.clone();
    let entry = String::from_utf8(entry(&store, &one, &key(&one, &browser)).unwrap()).unwrap();
    let sealed = one.policy::<OidcLogin>().sessions.seal("__Host-session", &[7; 32]);
    let asked = store.asked.load(Relaxed);
    for made_up in [
        format!("{good}A"),
        good.replacen('1', "2", 1),
        format!("1{}", key(&one, &browser)),
        format!("1{entry}"),
        format!("1{sealed}"),
        "1".to_owned(),
    ] {
        let mut browser = Browser(vec![("__Host-session".to_owned(), made_up.clone())]);
        assert_eq!(browser.send(&one, "GET /", &[]).cause(), Some("session_ended"), "{made_up}");
    }
    assert_eq!(store.asked.load(Relaxed), asked);
}

#[test]
fn the_store_learns_that_a_session_was_seen() {
    let provider = Provider::default();
    let (_store, [mut one, _], mut browser) = logged_in(&provider, "");
    // As though access tokens lasted.
    provider.cut();
    for minutes in [1_u64, 3, 20, 39, 58, 77, 96] {
        one = later(one, minutes * 60);
        let page = browser.send(&one, "GET /", &[]);
        assert_eq!((user(&page).as_deref(), page.field("Set-Cookie")), (Some("alice"), None), "{minutes}");
        one.advance(Duration::from_mins(3));
    }
    one = later(one, 101 * 60);
    assert_eq!(browser.send(&one, "GET /", &[]).cause(), Some("session_ended"));
}

#[test]
fn replicas_renew_once_for_all() {
    let provider = Provider::default();
    let (_store, [one, other], mut browser) = logged_in(&provider, "forward: access_token");
    let (one, other) = (later(one, 275), later(other, 275));
    for replica in [&one, &other, &one] {
        let page = browser.send(replica, "GET /", &[]);
        let renewed = format!("Bearer {}", provider.given("access_token"));
        assert_eq!((page.sent_field("Authorization"), page.field("Set-Cookie")), (Some(renewed), None));
        assert_eq!(provider.asked().len(), 2);
    }
}

#[test]
fn who_does_not_get_the_turn_goes_on_or_waits() {
    let provider = Provider::default();
    let (store, [one, other], browser) = logged_in(&provider, "forward: access_token");
    let (scope, key) = (Scope::new("login"), key(&one, &browser));
    let key = Key { scope: &scope, value: key.as_bytes() };
    let first = format!("Bearer {}", provider.given("access_token"));
    let hold = || {
        let (lease, now) = (Duration::from_secs(15), one.beside().moment());
        assert!(
            said(store.hold(Seat::Control, Hold { key, holder: 1, most: 1, lease, now }).wait()).unwrap()
        );
    };
    hold();
    let (one, other) = (later(one, 275), later(other, 310));
    let page = browser.clone().send(&one, "GET /", &[]);
    assert_eq!((page.sent_field("Authorization"), provider.asked().len()), (Some(first), 1));
    // Its token has expired: it waits, and has what the other was given.
    let (host, cookies) = (("Host", "shop.test"), browser.line());
    let mut waiting = other.request("GET /", &[host, ("Cookie", &cookies)]).begin();
    assert!(!waiting.is_at_service());
    store.release(Seat::Control, key, 1);
    other.advance(Duration::from_secs(1));
    assert!(waiting.is_at_service());
    let page = waiting.finish(200);
    let renewed = format!("Bearer {}", provider.given("access_token"));
    assert_eq!((page.sent_field("Authorization"), provider.asked().len()), (Some(renewed), 2));
}

#[test]
fn who_has_waited_takes_what_the_other_was_given() {
    let provider = Provider::default();
    let (store, [one, other], browser) = logged_in(&provider, "forward: access_token");
    let (scope, key) = (Scope::new("login"), key(&one, &browser));
    let key = Key { scope: &scope, value: key.as_bytes() };
    let (lease, now) = (Duration::from_secs(15), one.beside().moment());
    assert!(said(store.hold(Seat::Control, Hold { key, holder: 1, most: 1, lease, now }).wait()).unwrap());
    let (one, other) = (later(one, 275), later(other, 310));
    let (host, cookies) = (("Host", "shop.test"), browser.line());
    let mut waiting = other.request("GET /", &[host, ("Cookie", &cookies)]).begin();
    assert!(!waiting.is_at_service());
    store.release(Seat::Control, key, 1);
    // Both have the provider's tokens from before.
    assert!(is_in(&one, &browser));
    let renewed = format!("Bearer {}", provider.given("access_token"));
    let asked = provider.asked().len();
    assert_eq!(asked, 2);
    other.advance(Duration::from_secs(1));
    let page = waiting.finish(200);
    assert_eq!((page.sent_field("Authorization"), provider.asked().len()), (Some(renewed), asked));
}

#[test]
fn a_session_that_is_refused_leaves_the_store() {
    let provider = Provider::default();
    let (store, [one, other], browser) = logged_in(&provider, "");
    // Somebody else has used the refresh token.
    Browser::default().log_in(&one, &provider, "/");
    let (one, other) = (later(one, 280), later(other, 280));
    assert!(!is_in(&one, &browser));
    assert_eq!(entry(&store, &one, &key(&one, &browser)), None);
    assert!(!is_in(&other, &browser));
}

#[test]
fn one_process_may_have_them_in_memory() {
    let provider = Provider::default();
    let (harness, mut browser) = (harness(&provider, "session: { store: default }"), Browser::default());
    browser.log_in(&harness, &provider, "/");
    let kept = browser.clone();
    assert_eq!(user(&browser.open(&harness, "/")).as_deref(), Some("alice"));
    browser.send(&harness, "GET /oauth2/logout", &[("Sec-Fetch-Site", "same-origin")]);
    assert!(!is_in(&harness, &kept));
}
