//! Tokens that a real provider is asked for, each time or once in a while.

use maitred_tests::{Answer, Echo, Gateway, Origin, Realm, Wire, claims, eventually, skipped};

fn realm(test: &str) -> Option<Realm> {
    let realm = Realm::create();
    if realm.is_none() {
        skipped(&format!("introspection::{test}"), "Keycloak is not installed");
    }
    realm
}

/// A gateway that asks as the service that tokens are for.
fn gateway(realm: &Realm, origin: &Origin) -> Gateway {
    let asking = |more: &str| {
        format!(
            "introspection: {{ issuer: keycloak, client_id: shop-api, client_secret: '${{file:FOLDER/secret}}'{more} }}"
        )
    };
    let document = format!(
        "issuers: {{ keycloak: {{ issuer: \"{}\", audience: shop-api }} }}\nroutes:\n  \
         app: {{ match: /app, upstream: \"{url}\", policies: {{ {} }} }}\n  \
         kept: {{ match: /kept, upstream: \"{url}\", policies: {{ {} }} }}\n  \
         admin: {{ match: /admin, upstream: \"{url}\", policies: {{ {}, authorize: {{ roles: [admin, editor], groups: staff }} }} }}\n  \
         wrong: {{ match: /wrong, upstream: \"{url}\", policies: {{ introspection: {{ endpoint: \"{}\", client_id: shop-api, \
         client_secret: '${{file:FOLDER/wrong}}', client_auth: client_secret_post }} }} }}\n",
        realm.issuer(),
        asking(", cache: 0s"),
        asking(", cache: 10m"),
        asking(", forward: false"),
        realm.endpoint("token/introspect"),
        url = origin.url(),
    );
    Gateway::start_with(&[("secret", "shop-api-secret"), ("wrong", "hush-hush")], &document)
}

fn ask(wire: &mut Wire, path: &str, token: &str) -> Answer {
    wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"))
}

/// Waits until the description of the provider is there.
fn ready(wire: &mut Wire, token: &str) {
    eventually("the provider can be asked", || (ask(wire, "/app", token).status() == 200).then_some(()));
}

#[test]
fn a_token_is_good_until_its_session_ends() {
    let Some(realm) = realm("a_token_is_good_until_its_session_ends") else { return };
    let origin = Origin::start();
    let (gateway, alice, bob) = (gateway(&realm, &origin), realm.tokens("alice"), realm.token("bob"));
    // What one connection asks, one worker answers.
    let mut wire = gateway.connect();
    ready(&mut wire, &alice.access);
    let echo = Echo::of(&ask(&mut wire, "/admin", &alice.access));
    assert_eq!(echo.field("X-User-ID"), claims(&alice.access)["sub"].as_str());
    assert_eq!((echo.field("X-Consumer-Groups"), echo.field("Authorization")), (Some("staff"), None));
    assert_eq!(ask(&mut wire, "/admin", &bob).status(), 403);
    assert_eq!(ask(&mut wire, "/kept", &alice.access).status(), 200);
    // For other ends, or nobody's.
    let machine = realm.client_credentials("exchanger");
    for token in [&alice.refresh, &alice.id, &machine, "nonsense"] {
        let refused = ask(&mut wire, "/app", token);
        assert_eq!((refused.status(), &refused.json()["detail"]), (401, &"Invalid token".into()), "{token}");
    }
    realm.end_sessions("alice");
    assert_eq!(ask(&mut wire, "/app", &alice.access).status(), 401);
    assert_eq!(ask(&mut wire, "/kept", &alice.access).status(), 200, "nobody is asked yet");
    let mut refused = gateway.access(5, |line| line.text("outcome") == "invalid_token");
    assert_eq!(refused.pop().unwrap().text("policy"), "introspection");
    assert_eq!(ask(&mut wire, "/app", &bob).status(), 200);
}

#[test]
fn nobody_passes_while_the_provider_is_down() {
    let Some(realm) = realm("nobody_passes_while_the_provider_is_down") else { return };
    let origin = Origin::start();
    let (gateway, alice, bob) = (gateway(&realm, &origin), realm.token("alice"), realm.token("bob"));
    let mut wire = gateway.connect();
    ready(&mut wire, &alice);
    assert_eq!(ask(&mut wire, "/kept", &alice).status(), 200);
    realm.forwarder().cut();
    let down = ask(&mut wire, "/app", &alice);
    assert_eq!((down.status(), down.head.field("Retry-After")), (503, Some("1")));
    assert_eq!(
        (ask(&mut wire, "/kept", &alice).status(), ask(&mut wire, "/kept", &bob).status()),
        (200, 503)
    );
    let logged = gateway.access(2, |line| line.text("outcome") == "issuer_unreachable");
    assert_eq!(logged[0].text("policy"), "introspection");
    realm.forwarder().mend();
    eventually("it is back", || (ask(&mut wire, "/kept", &bob).status() == 200).then_some(()));
}

#[test]
fn a_gateway_that_the_provider_does_not_know_lets_nobody_pass() {
    let Some(realm) = realm("a_gateway_that_the_provider_does_not_know_lets_nobody_pass") else { return };
    let origin = Origin::start();
    let (gateway, alice) = (gateway(&realm, &origin), realm.token("alice"));
    let answer = ask(&mut gateway.connect(), "/wrong", &alice);
    assert_eq!((answer.status(), &answer.json()["detail"]), (503, &"Service unavailable".into()));
    assert_eq!(gateway.access_to("/wrong").text("outcome"), "issuer_unreachable");
    gateway
        .log()
        .wait_for("why", |line| line.contains("issuer_unreachable: ") && line.contains("it refuses: "));
    let told = format!("{:?} {:?}", gateway.log().all(), gateway.access_lines().all());
    assert!(!told.contains("hush-hush") && !told.contains(&alice), "{told}");
}
