//! Several ways to show who one is: one of them, or all.
//! What each policy does alone is in the tests of its own.

use std::sync::mpsc;

use maitred_tests::{Echo, Fake, Gateway, Origin, PATIENCE};

use crate::access::new_key;

#[test]
fn the_first_way_that_is_shown_decides() {
    let (origin, (acme, acme_hash), (bob, bob_hash)) = (Origin::start(), new_key(), new_key());
    let document = |ways: &str| {
        format!(
            "consumers: {{ acme: {{ api_keys: '{acme_hash}' }}, bob: {{ api_keys: '{bob_hash}' }} }}\n\
             policies: {{ any_of: {ways} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
            origin.url()
        )
    };
    let gateway =
        Gateway::start(&document("{ api_key: true, api_key/partners: [header.X-Partner, query.k] }"));
    let field = |name: &str, key: &str| format!("{name}: {key}");
    for (fields, consumer) in [
        (&[field("X-API-Key", &acme)][..], "acme"),
        (&[field("X-Partner", &bob)], "bob"),
        (&[field("X-Partner", &bob), field("X-API-Key", &acme), field("X-Consumer", "root")], "acme"),
    ] {
        let arguments: Vec<&str> = fields.iter().flat_map(|field| ["-H", field]).collect();
        let echo = Echo::of(&gateway.curl("/1", &arguments));
        assert_eq!(echo.all("X-Consumer"), [consumer]);
        assert_eq!((echo.field("X-API-Key"), echo.field("X-Partner")), (None, None));
    }
    let wrong = gateway.curl("/wrong", &["-H", "X-API-Key: mtr_0", "-H", &field("X-Partner", &bob)]);
    assert_eq!((wrong.status(), &wrong.json()["detail"]), (401, &"Invalid API key".into()));
    assert_eq!(gateway.access_to("/wrong").text("policy"), "any_of > api_key");
    let nothing = gateway.curl("/nothing", &["-H", "X-Consumer: acme"]);
    assert_eq!((nothing.status(), nothing.head.all("WWW-Authenticate")), (401, vec!["ApiKey"]));
    assert_eq!(nothing.json()["detail"], "Missing credentials");

    gateway
        .reload(&document("{ api_key: true, api_key/partners: { from: header.X-Partner, optional: true } }"));
    let echo = Echo::of(&gateway.curl("/2", &["-H", "X-Consumer: acme"]));
    assert_eq!(echo.field("X-Consumer"), None);
    assert_eq!(gateway.curl("/2", &["-H", "X-API-Key: mtr_0"]).status(), 401);
}

#[test]
fn those_that_stand_beside_each_other_must_all_pass() {
    let (origin, (acme, acme_hash), (till, till_hash)) = (Origin::start(), new_key(), new_key());
    let gateway = Gateway::start(&format!(
        "consumers: {{ acme: {{ api_keys: '{acme_hash}' }}, till: {{ api_keys: '{till_hash}' }} }}\n\
         routes:\n  pay: {{ upstream: \"{}\", policies: {{ api_key: true, api_key/till: header.X-Till }} }}\n",
        origin.url()
    ));
    let (acme, till) = (format!("X-API-Key: {acme}"), format!("X-Till: {till}"));
    for (path, fields, status, policy) in [
        ("/both", &["-H", &acme, "-H", &till][..], 200, ""),
        ("/first", &["-H", &acme], 401, "api_key/till"),
        ("/second", &["-H", &till], 401, "api_key"),
        ("/wrong", &["-H", &acme, "-H", "X-Till: mtr_0"], 401, "api_key/till"),
        ("/none", &[], 401, "api_key"),
    ] {
        let answer = gateway.curl(path, fields);
        assert_eq!((answer.status(), &*gateway.access_to(path).text("policy")), (status, policy), "{path}");
    }
    assert_eq!(Echo::of(&gateway.curl("/both", &["-H", &acme, "-H", &till])).all("X-Consumer"), ["till"]);
}

#[test]
fn a_credential_is_kept_from_the_log_also_where_the_client_does_not_wait() {
    let (seen, asked) = mpsc::channel();
    let auth = Fake::start(move |mut wire, _| {
        wire.request();
        seen.send(()).unwrap();
        wire.is_closed();
    });
    let (origin, (key, hash)) = (Origin::start(), new_key());
    let gateway = Gateway::start(&format!(
        "consumers: {{ acme: {{ api_keys: '{hash}' }} }}\n\
         policies: {{ any_of: {{ forward_auth: {{ upstream: \"{}\", timeout: 1h }}, api_key: query.k }} }}\n\
         routes: {{ app: {{ upstream: \"{}\" }} }}\n",
        auth.url(),
        origin.url()
    ));
    let mut client = gateway.connect();
    client.send(format!("GET /left?a=b&k={key} HTTP/1.1\r\nHost: test\r\n\r\n"));
    asked.recv_timeout(PATIENCE).unwrap();
    drop(client);
    let logged = gateway.access_to("/left");
    assert_eq!([logged.text("outcome"), logged.text("query")], ["client_closed", "a=b"]);
}
