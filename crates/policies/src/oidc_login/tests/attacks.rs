//! What attackers try at a login, each refused.

use serde_json::json;

use super::*;

/// Begins a login: the browser, and the way back.
fn begun(harness: &Harness, provider: &Provider) -> (Browser, String) {
    let mut browser = Browser::default();
    let back = provider.log_in(&location(&browser.open(harness, "/")));
    (browser, back)
}

/// The way back with another parameter in the place of one.
fn changed(back: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = back.split_once('?').unwrap();
    let pairs = query.split('&').filter(|pair| pair.split('=').next() != Some(name)).map(ToOwned::to_owned);
    let pairs = pairs.chain(value.map(|value| format!("{name}={value}")));
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn has_session(browser: &Browser) -> bool {
    browser.names().contains(&"__Host-session")
}

#[test]
fn an_answer_to_no_login_of_this_browser_is_refused() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    // The attacker's own answer, put upon somebody who has begun none, or another.
    let (_, back) = begun(&harness, &provider);
    let (mut other, _) = begun(&harness, &provider);
    for victim in [&mut Browser::default(), &mut other] {
        let refused = victim.open(&harness, &back);
        assert_eq!((refused.response.status, refused.cause()), (403, Some("login_unknown")));
        assert!(!has_session(victim));
    }
    let (browser, back) = begun(&harness, &provider);
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    // The cookie is found by the beginning of `state`, and the whole counts.
    let other = format!("{}{}", &state[..12], "x".repeat(31));
    for state in [&other, &state[..12], "", "short"] {
        let refused = browser.clone().open(&harness, &changed(&back, "state", Some(state)));
        assert_eq!(refused.cause(), Some("login_unknown"), "{state}");
    }
    assert!(provider.asked().is_empty(), "no code was exchanged");
    for malformed in [
        changed(&back, "state", None),
        changed(&back, "code", None),
        format!("{back}&code=b"),
        format!("{back}&state=b"),
    ] {
        let refused = browser.clone().open(&harness, &malformed);
        assert_eq!((refused.response.status, refused.cause()), (400, Some("login_malformed")), "{malformed}");
    }
    assert!(provider.asked().is_empty());
    // Too late.
    let late = later(harness, 601);
    assert_eq!(browser.clone().open(&late, &back).cause(), Some("login_unknown"));
}

#[test]
fn an_answer_of_another_provider_is_refused() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    for issuer in [Some("https%3A%2F%2Fevil.test"), Some(""), None] {
        let (mut browser, back) = begun(&harness, &provider);
        let refused = browser.open(&harness, &changed(&back, "iss", issuer));
        assert_eq!((refused.response.status, refused.cause()), (403, Some("login_mixed_up")), "{issuer:?}");
        assert!(browser.0.is_empty(), "the login is over");
    }
    assert!(provider.asked().is_empty(), "it was not shown the code");
}

#[test]
fn a_code_counts_once() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    let (mut browser, back) = begun(&harness, &provider);
    let before = browser.clone();
    browser.open(&harness, &back);
    assert!(has_session(&browser));
    assert_eq!(browser.open(&harness, &back).cause(), Some("login_unknown"));
    // Though somebody has kept the cookie.
    let mut kept = before;
    let refused = kept.open(&harness, &back);
    assert_eq!(
        (refused.response.status, refused.cause(), has_session(&kept)),
        (401, Some("login_failed"), false)
    );
}

#[test]
fn what_the_provider_says_is_not_repeated() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    for (error, status, cause) in [
        ("access_denied", 403, "login_denied"),
        ("login_required", 401, "login_failed"),
        ("%3Cscript%3E%0D%0ASet-Cookie%3A+a%3Db", 401, "login_failed"),
        ("temporarily_unavailable", 503, "login_unavailable"),
    ] {
        let (mut browser, back) = begun(&harness, &provider);
        let state = back.split("state=").nth(1).unwrap();
        let refused = browser
            .open(&harness, &format!("/oauth2/callback?error={error}&error_description=hush&state={state}"));
        assert_eq!((refused.response.status, refused.cause()), (status, Some(cause)));
        let fault = refused.fault().unwrap();
        assert!(!fault.to_string().contains(['\r', '\n']), "{fault}");
        assert!(!fault.detail().contains("hush") && !fault.detail().contains("script"));
        assert!(browser.0.is_empty());
    }
}

#[test]
fn tokens_that_are_not_for_this_login_are_refused() {
    for (changes, reason) in [
        (json!({ "nonce": "another" }), "its `nonce` differs"),
        (json!({ "nonce": null }), "its `nonce` differs"),
        (json!({ "aud": "other" }), "the token is no good"),
        (json!({ "aud": ["shop", "other"], "azp": null }), "has no `azp`"),
        (json!({ "azp": "other" }), "its `azp` differs"),
        (json!({ "iss": "https://evil.test" }), "the token is no good"),
        (json!({ "exp": NOW - 31 }), "the token is no good"),
        (json!({ "exp": null }), "the token is no good"),
        (json!({ "iat": NOW + 31 }), "the token is no good"),
        (json!({ "sub": "" }), "has no `sub`"),
        (json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" }), "its `at_hash` differs"),
    ] {
        let provider = Provider::default();
        let harness = harness(&provider, "");
        provider.change(&changes);
        let mut browser = Browser::default();
        let refused = browser.log_in(&harness, &provider, "/");
        assert_eq!((refused.response.status, refused.cause()), (401, Some("login_failed")), "{changes}");
        let said = refused.fault().unwrap().to_string();
        assert!(said.contains(reason), "{changes}: {said}");
        assert!(browser.0.is_empty());
    }
    // For several, where it says that we asked.
    let provider = Provider::default();
    let harness = harness(&provider, "");
    provider.change(&json!({ "aud": ["other", "shop"] }));
    assert_eq!(Browser::default().log_in(&harness, &provider, "/").response.status, 302);
}

#[test]
fn tokens_of_another_key_are_refused() {
    let (provider, other) = (Provider::default(), Provider::default());
    let harness = harness(&provider, "").answering(move |called| Some(other.answer(called)));
    let (mut browser, back) = begun(&harness, &provider);
    // The other one knows no such code; its tokens count for nothing either way.
    assert_eq!(browser.open(&harness, &back).cause(), Some("login_failed"));
}

#[test]
fn nobody_is_sent_to_another_host() {
    let provider = Provider::default();
    let harness = harness(&provider, "login: /login");
    for place in [
        "//evil.test/a",
        "/login?to=//evil.test",
        "/login?to=https://evil.test",
        "/login?to=/%5Cevil.test",
        "/login?to=/%0d%0aSet-Cookie:a=b",
    ] {
        let back = Browser::default().log_in(&harness, &provider, place);
        assert_eq!(location(&back), "/", "{place}");
    }
}

#[test]
fn a_session_is_never_one_that_the_client_brought() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    let mut attacker = Browser::default();
    attacker.log_in(&harness, &provider, "/");
    let planted = attacker.0[0].clone();
    provider.change(&json!({ "sub": "bob", "sid": "s-2" }));
    let (mut victim, back) = begun(&harness, &provider);
    // Put upon the victim while the login is under way.
    victim.0.push(planted.clone());
    victim.open(&harness, &back);
    assert_eq!(victim.names(), ["__Host-session"]);
    assert_ne!(victim.0[0], planted);
    let page = victim.open(&harness, "/");
    assert_eq!(page.sent_field("X-User-ID").as_deref(), Some("bob"));
}

#[test]
fn cookies_that_were_changed_are_as_good_as_none() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    let (begun, _) = begun(&harness, &provider);
    let mut browser = Browser::default();
    browser.log_in(&harness, &provider, "/");
    let good = browser.0[0].1.clone();
    let flipped = good.replacen(&good[60..61], if &good[60..61] == "A" { "B" } else { "A" }, 1);
    let login = begun.0[0].1.clone();
    for value in [
        flipped,
        good[..good.len() - 4].to_owned(),
        format!("1{login}"),
        String::new(),
        "1".to_owned(),
        "9".repeat(9000),
    ] {
        let mut changed = Browser(vec![("__Host-session".to_owned(), value)]);
        let outcome = changed.send(&harness, "GET /", &[]);
        assert_eq!((outcome.response.status, outcome.cause()), (401, Some("session_ended")));
        assert!(changed.0.is_empty(), "it is forgotten");
    }
    // A session is not good under another name, in the clear, or of another client.
    let in_the_clear = Harness::in_document::<OidcLogin>(
        DOCUMENT,
        &written("origin: http://shop.test"),
        &Memory::new().with("secret", "a secret of some length, as it has to have"),
    );
    let mut moved = Browser(vec![("session".to_owned(), good)]);
    assert_eq!(moved.send(&in_the_clear, "GET /", &[]).cause(), Some("session_ended"));
}
