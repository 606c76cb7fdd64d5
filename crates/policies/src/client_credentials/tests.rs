//! When a token is fetched, what the service is shown, and what happens while there is none.

use std::cell::RefCell;

use maitred_config::Memory;
use maitred_policy::harness::{Harness, Outcome, problems_with_files};

use super::*;
use crate::provider::testing::Pages;

const YAML: &str = "{ token_endpoint: 'https://login.test/token', client_id: us, client_secret: '${file:hush}', scopes: [read, 'a b'], audience: stock }";

fn files() -> Memory {
    Memory::new().with("hush", "hush").with("other", "other").with("empty", "")
}

fn harness(yaml: &str) -> Harness {
    Harness::with_files::<ClientCredentials>(yaml, files())
}

/// Gives the tokens 1, 2, … for so many seconds.
fn numbered(lifetime: Option<u64>) -> impl Fn(&str) -> Option<(u16, String)> {
    let number = RefCell::new(0);
    move |_| {
        *number.borrow_mut() += 1;
        let expires = lifetime.map(|seconds| format!(",\"expires_in\":{seconds}")).unwrap_or_default();
        Some((
            200,
            format!("{{\"access_token\":\"{}\",\"token_type\":\"Bearer\"{expires}}}", number.borrow()),
        ))
    }
}

fn ask(harness: &Harness, status: u16) -> Outcome {
    harness.request("GET /", &[("Authorization", "Bearer client"), ("X-Other", "1")]).answer(status, &[])
}

fn shown(harness: &Harness) -> String {
    ask(harness, 200).sent_field("Authorization").unwrap()
}

fn wants(harness: &Harness) -> bool {
    harness.policy::<ClientCredentials>().fetched()[0].thing.is_wanted()
}

#[test]
fn the_service_is_shown_the_token_of_the_gateway() {
    let harness = harness(YAML);
    let pages = Pages::new(harness.now(), numbered(Some(300)));
    assert_eq!(harness.fetch(&pages), Ok(true));
    let outcome = ask(&harness, 200);
    assert_eq!(outcome.sent_field("Authorization").as_deref(), Some("Bearer 1"));
    assert_eq!(outcome.sent_field("X-Other").as_deref(), Some("1"));
    let asked = pages.asked.borrow();
    let (url, shown, form) = &asked[0];
    assert_eq!((url.as_str(), shown.as_deref()), ("https://login.test/token", Some("Basic dXM6aHVzaA==")));
    assert_eq!(form, "grant_type=client_credentials&scope=read+a+b&audience=stock");
    let explained = harness.request("GET /", &[]).explain();
    assert_eq!(explained, ["shows the service a token that us gets from https://login.test/token"]);
}

#[test]
fn another_field_may_be_named() {
    let harness =
        harness(&YAML.replace("audience: stock", "header: X-Token, client_auth: client_secret_post"));
    let pages = Pages::new(harness.now(), numbered(None));
    assert_eq!(harness.fetch(&pages), Ok(true));
    let outcome = ask(&harness, 200);
    assert_eq!(outcome.sent_field("X-Token").as_deref(), Some("Bearer 1"));
    assert_eq!(outcome.sent_field("Authorization").as_deref(), Some("Bearer client"));
    let form = pages.asked.borrow()[0].2.clone();
    assert!(form.ends_with("&client_id=us&client_secret=hush"), "{form}");
    // Nobody has said how long it is good.
    harness.advance(Duration::from_hours(10));
    assert_eq!(ask(&harness, 200).sent_field("X-Token").as_deref(), Some("Bearer 1"));
}

#[test]
fn a_token_is_shown_until_shortly_before_it_expires_and_renewed_earlier() {
    let harness = harness(YAML);
    let pages = Pages::new(harness.now(), numbered(Some(200)));
    let policy = harness.policy::<ClientCredentials>();
    let told = Told {
        answer: Answer::read(
            &maitred_http::ResponseHead { status: 200, ..maitred_http::ResponseHead::default() },
            b"{\"expires_in\":200}",
        )
        .unwrap(),
        asked: harness.now(),
    };
    assert_eq!(policy.token.how().holds(&told), Some(Duration::from_secs(150)));
    harness.fetch(&pages).unwrap();
    harness.advance(Duration::from_secs(189));
    assert_eq!((shown(&harness).as_str(), wants(&harness)), ("Bearer 1", false));
    harness.advance(Duration::from_secs(1));
    let late = ask(&harness, 200);
    assert_eq!((late.response.status, late.cause()), (503, Some("issuer_unreachable")));
    assert_eq!((late.field("Retry-After").as_deref(), wants(&harness)), (Some("1"), true));
    pages.now.set(harness.now());
    harness.fetch(&pages).unwrap();
    assert_eq!((shown(&harness).as_str(), wants(&harness)), ("Bearer 2", false));
}

#[test]
fn without_a_token_nothing_is_sent() {
    let harness = harness(YAML);
    let told = |harness: &Harness| {
        let outcome = ask(harness, 200);
        assert_eq!((outcome.response.status, outcome.sent.is_none()), (503, true));
        outcome.fault().unwrap().to_string()
    };
    assert!(told(&harness).ends_with("by https://login.test/token: it was not fetched yet"));
    for (page, why) in [
        (None, "it is down"),
        (
            Some((401, r#"{"error":"unauthorized_client","error_description":"no"}"#)),
            "it refuses: unauthorized_client: no",
        ),
        (Some((200, "{}")), "its answer has no `access_token`"),
        (Some((200, "{\"access_token\":\"a\\r\\nX: b\"}")), "its token cannot stand in a header"),
        (Some((200, r#"{"access_token":"a","token_type":"mac"}"#)), "a type other than `Bearer`"),
        (Some((503, "")), "it answered 503"),
    ] {
        let pages = Pages::new(harness.now(), |_| page.map(|(status, body)| (status, body.to_owned())));
        harness.fetch(&pages).unwrap_err();
        assert!(told(&harness).contains(why), "{}", told(&harness));
    }
}

#[test]
fn the_one_that_there_is_goes_on_while_the_issuer_is_down() {
    let harness = harness(YAML);
    harness.fetch(&Pages::new(harness.now(), numbered(Some(300)))).unwrap();
    harness.fetch(&Pages::new(harness.now(), |_| None)).unwrap_err();
    assert_eq!(shown(&harness), "Bearer 1");
}

#[test]
fn a_token_that_the_service_refuses_is_replaced() {
    let harness = harness(YAML);
    let pages = Pages::new(harness.now(), numbered(Some(300)));
    harness.fetch(&pages).unwrap();
    ask(&harness, 403);
    assert!(!wants(&harness));
    let mut slow = harness.request("GET /", &[]).begin();
    assert!(slow.is_at_service());
    ask(&harness, 401);
    assert!(wants(&harness));
    harness.fetch(&pages).unwrap();
    slow.finish(401);
    assert!(!wants(&harness), "it was shown the former one");
    assert_eq!(shown(&harness), "Bearer 2");
}

#[test]
fn a_token_goes_on_over_a_reload_that_leaves_it_alone() {
    let harness = harness(YAML);
    harness.fetch(&Pages::new(harness.now(), numbered(Some(300)))).unwrap();
    assert_eq!(shown(&harness.reloaded::<ClientCredentials>(YAML)), "Bearer 1");
    let other = YAML.replace("file:hush", "file:other");
    assert_eq!(ask(&harness.reloaded::<ClientCredentials>(&other), 200).response.status, 503);
}

#[test]
fn the_description_is_asked_first() {
    let document = "maitred: 1\nissuers: { shop: 'https://login.test' }\nroutes: { app: { match: /*, respond: fine } }\n";
    let yaml = "{ issuer: shop, client_id: us, client_secret: '${file:hush}' }";
    let harness = Harness::in_document::<ClientCredentials>(document, yaml, &files());
    let given = numbered(Some(60));
    let pages = Pages::new(harness.now(), |url| match url {
        "https://login.test/.well-known/openid-configuration" => Some((
            200,
            r#"{"issuer":"https://login.test","token_endpoint":"https://login.test/t"}"#.to_owned(),
        )),
        url => given(url),
    });
    harness.fetch(&pages).unwrap();
    assert_eq!(
        (pages.asked.borrow()[1].0.as_str(), shown(&harness).as_str()),
        ("https://login.test/t", "Bearer 1")
    );
}

#[test]
fn mistakes_are_told() {
    let with = |secret: &str, more: &str| {
        let yaml = format!("{{ client_id: us, client_secret: '${{file:{secret}}}'{more} }}");
        problems_with_files::<ClientCredentials>(&yaml, &files())
    };
    assert!(with("hush", "").contains("nothing says who is asked"));
    assert!(with("empty", ", token_endpoint: 'https://a/t'").contains("the client has no secret"));
    let framing = with("hush", ", token_endpoint: 'https://a/t', header: Content-Length");
    assert!(framing.contains("no token can stand in `Content-Length`"));
    assert!(!format!("{:?}", harness(YAML).policy::<ClientCredentials>()).contains("hush"));
}
