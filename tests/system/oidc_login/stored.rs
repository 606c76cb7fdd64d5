//! Sessions in a store, which two gateways share: a real Redis, and a provider that takes each refresh token once.

use std::thread;

use maitred_tests::{Curl, Echo, Gateway, Origin, Realm, Redis, eventually};
use serde_json::json;

use super::{Jar, realm, start};

/// Two gateways whose sessions are in this store.
fn gateways(realm: &Realm, origin: &Origin, redis: &Redis) -> [Gateway; 2] {
    let more = format!(
        "forward: access_token, session: {{ store: sessions }} }} }}\n\
         stores: {{ sessions: {{ redis: {{ url: '{}', timeout: 900ms }}",
        redis.url()
    );
    [(); 2].map(|()| start(realm, origin, &more))
}

/// What is kept of sessions.
fn entries(redis: &Redis) -> Vec<String> {
    let found = redis.ask(&["--raw", "KEYS", "maitred:login:*}"]);
    found.lines().map(ToOwned::to_owned).collect()
}

fn ask(gateway: &Gateway, cookie: &str) -> Curl {
    gateway.curl("/a", &["-H", cookie])
}

#[test]
fn sessions_in_a_store_are_those_of_all_gateways() {
    let Some(realm) = realm("stored::sessions_in_a_store_are_those_of_all_gateways") else { return };
    let (origin, redis) = (Origin::start(), Redis::default());
    let [one, other] = gateways(&realm, &origin, &redis);
    let jar = Jar::default();
    jar.log_in(&one.url("/a"), "alice");
    let session = jar.session().unwrap();
    assert!(session.len() < 100, "{session}");
    let cookie = format!("Cookie: session={session}");
    let token = |answer: &Curl| Echo::of(answer).field("Authorization").unwrap().to_owned();
    assert_eq!(token(&ask(&one, &cookie)), token(&ask(&other, &cookie)));
    // Who reads the store learns nothing.
    let [key] = &entries(&redis)[..] else { panic!("{:?}", entries(&redis)) };
    let entry = redis.ask(&["GET", key]);
    assert!(entry.len() > 1000 && !entry.contains("eyJ") && !session.contains(&entry[..40]), "{entry}");
    // While it is away nobody is logged out, and later all are in.
    redis.pause();
    for gateway in [&one, &other] {
        let away = ask(gateway, &cookie);
        assert_eq!((away.status(), away.head.field("Set-Cookie")), (503, None));
    }
    redis.resume();
    for gateway in [&one, &other] {
        eventually("the store is back", || (ask(gateway, &cookie).status() == 200).then_some(()));
    }
    let out = jar.send(&one.url("/oauth2/logout"), &["-H", "Sec-Fetch-Site: same-origin"]);
    assert_eq!((out.status(), jar.session(), entries(&redis).len()), (303, None, 0));
    assert_eq!((ask(&one, &cookie).status(), ask(&other, &cookie).status()), (401, 401));
    // The provider tells one of them that a session has ended, and that tells the other.
    realm.configure("shop-web", &[("backchannel.logout.url", &one.url("/oauth2/backchannel"))]);
    jar.log_in(&one.url("/a"), "alice");
    let cookie = format!("Cookie: session={}", jar.session().unwrap());
    assert_eq!((ask(&one, &cookie).status(), ask(&other, &cookie).status()), (200, 200));
    realm.end_sessions("alice");
    assert_eq!(one.access_to("/oauth2/backchannel").number("status"), 200);
    assert_eq!(ask(&one, &cookie).status(), 401);
    eventually("the other knows", || (ask(&other, &cookie).status() == 401).then_some(()));
}

#[test]
fn gateways_show_each_refresh_token_once() {
    let Some(realm) = realm("stored::gateways_show_each_refresh_token_once") else { return };
    realm.configure("shop-web", &[("access.token.lifespan", "2")]);
    realm.administer("PUT", "", Some(&json!({ "revokeRefreshToken": true, "refreshTokenMaxReuse": 0 })));
    let (origin, redis) = (Origin::start(), Redis::default());
    let gateways = gateways(&realm, &origin, &redis);
    let jar = Jar::default();
    jar.log_in(&gateways[0].url("/a"), "alice");
    let cookie = format!("Cookie: session={}", jar.session().unwrap());
    // All the while every request is let through, at both.
    let seen = |gateway: &Gateway| {
        let answer = ask(gateway, &cookie);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Echo::of(&answer).field("Authorization").unwrap().to_owned()
    };
    thread::scope(|scope| {
        for number in 0..4 {
            let (gateway, seen) = (&gateways[number % 2], &seen);
            scope.spawn(move || {
                for _ in 0..3 {
                    let last = seen(gateway);
                    eventually("the token is renewed", || (seen(gateway) != last).then_some(()));
                }
            });
        }
    });
}
