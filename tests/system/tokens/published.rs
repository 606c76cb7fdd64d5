//! Keys that issuers publish: found, renewed, kept while the issuer is down, and not believed from anybody.

use std::sync::{Arc, Mutex};

use maitred_tests::{Echo, Fake, Gateway, Origin, Realm, eventually, skipped};
use serde_json::json;

use super::issuer::Issuer;
use super::now;

/// What a provider answers: to the path of its description, and to that of its keys.
type Pages = Arc<Mutex<(String, String)>>;

/// A provider at a port of its own.
fn provider(pages: &Pages) -> Fake {
    let pages = Arc::clone(pages);
    Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let path = request.head.start.split(' ').nth(1).unwrap().to_owned();
            let pages = pages.lock().unwrap();
            let page = match &*path {
                "/realm/.well-known/openid-configuration" => &pages.0,
                "/keys" => &pages.1,
                _ => "",
            };
            let status = if page.is_empty() { "404 Not Found" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            if wire.try_send(answer).is_err() {
                return;
            }
        }
    })
}

fn document(issuer: &str, origin: &Origin) -> String {
    format!(
        "issuers: {{ provider: {issuer} }}\nroutes: {{ app: {{ match: /*, upstream: \"{}\", policies: {{ jwt: true }} }} }}\n",
        origin.url()
    )
}

fn token(issuer: &Issuer, iss: &str) -> String {
    let claims = json!({"iss": iss, "sub": "u-17", "exp": now() + 600}).to_string();
    issuer.token(&json!({"alg": "ES256", "kid": "p256"}), &claims)
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway.curl("/", &["-H", &format!("Authorization: Bearer {token}")]).status()
}

#[test]
fn are_found_by_the_issuers_url_and_kept_while_it_is_down() {
    let (origin, issuer, pages) = (Origin::start(), Issuer::new(super::SECRET), Pages::default());
    let provider = provider(&pages);
    let iss = format!("{}/realm", provider.url());
    let description = json!({"issuer": iss, "jwks_uri": format!("{}/keys", provider.url())}).to_string();
    *pages.lock().unwrap() = (description, issuer.jwks());
    let gateway = Gateway::start(&document(&format!("'{iss}'"), &origin));
    let good = token(&issuer, &iss);
    eventually("the keys are there", || (status(&gateway, &good) == 200).then_some(()));
    // A key that nobody has waits for the provider in vain.
    let other = Issuer::new(super::SECRET);
    let mut unknown = other.token(&json!({"alg": "ES256", "kid": "next"}), &json!({"iss": iss}).to_string());
    assert_eq!(status(&gateway, &unknown), 401);
    // The provider is gone; what it told still counts, also after a reload.
    *pages.lock().unwrap() = Default::default();
    gateway.reload(&(document(&format!("'{iss}'"), &origin) + "limits: { uri: 4KiB }\n"));
    assert_eq!(status(&gateway, &good), 200);
    // It is back, with other keys.
    let next = other.jwks().replace("p256", "next");
    let description = json!({"issuer": iss, "jwks_uri": format!("{}/keys", provider.url())}).to_string();
    *pages.lock().unwrap() = (description, next);
    unknown = other
        .token(&json!({"alg": "ES256", "kid": "next"}), &json!({"iss": iss, "exp": now() + 600}).to_string());
    eventually("the new keys are there", || (status(&gateway, &unknown) == 200).then_some(()));
    assert_eq!(status(&gateway, &good), 401, "its key was rotated away, however well it is known");
}

#[test]
fn of_somebody_else_are_not_believed() {
    let (origin, issuer, pages) = (Origin::start(), Issuer::new(super::SECRET), Pages::default());
    let provider = provider(&pages);
    let iss = format!("{}/realm", provider.url());
    // A description of another; none; secrets; nothing.
    let keys = format!("{}/keys", provider.url());
    let described = |issuer: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    let secret = json!({"keys": [{"kty": "oct", "k": super::encode(super::SECRET)}]}).to_string();
    for (description, keys) in [
        (described("https://other.example"), issuer.jwks()),
        (described(&format!("{iss}/")), issuer.jwks()),
        ("{}".to_owned(), issuer.jwks()),
        (described(&iss), secret),
        (described(&iss), String::new()),
        (String::new(), issuer.jwks()),
    ] {
        *pages.lock().unwrap() = (description.clone(), keys);
        let gateway = Gateway::start(&document(&format!("'{iss}'"), &origin));
        let by_secret =
            issuer.token(&json!({"alg": "HS256"}), &json!({"iss": iss, "exp": now() + 600}).to_string());
        for token in [token(&issuer, &iss), by_secret] {
            let answer = gateway.curl("/", &["-H", &format!("Authorization: Bearer {token}")]);
            assert_eq!(
                (answer.status(), &answer.json()["detail"]),
                (503, &"Service unavailable".into()),
                "{description}"
            );
        }
        gateway
            .log()
            .wait_for("that it was told", |line| line.contains("cannot fetch what the policy needs"));
    }
}

#[test]
fn are_those_of_a_real_provider() {
    let Some(realm) = Realm::create() else {
        return skipped("tokens::published::are_those_of_a_real_provider", "Keycloak is not installed");
    };
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "issuers: {{ keycloak: {{ issuer: \"{}\", audience: shop-api }} }}\npolicies: {{ jwt: true }}\nroutes:\n  \
         app: {{ match: /app, upstream: \"{1}\" }}\n  \
         admin: {{ match: /admin, upstream: \"{1}\", policies: {{ authorize: {{ roles: admin }} }} }}\n  \
         edit: {{ match: /edit, upstream: \"{1}\", policies: {{ authorize: {{ roles: editor, groups: staff }} }} }}\n",
        realm.issuer(),
        origin.url()
    ));
    let ask =
        |path: &str, token: &str| gateway.curl(path, &["-H", &format!("Authorization: Bearer {token}")]);
    let (alice, bob) = (realm.token("alice"), realm.token("bob"));
    eventually("the keys are there", || (ask("/app", &alice).status() == 200).then_some(()));
    let echo = Echo::of(&ask("/app", &alice));
    assert_eq!(echo.field("X-User-ID"), maitred_tests::claims(&alice)["sub"].as_str());
    assert_eq!(echo.field("X-Consumer-Groups"), Some("staff"));
    for (path, status) in [("/app", 200), ("/admin", 403), ("/edit", 403)] {
        assert_eq!(ask(path, &alice).status(), 200, "{path}");
        assert_eq!(ask(path, &bob).status(), status, "{path}");
    }
    // Keys are rotated while the provider can be reached, and then it cannot.
    realm.rotate_keys();
    let next = realm.token("alice");
    eventually("the new key is there", || (ask("/app", &next).status() == 200).then_some(()));
    assert_eq!(ask("/app", &alice).status(), 401);
    realm.forwarder().cut();
    assert_eq!(ask("/app", &next).status(), 200);
}
