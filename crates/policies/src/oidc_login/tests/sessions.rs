//! Sessions as they go on: renewed, idle, old, large, and over reloads.

use serde_json::json;

use super::*;

fn logged_in(provider: &Provider, more: &str) -> (Harness, Browser) {
    let (harness, mut browser) = (harness(provider, more), Browser::default());
    assert_eq!(browser.log_in(&harness, provider, "/").response.status, 302);
    (harness, browser)
}

fn user(outcome: &Outcome) -> Option<String> {
    outcome.facts.claims.as_ref().and_then(|claims| claims.subject.as_deref().map(ToOwned::to_owned))
}

#[test]
fn a_session_is_renewed_once_for_all_that_bring_the_old_cookie() {
    let provider = Provider::default();
    let (harness, browser) = logged_in(&provider, "forward: access_token");
    let first = provider.given("access_token");
    assert_eq!(provider.asked().len(), 1);
    let harness = later(harness, 275);
    let mut tabs = [browser.clone(), browser.clone(), browser];
    for tab in &mut tabs {
        let page = tab.send(&harness, "GET /", &[]);
        assert_eq!(
            page.sent_field("Authorization"),
            Some(format!("Bearer {}", provider.given("access_token")))
        );
        assert_eq!(page.field("Cache-Control").as_deref(), Some("private"));
        assert_eq!(page.facts.token.unwrap().expose(), provider.given("access_token"));
    }
    assert_eq!(provider.asked().len(), 2);
    assert_ne!(provider.given("access_token"), first);
    assert!(tabs[0].0 == tabs[1].0 && tabs[1].0 == tabs[2].0);
    // With the new one there is nothing to do.
    let page = tabs[0].send(&harness, "GET /", &[]);
    assert_eq!((page.field("Set-Cookie"), provider.asked().len()), (None, 2));
}

#[test]
fn what_the_provider_refuses_to_renew_has_ended() {
    let provider = Provider::default();
    let (harness, mut browser) = logged_in(&provider, "");
    // Somebody else has used the refresh token.
    let mut other = Browser::default();
    other.log_in(&harness, &provider, "/");
    let harness = later(harness, 280);
    let refused = browser.send(&harness, "GET /", &[]);
    assert_eq!((refused.cause(), browser.0.len()), (Some("session_ended"), 0));
    assert_eq!(user(&other.send(&harness, "GET /", &[])).as_deref(), Some("alice"));
}

#[test]
fn a_session_goes_on_while_the_provider_is_down() {
    let provider = Provider::default();
    let (harness, mut browser) = logged_in(&provider, "");
    provider.cut();
    let harness = later(harness, 400);
    assert_eq!(user(&browser.open(&harness, "/")).as_deref(), Some("alice"));
    let calls = harness.calls().len();
    assert_eq!(user(&browser.open(&harness, "/")).as_deref(), Some("alice"));
    assert_eq!(harness.calls().len(), calls, "it is left alone for a while");
    // New logins fail, with a clear text.
    let mut other = Browser::default();
    let failed = other.log_in(&harness, &provider, "/");
    assert_eq!((failed.response.status, failed.cause()), (503, Some("login_unavailable")));
    assert_eq!(failed.fault().unwrap().detail(), "The login service cannot be reached");
    provider.mend();
    harness.advance(Duration::from_secs(11));
    let page = browser.open(&harness, "/");
    assert!(page.field("Set-Cookie").is_some(), "it is renewed");
}

#[test]
fn a_renewal_of_another_user_ends_the_session() {
    let provider = Provider::default();
    let (harness, mut browser) = logged_in(&provider, "");
    provider.change(&json!({ "sub": "mallory" }));
    let harness = later(harness, 280);
    assert_eq!(browser.send(&harness, "GET /", &[]).cause(), Some("session_ended"));
}

#[test]
fn before_anything_is_known_of_the_provider_logins_wait() {
    let files = Memory::new().with("secret", "a secret of some length, as it has to have");
    let harness = Harness::in_document::<OidcLogin>(DOCUMENT, &written(""), &files);
    let refused = Browser::default().open(&harness, "/");
    assert_eq!((refused.response.status, refused.field("Retry-After").as_deref()), (503, Some("5")));
}

#[test]
fn sessions_end_when_they_are_idle_or_old() {
    let provider = Provider::default();
    let (harness, mut browser) = logged_in(&provider, "session: { lifetime: 100m, idle: 20m }");
    // As though access tokens lasted.
    provider.cut();
    let mut harness = harness;
    for minutes in [1, 3, 20, 39, 58, 77, 96] {
        harness = later(harness, minutes * 60);
        let page = browser.send(&harness, "GET /", &[]);
        assert_eq!(user(&page).as_deref(), Some("alice"), "{minutes}");
        assert_eq!(page.field("Set-Cookie").is_some(), minutes != 1, "{minutes}");
        harness.advance(Duration::from_secs(1));
    }
    harness = later(harness, 101 * 60);
    assert_eq!(browser.send(&harness, "GET /", &[]).cause(), Some("session_ended"));
    let (harness, mut browser) = logged_in(&Provider::default(), "session: { lifetime: 100m, idle: 20m }");
    let harness = later(harness, 21 * 60);
    assert_eq!(browser.send(&harness, "GET /", &[]).cause(), Some("session_ended"));
}

#[test]
fn large_sessions_are_spread_and_too_large_ones_refused() {
    let provider = Provider::default();
    provider.change(&json!({ "groups": (0..200).map(|n| format!("group number {n}")).collect::<Vec<_>>() }));
    let (harness, mut browser) = logged_in(&provider, "");
    assert!(browser.names().starts_with(&["__Host-session", "__Host-session.1"]), "{:?}", browser.names());
    assert_eq!(browser.send(&harness, "GET /", &[]).facts.claims.unwrap().groups.len(), 200);
    // The ID token goes first, then there is no way.
    provider.change(&json!({ "groups": ["x".repeat(7500)] }));
    let mut other = Browser::default();
    assert_eq!(other.log_in(&harness, &provider, "/").response.status, 302);
    assert_eq!(user(&other.send(&harness, "GET /", &[])).as_deref(), Some("alice"));
    provider.change(&json!({ "groups": ["x".repeat(11_500)] }));
    let refused = Browser::default().log_in(&harness, &provider, "/");
    assert_eq!((refused.response.status, refused.cause()), (500, Some("session_too_large")));
}
