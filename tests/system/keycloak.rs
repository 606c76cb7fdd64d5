//! The `OpenID` provider that tests of identity stand on does what they take for granted.

use std::process::{Command, Stdio};
use std::sync::mpsc;

use maitred_tests::{Browser, Fake, PATIENCE, Realm, Wire, claims, curl, eventually, peer_file, skipped};
use serde_json::{Value, json};

fn realm(test: &str) -> Option<Realm> {
    let realm = Realm::create();
    if realm.is_none() {
        skipped(&format!("keycloak::{test}"), "Keycloak is not installed");
    }
    realm
}

/// A service that hands over the requests it gets, each as its first line and its body.
fn listening() -> (Fake, mpsc::Receiver<(String, String)>) {
    let (heard, requests) = mpsc::channel();
    let service = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let sent = heard.send((request.head.start.clone(), request.text()));
            if sent.is_err() || wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    });
    (service, requests)
}

#[test]
fn its_users_have_roles_and_groups() {
    let Some(realm) = realm("its_users_have_roles_and_groups") else { return };
    let discovery = curl(&[format!("{}/.well-known/openid-configuration", realm.issuer())]).json();
    assert_eq!(
        (&discovery["issuer"], &discovery["jwks_uri"]),
        (&json!(realm.issuer()), &json!(realm.endpoint("certs")))
    );
    let alice = claims(&realm.token("alice"));
    assert_eq!((&alice["iss"], &alice["preferred_username"]), (&json!(realm.issuer()), &json!("alice")));
    // In any order.
    let audience = alice["aud"].as_array().unwrap();
    assert!(
        audience.len() == 2 && ["exchanger", "shop-api"].iter().all(|name| audience.contains(&json!(name))),
        "{audience:?}"
    );
    assert_eq!(alice["realm_access"]["roles"], json!(["admin"]));
    assert_eq!(alice["resource_access"]["shop-api"]["roles"], json!(["editor"]));
    assert_eq!(alice["groups"], json!(["staff"]));
    let bob = claims(&realm.token("bob"));
    for claim in ["realm_access", "resource_access", "groups"] {
        assert_eq!(bob[claim], Value::Null, "{claim}");
    }
    let machine = claims(&realm.client_credentials("machine"));
    assert_eq!((&machine["aud"], &machine["azp"]), (&json!("shop-api"), &json!("machine")));
}

#[test]
fn its_tokens_are_known_until_their_session_ends() {
    let Some(realm) = realm("its_tokens_are_known_until_their_session_ends") else { return };
    let (service, requests) = listening();
    realm.configure(
        "shop-web",
        &[("backchannel.logout.url", &service.url()), ("access.token.lifespan", "30")],
    );
    let token = realm.token("alice");
    let lifetime = |claims: &Value| claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime(&claims(&token)), 30);
    let known = realm.introspect(&token);
    assert_eq!((&known["active"], &known["username"]), (&json!(true), &json!("alice")));
    realm.end_sessions("alice");
    assert_eq!(realm.introspect(&token), json!({ "active": false }));
    // The client is told in the back channel which session it is.
    let (start, form) = requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(start, "POST / HTTP/1.1");
    let told = claims(form.strip_prefix("logout_token=").unwrap_or_else(|| panic!("{form}")));
    assert_eq!((&told["sid"], &told["aud"]), (&claims(&token)["sid"], &json!("shop-web")));
}

#[test]
fn its_tokens_are_exchanged_for_others() {
    let Some(realm) = realm("its_tokens_are_exchanged_for_others") else { return };
    let subject = format!("subject_token={}", realm.token("alice"));
    let answer = realm.ask_as(
        "exchanger",
        "token",
        &[
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type=urn:ietf:params:oauth:token-type:access_token",
            "audience=stock-api",
            &subject,
        ],
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let exchanged = claims(answer.json()["access_token"].as_str().unwrap());
    assert_eq!(
        (&exchanged["preferred_username"], &exchanged["aud"], &exchanged["azp"]),
        (&json!("alice"), &json!("stock-api"), &json!("exchanger"))
    );
}

#[test]
fn its_keys_are_added_and_rotated() {
    let Some(realm) = realm("its_keys_are_added_and_rotated") else { return };
    let (first, token) = (realm.keys(), realm.token("alice"));
    assert_eq!(first.len(), 1);
    realm.add_key();
    let both = realm.keys();
    assert!(both.len() == 2 && both.contains(&first[0]), "{both:?}");
    assert_eq!(realm.introspect(&token)["active"], true);
    realm.rotate_keys();
    let last = realm.keys();
    assert!(last.len() == 1 && !both.contains(&last[0]), "{last:?}");
    assert_eq!(realm.introspect(&token)["active"], false);
    assert_eq!(realm.introspect(&realm.token("alice"))["active"], true);
}

#[test]
fn it_goes_and_comes_back() {
    let Some(realm) = realm("it_goes_and_comes_back") else { return };
    let ask = |seconds: &str| curl(&["--max-time", seconds, &realm.issuer()]);
    assert_eq!(ask("20").status(), 200);
    let request = format!("GET /nothing HTTP/1.1\r\nHost: {}\r\n\r\n", realm.forwarder().port());
    let mut kept = Wire::connect(realm.forwarder().port());
    assert_eq!(kept.ask(&request).status(), 404);
    realm.forwarder().cut();
    kept.rest_to_any_end();
    // Reset, or closed before an answer.
    assert!(matches!(ask("20").exit, 52 | 56));
    realm.forwarder().mend();
    assert_eq!(ask("20").status(), 200);
    realm.forwarder().stall();
    // Too late.
    assert_eq!(ask("0.2").exit, 28);
    let connections = realm.forwarder().connections();
    realm.forwarder().mend();
    assert_eq!(ask("20").status(), 200);
    assert_eq!(realm.forwarder().connections(), connections + 1);
}

#[test]
fn a_browser_logs_in() {
    let Some(realm) = realm("a_browser_logs_in") else { return };
    let Some(browser) = Browser::start(&[]) else {
        return skipped("keycloak::a_browser_logs_in", "chromium or chromedriver is not installed");
    };
    let (shop, requests) = listening();
    browser.open(&format!(
        "{}?response_type=code&client_id=shop-web&scope=openid&state=a-state&redirect_uri={}/callback",
        realm.endpoint("auth"),
        shop.url()
    ));
    realm.log_in(&browser, "alice");
    let (start, _) = requests.recv_timeout(PATIENCE).unwrap();
    let query = start.strip_prefix("GET /callback?").unwrap_or_else(|| panic!("{start}"));
    assert!(query.contains("state=a-state") && query.contains("code="), "{query}");
    assert!(browser.address().starts_with(&format!("{}/callback?", shop.url())));
}

#[test]
fn it_ends_with_the_tests() {
    let folder = std::env::temp_dir().join(format!("maitred-tied-{}", std::process::id()));
    let tied = |program: &[&str]| {
        std::fs::create_dir(&folder).unwrap();
        let mut script = Command::new("sh");
        script
            .args([peer_file("tied.sh"), folder.clone()])
            .args(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut endless = tied(&["tail", "-f", "/dev/null"]);
    assert_eq!(endless.try_wait().unwrap(), None);
    // As the end of this process would.
    drop(endless.stdin.take());
    eventually("it ends", || endless.try_wait().unwrap());
    assert!(!folder.exists());
    // And that of the provider alone is seen, while its input is still open.
    let mut brief = tied(&["true"]);
    eventually("it ends", || brief.try_wait().unwrap());
    assert!(!folder.exists());
}
