//! Sessions that end on one replica have ended on all that share the store: on those that are told, and on those that look.

use std::sync::atomic::Ordering::Relaxed;

use maitred_store::{Ear as _, Key, Scope, Store as _, StoreShared};

use super::*;
use crate::limiting::testing::FarStore;

const MORE: &str = "secret: '${file:secret}'";

/// Three replicas: on the first somebody has logged in.
fn replicas(provider: &Provider) -> (Arc<FarStore>, [Harness; 3], Browser) {
    let files = Memory::new().with("secret", "a secret of some length, as it has to have");
    let (store, written) = (FarStore::new(), written(MORE));
    let shared = Arc::clone(&store) as StoreShared;
    let one = Harness::in_document_with_store::<OidcLogin>((DOCUMENT, &files), shared, &written);
    let (other, third) = (one.replica::<OidcLogin>(&written), one.replica::<OidcLogin>(&written));
    for replica in [&one, &other, &third] {
        replica.fetch(provider).unwrap();
    }
    let answering = provider.clone();
    let one = one.answering(move |called| Some(answering.answer(called)));
    let mut browser = Browser::default();
    browser.log_in(&one, provider, "/");
    (store, [one, other, third], browser)
}

fn is_in(harness: &Harness, browser: &Browser) -> bool {
    browser.clone().send(harness, "GET /", &[]).response.status == 200
}

fn log_out(harness: &Harness, browser: &Browser) {
    let out = browser.clone().send(harness, "GET /oauth2/logout", &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(out.response.status, 303);
}

#[test]
fn who_logs_out_on_one_has_logged_out_on_all() {
    let provider = Provider::default();
    let (_store, [one, told, looking], browser) = replicas(&provider);
    // The second knows the session, the third sees it later.
    assert!(is_in(&one, &browser) && is_in(&told, &browser));
    log_out(&one, &browser);
    assert!(!is_in(&one, &browser) && !is_in(&told, &browser) && !is_in(&looking, &browser));
    let (one, told) = (later(one, 1), later(told, 1));
    let mut again = Browser::default();
    again.log_in(&one, &provider, "/");
    assert!(is_in(&told, &again));
}

#[test]
fn one_that_begins_later_looks() {
    let provider = Provider::default();
    let (_store, [one, ..], browser) = replicas(&provider);
    log_out(&one, &browser);
    let later = one.replica::<OidcLogin>(&written(MORE));
    later.fetch(&provider).unwrap();
    assert!(!is_in(&later, &browser));
}

#[test]
fn what_was_missed_is_looked_up_once_the_store_is_back() {
    let provider = Provider::default();
    let (store, [one, missing, _], browser) = replicas(&provider);
    store.is_away.store(true, Relaxed);
    assert!(is_in(&missing, &browser), "sessions go on while it is away");
    // The entry stands there, and nobody was told.
    store.is_away.store(false, Relaxed);
    let shared = &missing.policy::<OidcLogin>().shared;
    let value = [shared.realm, ended::of_sid("s-1")].concat();
    let scope = Scope::new("sessions");
    let entry = [&[1][..], &(NOW * 1000 + 5000).to_be_bytes()].concat();
    let put = |harness: &Harness| {
        let beside = harness.beside();
        let store = Arc::clone(&store);
        let (entry, value, scope) = (entry.clone(), value.clone(), scope.clone());
        let (seat, now) = (beside.seat(), beside.moment());
        beside.detach(Box::pin(async move {
            let key = Key { scope: &scope, value: &value };
            store.put(seat, key, entry.into(), Duration::from_hours(1), now).wait().await.unwrap();
        }));
    };
    assert!(is_in(&missing, &browser), "it was looked up");
    put(&one);
    assert!(is_in(&missing, &browser), "and is not with each request");
    shared.gap();
    assert!(!is_in(&missing, &browser));
}
