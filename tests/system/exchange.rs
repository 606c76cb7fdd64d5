//! Tokens that services are shown: the gateway's own, and those that a real provider gives in exchange for a caller's.

use std::sync::Mutex;

use maitred_tests::{Answer, Echo, Fake, Gateway, Origin, Realm, Wire, claims, eventually, skipped};
use serde_json::json;

const SECRETS: [(&str, &str); 3] =
    [("machine", "machine-secret"), ("exchanger", "exchanger-secret"), ("shop-api", "shop-api-secret")];

fn realm(test: &str) -> Option<Realm> {
    let realm = Realm::create();
    if realm.is_none() {
        skipped(&format!("exchange::{test}"), "Keycloak is not installed");
    }
    realm
}

fn start(realm: &Realm, routes: &str) -> Gateway {
    let document = format!(
        "issuers: {{ keycloak: {{ issuer: \"{}\", audience: shop-api }} }}\nroutes:\n{routes}",
        realm.issuer()
    );
    Gateway::start_with(&SECRETS, &document)
}

fn of_machine() -> &'static str {
    "client_credentials: { issuer: keycloak, client_id: machine, client_secret: '${file:FOLDER/machine}' }"
}

fn bearer(answer: &Answer) -> String {
    let echo = Echo::of(answer);
    let shown = echo.field("Authorization").expect("the service is shown a token");
    shown.strip_prefix("Bearer ").unwrap().to_owned()
}

fn ask(wire: &mut Wire, path: &str, token: &str) -> Answer {
    wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"))
}

#[test]
fn services_are_shown_a_token_of_the_gateway() {
    let Some(realm) = realm("services_are_shown_a_token_of_the_gateway") else { return };
    let origin = Origin::start();
    // The service checks it: the gateway itself, before another.
    let gateway = start(
        &realm,
        &format!(
            "  out: {{ match: /out, rewrite: /in, upstream: \"http://127.0.0.1:PORT_web\", policies: {{ {} }} }}\n  \
             in: {{ match: /in, upstream: \"{}\", policies: {{ jwt: true }} }}\n",
            of_machine(),
            origin.url()
        ),
    );
    let client = ["-H", "Authorization: Bearer the.clients.own"];
    let answer = eventually("the token and the keys are there", || {
        Some(gateway.curl("/out", &client)).filter(|answer| answer.status() == 200)
    });
    let shown = claims(&bearer(&answer));
    assert_eq!((&shown["azp"], &shown["aud"]), (&json!("machine"), &json!("shop-api")));
    // It is the same for all requests, and lasts while the provider is away.
    realm.forwarder().cut();
    assert_eq!(claims(&bearer(&gateway.curl("/out", &[])))["jti"], shown["jti"]);
}

#[test]
fn nothing_is_sent_before_there_is_a_token() {
    let Some(realm) = realm("nothing_is_sent_before_there_is_a_token") else { return };
    let origin = Origin::start();
    realm.forwarder().cut();
    let gateway = start(
        &realm,
        &format!(
            "  app: {{ match: /app, upstream: \"{}\", policies: {{ {} }} }}\n",
            origin.url(),
            of_machine()
        ),
    );
    let answer = gateway.curl("/app", &[]);
    assert_eq!((answer.status(), &answer.json()["detail"]), (503, &"Service unavailable".into()));
    let logged = gateway.access_to("/app");
    assert_eq!([logged.text("outcome"), logged.text("policy")], ["issuer_unreachable", "client_credentials"]);
    realm.forwarder().mend();
    eventually("the provider is back", || (gateway.curl("/app", &[]).status() == 200).then_some(()));
}

#[test]
fn a_token_that_the_service_refuses_is_replaced() {
    let Some(realm) = realm("a_token_that_the_service_refuses_is_replaced") else { return };
    let first = Mutex::new(None);
    // The first token that it sees was revoked.
    let service = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let shown = request.head.field("Authorization").map(str::to_owned);
            let is_first = *first.lock().unwrap().get_or_insert_with(|| shown.clone()) == shown;
            let status = if is_first { "401 Unauthorized" } else { "200 OK" };
            if wire.try_send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).is_err() {
                return;
            }
        }
    });
    let gateway = start(
        &realm,
        &format!(
            "  app: {{ match: /app, upstream: \"{}\", policies: {{ {} }} }}\n",
            service.url(),
            of_machine()
        ),
    );
    let status = || gateway.curl("/app", &[]).status();
    eventually("there is a token", || (status() == 401).then_some(()));
    eventually("there is another", || (status() == 200).then_some(()));
}

/// Routes that exchange tokens which were found in two ways.
fn exchanging(origin: &Origin) -> String {
    let exchange = "token_exchange: { issuer: keycloak, client_id: exchanger, client_secret: '${file:FOLDER/exchanger}', audience: stock-api }";
    let introspection = "introspection: { issuer: keycloak, client_id: shop-api, client_secret: '${file:FOLDER/shop-api}', forward: false }";
    format!(
        "  stock: {{ match: /stock, upstream: \"{url}\", policies: {{ jwt: {{ forward: false }}, {exchange} }} }}\n  \
         asked: {{ match: /asked, upstream: \"{url}\", policies: {{ {introspection}, {exchange} }} }}\n",
        url = origin.url()
    )
}

#[test]
fn a_callers_token_is_exchanged_for_the_service() {
    let Some(realm) = realm("a_callers_token_is_exchanged_for_the_service") else { return };
    let origin = Origin::start();
    let (gateway, alice) = (start(&realm, &exchanging(&origin)), realm.token("alice"));
    let mut wire = gateway.connect();
    eventually("the provider has told", || (ask(&mut wire, "/stock", &alice).status() == 200).then_some(()));
    for path in ["/stock", "/asked"] {
        let answer = ask(&mut wire, path, &alice);
        let shown = claims(&bearer(&answer));
        assert_eq!((&shown["aud"], &shown["azp"]), (&json!("stock-api"), &json!("exchanger")));
        assert_eq!(shown["preferred_username"], "alice");
        assert_eq!(Echo::of(&answer).field("X-User-ID"), shown["sub"].as_str());
        // Asked once on this worker.
        assert_eq!(claims(&bearer(&ask(&mut wire, path, &alice)))["jti"], shown["jti"]);
    }
    assert_eq!(gateway.curl("/stock", &[]).status(), 401);
}

#[test]
fn who_may_not_have_one_is_refused() {
    let Some(realm) = realm("who_may_not_have_one_is_refused") else { return };
    let origin = Origin::start();
    let (gateway, alice, bob) =
        (start(&realm, &exchanging(&origin)), realm.token("alice"), realm.token("bob"));
    let mut wire = gateway.connect();
    eventually("the provider has told", || (ask(&mut wire, "/stock", &bob).status() == 200).then_some(()));
    // Its token is not for those who exchange.
    let machine = realm.client_credentials("machine");
    // Her token is good by its signature, and her session is over.
    realm.end_sessions("alice");
    for token in [&machine, &alice] {
        let refused = ask(&mut wire, "/stock", token);
        assert_eq!((refused.status(), &refused.json()["detail"]), (403, &"Not permitted".into()));
    }
    let refused = gateway.access(2, |line| line.text("outcome") == "exchange_refused");
    assert_eq!(refused[0].text("policy"), "token_exchange");
    // Nobody can be asked: for him it is known, for others not.
    let other = realm.token("bob");
    realm.forwarder().cut();
    assert_eq!(
        (ask(&mut wire, "/stock", &bob).status(), ask(&mut wire, "/stock", &other).status()),
        (200, 503)
    );
    realm.forwarder().mend();
    eventually("it is back", || (ask(&mut wire, "/stock", &other).status() == 200).then_some(()));
}
