//! What an issuer is asked, what becomes of what it says, and when nobody is asked.

use std::cell::RefCell;
use std::collections::HashMap;

use maitred_config::Memory;
use maitred_policy::CallError;
use maitred_policy::harness::{Called, Harness, Outcome, problems_in_document, problems_with_files};
use serde_json::{Value, json};

use super::*;
use crate::authorize::Authorize;
use crate::provider::testing::{CallAnswer, Pages, answer, form};

/// What the facts of the harness have as the time of a request.
const NOW: u64 = 1_795_265_045;

const DOCUMENT: &str = "
maitred: 1
issuers:
  shop: { issuer: 'https://login.test', audience: [shop, api], claims: { plan: tier } }
plans: { free: { default: true }, gold: true }
consumers: { acme: { groups: partners, subject: { issuer: shop, subject: acme-inc } } }
routes: { app: { match: /*, respond: fine } }
";

fn files() -> Memory {
    Memory::new().with("hush", "hush").with("empty", "").with("long", "0123456789abcdef0123456789abcdef")
}

fn yaml(more: &str) -> String {
    format!(
        "{{ issuer: shop, endpoint: 'https://login.test/say', client_id: us, client_secret: '${{file:hush}}'{more} }}"
    )
}

/// What is said of tokens by name; `{"active":false}` of all others.
fn harness(more: &str, said: &[(&str, Value)]) -> Harness {
    let said: HashMap<String, String> =
        said.iter().map(|(token, said)| ((*token).to_owned(), said.to_string())).collect();
    asking(more, move |called| {
        let form = form(called);
        let token = form.strip_prefix("token=").unwrap().split('&').next().unwrap();
        answer(200, said.get(token).map_or("{\"active\":false}", String::as_str))
    })
}

fn asking(more: &str, answers: impl FnMut(&Called) -> CallAnswer + 'static) -> Harness {
    Harness::in_document::<Introspection>(DOCUMENT, &yaml(more), &files()).answering(answers)
}

fn ask(harness: &Harness, token: &str) -> Outcome {
    harness.request("GET /", &[("Authorization", &format!("Bearer {token}"))]).answer(200, &[])
}

fn good(more: Value) -> Value {
    let mut said = json!({"active": true, "aud": "shop", "sub": "u-17", "token_type": "Bearer"});
    let (Value::Object(all), Value::Object(more)) = (&mut said, more) else { panic!("objects") };
    all.extend(more);
    all.retain(|_, value| !value.is_null());
    said
}

/// The reason in the log.
fn reason(outcome: &Outcome) -> String {
    let told = outcome.fault().unwrap().to_string();
    told.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn what_the_issuer_says_is_what_a_signed_token_would() {
    let said = json!({
        "iss": "https://login.test", "aud": ["other", "api"], "sub": "acme-inc", "exp": NOW + 60, "scope": "read write",
        "realm_access": {"roles": ["admin"]}, "groups": ["staff"], "tier": "gold",
    });
    let harness = harness("", &[("a.b.c", good(said))])
        .and::<Authorize>("{ roles: admin, scopes: read, groups: partners }");
    let fields = [("Authorization", "bearer a.b.c"), ("X-User-ID", "root"), ("X-Consumer", "root")];
    let outcome = harness.request("GET /", &fields).answer(200, &[]);
    assert_eq!(outcome.response.status, 200);
    let claims = outcome.facts.claims.as_ref().unwrap();
    assert_eq!((&*claims.issuer, claims.all["exp"].as_u64()), ("shop", Some(NOW + 60)));
    assert_eq!(outcome.facts.plan(), Some("gold"));
    assert_eq!(outcome.facts.token.as_ref().unwrap().expose(), "a.b.c");
    let sent = |name: &str| outcome.sent_field(name).unwrap();
    assert_eq!((sent("X-User-ID").as_str(), sent("X-Consumer").as_str()), ("acme-inc", "acme"));
    assert_eq!(
        (sent("X-Consumer-Groups").as_str(), sent("Authorization").as_str()),
        ("partners, staff", "bearer a.b.c")
    );
    let [asked] = &harness.calls()[..] else { panic!("one question") };
    assert_eq!((asked.to.as_str(), asked.request.target.as_str()), ("https://login.test:443", "/say"));
    assert_eq!(
        (asked.request.method.as_str(), form(asked).as_str()),
        ("POST", "token=a.b.c&token_type_hint=access_token")
    );
    assert_eq!(asked.field("Authorization").unwrap(), "Basic dXM6aHVzaA==");
    assert_eq!(asked.limits.deadline, harness.now() + Duration::from_secs(5));
}

#[test]
fn nobody_passes_by_a_token_that_is_no_good() {
    let long = "x".repeat(LONGEST + 1);
    for (said, why) in [
        (json!({"active": false, "sub": "u-17"}), "the issuer says that it is not active"),
        (json!({"sub": "u-17"}), "the issuer says that it is not active"),
        (json!({"active": "true"}), "the issuer says that it is not active"),
        (good(json!({"aud": null})), "it is for others (`aud`)"),
        (good(json!({"aud": ["account"]})), "it is for others (`aud`)"),
        (good(json!({"iss": "https://evil.test"})), "it is of another issuer"),
        (good(json!({"iss": 1})), "it is of another issuer"),
        (good(json!({"token_type": "Refresh"})), "it is no access token"),
        (good(json!({"token_type": "DPoP"})), "it is no access token"),
        (good(json!({"typ": "ID"})), "it is no access token"),
        (good(json!({"token_use": "refresh_token"})), "it is no access token"),
        (good(json!({"exp": "soon"})), "its `exp` is no time"),
        (good(json!({"exp": -1})), "its `exp` is no time"),
        (good(json!({"exp": NOW * 1000})), "its `exp` is no time"),
        (good(json!({"events": {}})), "it is no access token"),
        (good(json!({"sub": null})), "it has no `sub`"),
        (json!({"active": true, "aud": "shop", "sub": null}), "it has no `sub`"),
    ] {
        let outcome = ask(&harness(", require: [sub], optional: true", &[("t", said.clone())]), "t");
        assert_eq!((outcome.response.status, outcome.sent.is_none()), (401, true), "{said}");
        assert_eq!(
            (outcome.cause(), outcome.fault().unwrap().detail()),
            (Some("invalid_token"), "Invalid token")
        );
        assert_eq!(reason(&outcome), why, "{said}");
        assert_eq!(outcome.field("WWW-Authenticate").unwrap(), "Bearer error=\"invalid_token\"");
    }
    let late = ask(&harness("", &[("t", good(json!({"exp": NOW})))]), "t");
    assert_eq!((late.cause(), late.fault().unwrap().detail()), (Some("token_expired"), "Token expired"));
    let harness = harness("", &[]);
    for token in ["", "a b", "ä", &long] {
        let outcome = ask(&harness, token);
        assert_eq!(
            (outcome.response.status, reason(&outcome).as_str()),
            (401, "it cannot be a token"),
            "{token}"
        );
    }
    let tab = [("Authorization", "Bearer\ta b")];
    let outcome = harness.request("GET /", &tab).answer(200, &[]);
    assert_eq!((outcome.response.status, reason(&outcome).as_str()), (401, "it cannot be a token"));
    let twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")];
    let outcome = harness.request("GET /", &twice).answer(200, &[]);
    assert_eq!((outcome.response.status, harness.calls().len()), (401, 0));
}

#[test]
fn who_shows_nothing_is_refused_or_nobody() {
    for (more, fields, status) in [
        ("", &[][..], 401),
        ("", &[("Authorization", "Basic eDp5")][..], 401),
        (", optional: true", &[("Authorization", "Basic eDp5")], 200),
        (", optional: true", &[("X-User-ID", "root")][..], 200),
    ] {
        let harness = harness(more, &[]);
        let outcome = harness.request("GET /", fields).answer(200, &[]);
        assert_eq!((outcome.response.status, harness.calls().len()), (status, 0));
        if status == 401 {
            assert_eq!(outcome.fault().unwrap().detail(), "Missing credentials");
        } else {
            assert_eq!((outcome.sent_field("X-User-ID"), outcome.facts.claims.is_none()), (None, true));
        }
    }
}

#[test]
fn nobody_passes_while_the_issuer_cannot_be_asked() {
    let failures: [CallAnswer; 6] = [
        None,
        answer(500, "{\"active\":true}"),
        answer(200, "<html>"),
        answer(200, "{\"active\":false,\"active\":true}"),
        answer(401, "{\"error\":\"invalid_client\"}"),
        Some(Err(CallError::Unavailable("circuit_open"))),
    ];
    for failure in failures {
        let harness = asking(", timeout: 100ms", move |_| failure.clone());
        for _ in 0..2 {
            let outcome = ask(&harness, "t");
            assert_eq!((outcome.response.status, outcome.cause()), (503, Some("issuer_unreachable")));
            assert_eq!((outcome.field("Retry-After").as_deref(), outcome.sent.is_none()), (Some("1"), true));
            assert!(reason(&outcome).starts_with("https://login.test/say: "), "{}", reason(&outcome));
        }
        assert_eq!(harness.calls().len(), 2, "a failure is not remembered");
    }
}

/// Asks for the token after so much time, and says how often the issuer has been asked by then.
fn asked_after(harness: &Harness, by: u64, status: u16) -> usize {
    harness.advance(Duration::from_secs(by));
    assert_eq!(ask(harness, "t").response.status, status);
    harness.calls().len()
}

#[test]
fn an_answer_counts_for_a_while_and_never_beyond_the_token() {
    let harness_of = |more: &str, said: Value| harness(more, &[("t", said)]);
    let often = harness_of(", cache: 0s", good(json!({})));
    assert_eq!([0, 0].map(|by| asked_after(&often, by, 200)), [1, 2]);
    let usual = harness_of("", good(json!({})));
    assert_eq!([0, 29, 1].map(|by| asked_after(&usual, by, 200)), [1, 1, 2]);
    let short = harness_of("", good(json!({"exp": NOW + 10})));
    assert_eq!([0, 9, 1].map(|by| asked_after(&short, by, 200)), [1, 1, 2]);
    // Its time has passed by the clock on the wall.
    let late = short.with_facts(|facts| facts.received += Duration::from_secs(10));
    assert_eq!(asked_after(&late, 0, 401), 3);
    let bad = harness_of("", json!({"active": false}));
    assert_eq!([0, 4, 1].map(|by| asked_after(&bad, by, 401)), [1, 1, 2]);
}

#[test]
fn requests_with_one_token_ask_once() {
    let silent = Rc::new(RefCell::new(true));
    let answers = Rc::clone(&silent);
    let said = good(json!({})).to_string();
    let harness = asking("", move |_| if *answers.borrow() { None } else { answer(200, &said) });
    let begin = || harness.request("GET /", &[("Authorization", "Bearer t")]).begin();
    let (mut first, mut second) = (begin(), begin());
    assert!(!first.is_at_service() && !second.is_at_service());
    assert_eq!(harness.calls().len(), 1);
    // Its client goes, and the other one asks in its place.
    *silent.borrow_mut() = false;
    drop(first);
    assert!(second.is_at_service());
    assert_eq!(harness.calls().len(), 2);
    drop(second);
    assert_eq!((ask(&harness, "t").response.status, harness.calls().len()), (200, 2));
}

#[test]
fn no_more_is_asked_at_a_time_than_a_worker_can_hold() {
    let harness = asking("", |_| None);
    let mut waiting: Vec<_> = (0..256)
        .map(|number| harness.request("GET /", &[("Authorization", &format!("Bearer {number}"))]).begin())
        .collect();
    assert!(waiting.iter_mut().all(|begun| !begun.is_at_service()));
    let outcome = ask(&harness, "more");
    assert_eq!((outcome.response.status, outcome.cause()), (503, Some("too_many_introspections")));
}

#[test]
fn the_description_tells_where_it_is_asked() {
    let yaml = "{ issuer: shop, client_id: us, client_secret: '${file:hush}' }";
    let said = good(json!({})).to_string();
    let harness = Harness::in_document::<Introspection>(DOCUMENT, yaml, &files())
        .answering(move |_| answer(200, &said));
    let early = ask(&harness, "t");
    assert_eq!((early.response.status, early.cause()), (503, Some("issuer_unreachable")));
    assert!(reason(&early).contains("was not fetched yet"), "{}", reason(&early));
    let described =
        r#"{"issuer":"https://login.test","introspection_endpoint":"https://login.test/ask?x=1"}"#;
    let pages = Pages::new(harness.now(), |_| Some((200, described.to_owned())));
    assert_eq!(harness.fetch(&pages), Ok(true));
    assert_eq!(harness.fetch(&pages), Ok(false), "nothing has changed");
    assert_eq!(pages.asked.borrow()[0].0, "https://login.test/.well-known/openid-configuration");
    assert_eq!(ask(&harness, "t").response.status, 200);
    assert_eq!(harness.calls()[0].request.target.as_str(), "/ask?x=1");
    let explained = harness.request("GET /", &[("Authorization", "Bearer t")]).explain();
    assert_eq!(
        explained,
        [
            "asks https://login.test/.well-known/openid-configuration what the token in header.Authorization says"
        ]
    );
}

#[test]
fn a_token_that_is_not_forwarded_is_taken_out() {
    let more = ", from: [query.t, cookie.t], forward: false";
    let harness = harness(more, &[("good", good(json!({})))]);
    let outcome = harness.request("GET /a?b=1&t=good", &[("Cookie", "t=x; u=y")]).answer(200, &[]);
    assert_eq!((outcome.sent_target(), outcome.sent_field("Cookie").as_deref()), ("/a?b=1", Some("u=y")));
    let logged = outcome.facts.asked.as_ref().map(|asked| asked.told().as_str());
    assert_eq!(logged, Some("/a?b=1"));
}

#[test]
fn mistakes_are_told() {
    let problems = |yaml: &str| problems_in_document::<Introspection>(DOCUMENT, yaml, &files());
    let with = |more: &str| problems(&format!("{{ client_id: us, client_secret: '${{file:hush}}'{more} }}"));
    assert!(with("").contains("nothing says who is asked"));
    assert!(
        with(", issuer: shap").contains("there is no issuer `shap`")
            && with(", issuer: shap").contains("`shop`")
    );
    assert!(with(", endpoint: 'http://a.test/x'").contains("in the clear"));
    assert_eq!(with(", endpoint: 'http://localhost:1/x'"), "");
    assert!(with(", issuer: shop, cache: 2h").contains("write at most `1h`"));
    assert!(with(", issuer: shop, from: []").contains("`from` names no place"));
    assert!(with(", issuer: shop, from: client.ip").contains("no token is shown there"));
    assert!(
        problems("{ issuer: shop, client_id: us, client_secret: '${file:empty}' }")
            .contains("the client has no secret")
    );
    assert!(problems("{ issuer: shop, client_id: us, client_secret: hush }").contains("in plain"));
    assert!(
        problems_with_files::<Introspection>(
            "{ issuer: shop, client_id: us, client_secret: '${file:hush}' }",
            &files()
        )
        .contains("there is no issuer")
    );
    // What says where it is asked is fetched, though its keys are not.
    let of_own = "'https://login.test', secret: '${file:long}', tls: ca.pem";
    let of_own = DOCUMENT.replace("'https://login.test'", of_own);
    let yaml = "{ issuer: shop, client_id: us, client_secret: '${file:hush}' }";
    let with_bundle = files().with("ca.pem", "-----BEGIN CERTIFICATE-----");
    assert_eq!(problems_in_document::<Introspection>(&of_own, yaml, &with_bundle), "");
    let named = DOCUMENT.replace("'https://login.test'", "us, secret: '${file:long}'");
    let yaml = "{ issuer: shop, client_id: us, client_secret: '${file:hush}' }";
    assert!(
        problems_in_document::<Introspection>(&named, yaml, &files()).contains("the issuer `shop` is no URL")
    );
}
