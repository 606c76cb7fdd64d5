//! Logging out: by the user, and by the provider.

use maitred_http::Method;
use serde_json::{Value, json};

use super::*;

fn logged_in(provider: &Provider, more: &str) -> (Harness, Browser) {
    let (harness, mut browser) = (harness(provider, more), Browser::default());
    assert_eq!(browser.log_in(&harness, provider, "/").response.status, 302);
    (harness, browser)
}

fn is_in(harness: &Harness, browser: &Browser) -> bool {
    browser.clone().send(harness, "GET /", &[]).response.status == 200
}

#[test]
fn a_user_logs_out_here_and_at_the_provider() {
    for method in ["GET", "POST"] {
        let provider = Provider::default();
        let (harness, mut browser) = logged_in(&provider, "after_logout: /bye");
        let kept = browser.clone();
        let out =
            browser.send(&harness, &format!("{method} /oauth2/logout"), &[("Sec-Fetch-Site", "same-origin")]);
        assert_eq!((out.response.status, browser.0.len()), (303, 0));
        let hint = provider.given("id_token");
        assert_eq!(
            location(&out),
            format!(
                "https://login.test/logout?id_token_hint={hint}&client_id=shop&post_logout_redirect_uri=https%3A%2F%2Fshop.test%2Fbye"
            )
        );
        assert!(!is_in(&harness, &kept), "also for who has kept the cookie");
    }
}

#[test]
fn pages_of_other_sites_log_nobody_out() {
    let provider = Provider::default();
    let (harness, mut browser) = logged_in(&provider, "");
    for (method, field) in [
        ("GET", ("Sec-Fetch-Site", "cross-site")),
        ("POST", ("Sec-Fetch-Site", "same-site")),
        ("POST", ("Origin", "https://evil.test")),
        ("GET", ("Referer", "https://evil.test/")),
    ] {
        let refused = browser.send(&harness, &format!("{method} /oauth2/logout"), &[field]);
        assert_eq!((refused.response.status, refused.cause()), (403, Some("cross_site_request")));
        assert!(is_in(&harness, &browser));
    }
}

fn told(harness: &Harness, token: &str) -> Outcome {
    let request = harness.request(
        "POST /bye",
        &[("Host", "shop.test"), ("Content-Type", "application/x-www-form-urlencoded")],
    );
    request.body(format!("logout_token={token}")).answer(200, &[])
}

fn logout_token(provider: &Provider, changes: Value) -> String {
    let mut claims = json!({
        "iss": "https://login.test", "aud": "shop", "iat": NOW, "exp": NOW + 120, "jti": "t-1", "sid": "s-1", "sub": "alice",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let (Value::Object(all), Value::Object(changes)) = (&mut claims, changes) else { panic!("objects") };
    all.extend(changes);
    all.retain(|_, value| !value.is_null());
    provider.sign(&claims)
}

const BACK: &str = "backchannel_logout: /bye";

#[test]
fn the_provider_ends_a_session_or_all_of_a_user() {
    for (changes, same_session, other_session) in [
        (json!({}), false, true),
        (json!({ "sub": null }), false, true),
        (json!({ "sid": null }), false, false),
        (json!({ "sid": "s-3" }), true, true),
        (json!({ "sid": null, "sub": "bob" }), true, true),
    ] {
        let provider = Provider::default();
        let (harness, first) = logged_in(&provider, BACK);
        provider.change(&json!({ "sid": "s-2" }));
        let mut second = Browser::default();
        second.log_in(&harness, &provider, "/");
        let answer = told(&harness, &logout_token(&provider, changes.clone()));
        assert_eq!(
            (answer.response.status, answer.field("Cache-Control").as_deref()),
            (200, Some("no-store"))
        );
        assert_eq!(
            (is_in(&harness, &first), is_in(&harness, &second)),
            (same_session, other_session),
            "{changes}"
        );
        // Who logs in again is in, and so it is over reloads.
        let harness = later(harness, 1);
        let mut again = first.clone();
        again.0.clear();
        again.log_in(&harness, &provider, "/");
        assert!(is_in(&harness, &again));
    }
}

#[test]
fn logout_tokens_that_are_none_are_refused() {
    let provider = Provider::default();
    let (harness, browser) = logged_in(&provider, BACK);
    let other = Provider::default();
    for (token, why) in [
        (logout_token(&provider, json!({ "aud": "other" })), "no good"),
        (logout_token(&provider, json!({ "iss": "https://evil.test" })), "no good"),
        (logout_token(&provider, json!({ "iat": NOW - 301 })), "too old"),
        (logout_token(&provider, json!({ "iat": null })), "no good"),
        (logout_token(&provider, json!({ "exp": NOW - 31 })), "no good"),
        (logout_token(&provider, json!({ "events": null })), "no good"),
        (logout_token(&provider, json!({ "events": {} })), "say nothing of one"),
        (logout_token(&provider, json!({ "nonce": "n" })), "has a `nonce`"),
        (logout_token(&provider, json!({ "jti": null })), "no good"),
        (logout_token(&provider, json!({ "sid": null, "sub": null })), "neither which session nor whose"),
        (logout_token(&other, json!({})), "no good"),
        (provider.given("id_token"), "no good"),
        ("x".to_owned(), "no good"),
        (String::new(), "no good"),
        (format!("a&logout_token={}", logout_token(&provider, json!({}))), "no form"),
    ] {
        let refused = told(&harness, &token);
        assert_eq!((refused.response.status, refused.cause()), (400, Some("invalid_logout_token")), "{why}");
        let said = refused.fault().unwrap().to_string();
        assert!(said.contains(why), "{said}");
    }
    let empty = harness.request("POST /bye", &[("Host", "shop.test")]).answer(200, &[]);
    assert_eq!(empty.cause(), Some("invalid_logout_token"));
    assert!(is_in(&harness, &browser));
    // Each counts once.
    let good = logout_token(&provider, json!({ "sid": "s-9" }));
    assert_eq!([told(&harness, &good).response.status, told(&harness, &good).response.status], [200, 400]);
}

#[test]
fn what_is_answered_by_itself_is_told_to_the_engine() {
    let provider = Provider::default();
    let harness = harness(&provider, "backchannel_logout: /bye, login: /in, logout: false");
    let own = maitred_policy::Policy::own_requests(harness.policy::<OidcLogin>());
    let own: Vec<_> = own.iter().map(|own| (own.method, &*own.path)).collect();
    assert_eq!(own, [(Method::Get, "/oauth2/callback"), (Method::Get, "/in"), (Method::Post, "/bye")]);
}
