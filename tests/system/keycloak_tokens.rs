//! Keys of a real provider that change, and a provider that goes and comes back, while requests with its tokens flow.

use std::sync::atomic::{AtomicBool, Ordering};

use maitred_tests::{Gateway, Origin, Realm, Wire, claims, eventually, skipped};
use serde_json::json;

fn status(wire: &mut Wire, token: &str) -> u16 {
    wire.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n")).status()
}

/// Has requests with this token sent on a few connections while `meanwhile` runs; the answers that were not 200.
fn under_traffic(gateway: &Gateway, token: &str, meanwhile: impl FnOnce()) -> (usize, Vec<u16>) {
    let over = AtomicBool::new(false);
    let flow = || {
        let mut wire = gateway.connect();
        let (mut count, mut bad) = (0, Vec::new());
        while !over.load(Ordering::Relaxed) {
            count += 1;
            bad.extend(Some(status(&mut wire, token)).filter(|status| *status != 200));
        }
        (count, bad)
    };
    std::thread::scope(|scope| {
        let flows: Vec<_> = (0..4).map(|_| scope.spawn(flow)).collect();
        meanwhile();
        over.store(true, Ordering::Relaxed);
        let all = flows.into_iter().map(|flow| flow.join().unwrap());
        all.fold((0, Vec::new()), |(count, bad), (more, worse)| (count + more, [bad, worse].concat()))
    })
}

#[test]
fn no_good_token_is_refused_while_keys_are_added_and_the_provider_is_away() {
    let Some(realm) = Realm::create() else {
        return skipped(
            "keycloak_tokens::no_good_token_is_refused_while_keys_are_added_and_the_provider_is_away",
            "Keycloak is not installed",
        );
    };
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "issuers: {{ keycloak: {{ issuer: \"{}\", audience: shop-api }} }}\n\
         routes: {{ app: {{ match: /*, upstream: \"{}\", policies: {{ jwt: true }} }} }}\n",
        realm.issuer(),
        origin.url()
    ));
    let alice = realm.token("alice");
    let mut wire = gateway.connect();
    eventually("the keys are there", || (status(&mut wire, &alice) == 200).then_some(()));
    let (count, bad) = under_traffic(&gateway, &alice, || {
        realm.add_key();
        let next = realm.token("bob");
        assert_eq!(claims(&next)["preferred_username"], json!("bob"));
        eventually("the new key is there", || (status(&mut wire, &next) == 200).then_some(()));
        realm.forwarder().cut();
        assert_eq!(status(&mut wire, &next), 200, "what was fetched counts");
        realm.forwarder().mend();
        realm.add_key();
        let last = realm.token("bob");
        eventually("and the one after", || (status(&mut wire, &last) == 200).then_some(()));
        assert_eq!(status(&mut wire, &next), 200);
    });
    assert!(count > 100 && bad.is_empty(), "of {count} requests: {bad:?}");
}
