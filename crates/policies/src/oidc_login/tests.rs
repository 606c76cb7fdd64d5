//! A whole login with a provider of the test's own, what becomes of sessions, and what attackers try.

mod attacks;
mod logout;
mod provider;
mod replicas;
mod sessions;
mod stored;

use std::time::Duration;

use maitred_config::Memory;
use maitred_policy::harness::{Harness, Outcome, problems_in_document};
use serde_json::json;

use super::*;
use provider::Provider;

/// What the facts of the harness have as the time of a request.
const NOW: u64 = 1_795_265_045;

const DOCUMENT: &str = "
maitred: 1
issuers: { login: https://login.test, keys: { issuer: keys, secret: '${file:secret}' } }
consumers: { alice-inc: { groups: partners, subject: { issuer: login, subject: alice } } }
routes: { app: { match: /*, respond: fine } }
";

/// The policy with these keys besides those that it has to have.
fn written(more: &str) -> String {
    format!("{{ issuer: login, client_id: shop, {more} }}")
}

/// With a provider that answers.
fn harness(provider: &Provider, more: &str) -> Harness {
    let files = Memory::new().with("secret", "a secret of some length, as it has to have");
    let harness = Harness::in_document::<OidcLogin>(DOCUMENT, &written(more), &files);
    harness.fetch(provider).unwrap();
    let answering = provider.clone();
    harness.answering(move |called| Some(answering.answer(called)))
}

/// A browser: what cookies it keeps.
#[derive(Clone, Debug, Default)]
struct Browser(Vec<(String, String)>);

const PAGE: (&str, &str) = ("Accept", "text/html");

impl Browser {
    fn line(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Sends a request, and keeps what the answer says.
    fn send(&mut self, harness: &Harness, line: &str, fields: &[(&str, &str)]) -> Outcome {
        let cookies = self.line();
        let fields = [&[("Host", "shop.test"), ("Cookie", &*cookies)][..], fields].concat();
        let outcome = harness.request(line, &fields).answer(200, &[]);
        self.keep(&outcome);
        outcome
    }

    fn open(&mut self, harness: &Harness, place: &str) -> Outcome {
        self.send(harness, &format!("GET {place}"), &[PAGE])
    }

    fn keep(&mut self, outcome: &Outcome) {
        for (name, value) in &outcome.response.fields {
            if !name.eq_ignore_ascii_case(b"set-cookie") {
                continue;
            }
            let text = std::str::from_utf8(value).unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(known, _)| known != name);
            if !text.contains("Max-Age=0;") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Goes to a place, logs in at the provider, and comes back: the answer to that.
    fn log_in(&mut self, harness: &Harness, provider: &Provider, place: &str) -> Outcome {
        let sent = self.open(harness, place);
        let back = provider.log_in(&location(&sent));
        self.open(harness, &back)
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn location(outcome: &Outcome) -> String {
    outcome.field("Location").unwrap_or_else(|| panic!("{outcome:?}"))
}

#[test]
fn who_goes_to_a_page_logs_in_and_comes_back_to_it() {
    let provider = Provider::default();
    let (harness, mut browser) =
        (harness(&provider, "client_secret: '', scopes: [profile]"), Browser::default());
    let sent = browser.open(&harness, "/orders/1?a=b");
    assert_eq!((sent.response.status, sent.sent.is_none()), (302, true));
    assert_eq!(sent.field("Cache-Control").as_deref(), Some("no-store"));
    let to = location(&sent);
    for part in [
        "https://login.test/auth?kind=user&response_type=code&client_id=shop&",
        "&redirect_uri=https%3A%2F%2Fshop.test%2Foauth2%2Fcallback&",
        "&scope=openid+profile&",
        "&code_challenge_method=S256",
    ] {
        assert!(to.contains(part), "{to}");
    }
    assert!(
        browser.names().len() == 1 && browser.names()[0].starts_with("__Host-session.login."),
        "{browser:?}"
    );
    let back = browser.open(&harness, &provider.log_in(&to));
    assert_eq!((back.response.status, location(&back)), (302, "/orders/1?a=b".to_owned()));
    assert_eq!(browser.names(), ["__Host-session"]);
    // The code is in no log.
    assert_eq!(
        back.facts.asked.as_ref().unwrap().told().as_str(),
        "/oauth2/callback?iss=https%3A%2F%2Flogin.test"
    );
    let form = provider.asked().pop().unwrap();
    assert!(
        form.starts_with("grant_type=authorization_code&code=") && form.contains("&code_verifier="),
        "{form}"
    );

    let page =
        browser.send(&harness, "GET /orders/1", &[("X-User-ID", "root"), ("Authorization", "Basic own")]);
    assert_eq!((page.response.status, page.field("Set-Cookie")), (200, None));
    assert_eq!(page.sent_field("X-User-ID").as_deref(), Some("alice"));
    assert_eq!(page.sent_field("X-Consumer").as_deref(), Some("alice-inc"));
    assert_eq!(
        (page.sent_field("Cookie"), page.sent_field("Authorization").as_deref()),
        (None, Some("Basic own"))
    );
    let claims = page.facts.claims.as_ref().unwrap();
    // Of the ID token, and what only the access token says.
    assert_eq!((&claims.all["name"], &claims.all["sid"]), (&json!("Alice"), &json!("s-1")));
    assert!(claims.roles.iter().any(|role| **role == *"admin"), "{:?}", claims.roles);
    assert_eq!(claims.all.get("nonce"), None);
}

#[test]
fn programs_are_told_that_they_are_not_logged_in() {
    let provider = Provider::default();
    let harness = harness(&provider, "");
    for (line, fields) in [
        ("GET /a", &[("Accept", "application/json")][..]),
        ("POST /a", &[PAGE]),
        ("GET /a", &[PAGE, ("Sec-Fetch-Mode", "cors")]),
    ] {
        let outcome = Browser::default().send(&harness, line, fields);
        assert_eq!((outcome.response.status, outcome.cause()), (401, Some("missing_credentials")), "{line}");
        assert_eq!(outcome.field("WWW-Authenticate").as_deref(), Some("Session realm=\"gateway\""));
    }
}

#[test]
fn where_it_is_optional_others_pass_and_log_in_on_their_own() {
    let provider = Provider::default();
    let (harness, mut browser) = (harness(&provider, "optional: true, login: /login"), Browser::default());
    let anonymous = browser.send(&harness, "GET /a", &[PAGE, ("X-User-ID", "root")]);
    assert_eq!((anonymous.response.status, anonymous.sent_field("X-User-ID")), (200, None));
    let back = browser.log_in(&harness, &provider, "/login?to=/b%3Fc=d");
    assert_eq!(location(&back), "/b?c=d");
    assert_eq!(browser.open(&harness, "/b").sent_field("X-User-ID").as_deref(), Some("alice"));
    // A session that is none is forgotten, and hurts nobody.
    browser.0[0].1.push('x');
    let gone = browser.open(&harness, "/b");
    assert_eq!((gone.response.status, gone.sent_field("Cookie"), browser.0.len()), (200, None, 0));
}

#[test]
fn services_get_the_token_that_they_are_to_get() {
    for (which, expected) in [("access_token", "access_token"), ("id_token", "id_token")] {
        let provider = Provider::default();
        let (harness, mut browser) = (harness(&provider, &format!("forward: {which}")), Browser::default());
        browser.log_in(&harness, &provider, "/");
        let page = browser.send(&harness, "GET /", &[("Authorization", "Bearer forged")]);
        let given = format!("Bearer {}", provider.given(expected));
        assert_eq!(page.sent_field("Authorization"), Some(given));
    }
}

#[test]
fn several_tabs_log_in_at_once_and_no_more_than_a_few() {
    let provider = Provider::default();
    let (harness, mut browser) = (harness(&provider, ""), Browser::default());
    let begun: Vec<_> =
        (0..20).map(|tab| location(&browser.open(&harness, &format!("/tab/{tab}")))).collect();
    assert_eq!(browser.names().len(), attempt::MOST);
    for tab in [19, 15] {
        let back = browser.open(&harness, &provider.log_in(&begun[tab]));
        assert_eq!(location(&back), format!("/tab/{tab}"));
    }
    let forgotten = browser.open(&harness, &provider.log_in(&begun[0]));
    assert_eq!(forgotten.cause(), Some("login_unknown"));
}

#[test]
fn explain_tells_what_becomes_of_a_request() {
    let provider = Provider::default();
    let (harness, mut browser) = (harness(&provider, "backchannel_logout: /bye"), Browser::default());
    let explain = |line: &str, cookie: &str, more: (&str, &str)| {
        harness.request(line, &[("Host", "shop.test"), ("Cookie", cookie), more]).explain().concat()
    };
    browser.log_in(&harness, &provider, "/");
    let cookies = browser.line();
    assert_eq!(explain("GET /", &cookies, PAGE), "finds the session of alice by login");
    assert_eq!(explain("GET /", "", PAGE), "finds no session, and begins a login");
    assert_eq!(
        explain("POST /", &format!("{cookies}x"), PAGE),
        "finds a session that is no good: its cookie was sealed with another key, or changed, and refuses it, since no user waits for a page"
    );
    assert_eq!(explain("GET /oauth2/callback?code=a", "", PAGE), "takes the answer of the login service");
    assert_eq!(explain("POST /oauth2/logout", "", PAGE), "logs out");
    assert_eq!(explain("POST /bye", "", PAGE), "takes a message that sessions have ended");
}

#[test]
fn mistakes_are_told() {
    let files =
        Memory::new().with("secret", "a secret of some length, as it has to have").with("short", "too short");
    let told = |more: &str| problems_in_document::<OidcLogin>(DOCUMENT, more, &files);
    for (yaml, expected) in [
        ("{ issuer: logn, client_id: shop }".to_owned(), "did you mean `login`?"),
        ("{ issuer: keys, client_id: shop }".to_owned(), "the issuer `keys` does not describe itself"),
        (written("callback: callback"), "`callback` is no path"),
        (written("callback: '//evil.example'"), "is no path"),
        (written("callback: '/a?b'"), "is no path"),
        (written("logout: /oauth2/callback"), "`logout` and `callback` are the same path"),
        (written("cookie: 'a b'"), "is no name of a cookie"),
        (written("cookie: __Host-a"), "is no name of a cookie"),
        (written("origin: https://shop.test/app"), "an origin has no path"),
        (written("session: 0s"), "sessions that last no time let nobody in"),
        (
            written("secret: plain-secret-in-the-document-itself"),
            "a secret is written in plain in the document",
        ),
        (written(""), "without a `secret`, sessions end with the process"),
        (written("session: { store: default }"), "this store is in memory: sessions end with the process"),
        (written("session: { store: sessions }"), "there is no store `sessions`"),
    ] {
        let told = told(&yaml);
        assert!(told.contains(expected), "{yaml}:\n{told}");
    }
}

/// So long after the login.
fn later(harness: Harness, seconds: u64) -> Harness {
    harness.with_facts(|facts| facts.received = std::time::UNIX_EPOCH + Duration::from_secs(NOW + seconds))
}
