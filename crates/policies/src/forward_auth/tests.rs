//! What the service is asked, and what becomes of its answers.

use std::cell::RefCell;
use std::rc::Rc;

use maitred_policy::CallError;
use maitred_policy::harness::{Called, Harness, problems_of};

use super::*;
use crate::authorize::Authorize;

type Answer = Option<Result<(ResponseHead, WholeBody), CallError>>;

#[expect(clippy::unnecessary_wraps, reason = "it stands where a service may be silent")]
fn answer(status: u16, fields: &[(&str, &str)], body: &str) -> Answer {
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    Some(Ok((head, WholeBody { bytes: body.into(), trailers: None })))
}

fn harness(yaml: &str, answers: impl FnMut(&Called) -> Answer + 'static) -> Harness {
    Harness::of::<ForwardAuth>(yaml).answering(answers)
}

/// The names of the fields of a question, in lower case.
fn names(called: &Called) -> Vec<String> {
    called.request.fields.iter().map(|(name, _)| String::from_utf8_lossy(name).to_lowercase()).collect()
}

const ASKED: [&str; 6] = [
    "x-forwarded-method",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-uri",
    "x-forwarded-for",
    "x-original-uri",
];

#[test]
fn the_service_learns_what_was_asked_for_and_nothing_that_a_client_makes_up() {
    let harness = harness("{ upstream: auth, path: /verify?a=b }", |_| answer(200, &[], ""));
    let fields = [
        ("Host", "shop.example"),
        ("Authorization", "Bearer x"),
        ("Accept", "text/html"),
        ("X-Forwarded-Uri", "/public"),
        ("X-Forwarded-Prefix", "/p"),
        ("X-Original-URL", "/public"),
        ("X-Real-IP", "10.0.0.1"),
        ("X_Forwarded_Uri", "/public"),
        ("x-forwarded_method", "GET"),
        ("X.Original.URI", "/public"),
        ("X_Real_IP", "10.0.0.1"),
        ("X-User-ID", "root"),
        ("X_Consumer", "root"),
        ("Forwarded", "for=10.0.0.1"),
        ("Content-Length", "3"),
        ("Content-Type", "text/plain"),
        ("If-None-Match", "*"),
        ("Connection", "close"),
        ("TE", "trailers"),
    ];
    let outcome = harness.request("POST /orders/1?x=y", &fields).body("abc").answer(200, &[]);
    assert_eq!((outcome.response.status, outcome.sent_body.as_slice()), (200, &b"abc"[..]));
    let [asked] = &harness.calls()[..] else { panic!("one question") };
    assert_eq!((asked.to.as_str(), asked.request.method.as_str()), ("auth", "GET"));
    assert_eq!((asked.request.target.as_str(), asked.body.len()), ("/verify?a=b", 0));
    assert_eq!(names(asked)[..2], ["authorization", "accept"]);
    assert_eq!(names(asked)[2..], ASKED);
    let told = ASKED.map(|name| asked.field(name).unwrap());
    let original = "/orders/1?x=y";
    assert_eq!(told, ["POST", "https", "shop.example", original, "192.0.2.7", original]);
    assert_eq!(asked.limits.deadline, harness.now() + Duration::from_secs(5));
}

#[test]
fn only_those_fields_are_sent_that_are_named() {
    let harness = harness("{ upstream: http://auth:1, send: [cookie, X-Forwarded-For, Host] }", |_| {
        answer(204, &[], "")
    });
    harness.request("GET /", &[("Cookie", "a=b"), ("Accept", "*/*"), ("Host", "h")]).answer(200, &[]);
    let asked = &harness.calls()[0];
    assert_eq!((asked.to.as_str(), &names(asked)[..1]), ("http://auth:1", &["cookie".to_owned()][..]));
    assert_eq!(asked.field("X-Forwarded-For").unwrap(), "192.0.2.7");
    let trusted = harness.with_facts(|facts| facts.peer_is_trusted = true);
    trusted.request("GET /", &[("Host", "inside"), ("X-Forwarded-Host", "shop.example")]).answer(200, &[]);
    assert_eq!(trusted.calls()[1].field("X-Forwarded-Host").unwrap(), "shop.example");
}

#[test]
fn what_the_service_says_of_who_asks_reaches_others_and_what_clients_say_does_not() {
    let said: Rc<RefCell<Vec<(&str, &str)>>> = Rc::default();
    let told = Rc::clone(&said);
    let harness = harness(
        "{ upstream: auth, copy_headers: [X-User-ID, X-Consumer-Groups, X-Plan, Authorization] }",
        move |_| answer(200, &told.borrow(), ""),
    )
    .and::<Authorize>("{ groups: staff }");
    let forged = [
        ("X-User-ID", "root"),
        ("X-Consumer-Groups", "staff"),
        ("X-Plan", "all"),
        ("X_Plan", "all"),
        ("X-Consumer", "c"),
    ];
    let nobody = harness.request("GET /", &forged).answer(200, &[]);
    assert_eq!(nobody.response.status, 403);
    *said.borrow_mut() = vec![
        ("X-User-ID", "u-1"),
        ("X-Consumer-Groups", "eu, staff"),
        ("X-Consumer-Groups", "late"),
        ("X-Plan", "basic"),
        ("X-Plan", "more"),
        ("Authorization", "Bearer inside"),
        ("X-Other", "no"),
    ];
    let outcome = harness.request("GET /", &[&forged[..], &[("Authorization", "Basic x")]].concat());
    let outcome = outcome.answer(200, &[]);
    let sent = |name: &str| outcome.sent_field(name);
    assert_eq!(sent("X-User-ID").unwrap(), "u-1");
    assert_eq!(sent("X-Consumer-Groups").unwrap(), "eu, staff, late");
    assert_eq!((sent("X-Plan").unwrap().as_str(), sent("X-Consumer")), ("basic | more", None));
    assert_eq!(sent("X_Plan"), None);
    assert_eq!((sent("Authorization").unwrap().as_str(), sent("X-Other")), ("Bearer inside", None));
    let claims = outcome.facts.claims.unwrap();
    assert_eq!((&*claims.issuer, claims.subject.as_deref()), ("forward_auth", Some("u-1")));
    assert_eq!(claims.all["groups"], serde_json::json!(["eu", "staff", "late"]));
    said.borrow_mut().push(("Authorization", "Bearer other"));
    let twice = harness.request("GET /", &[]).answer(200, &[]);
    assert_eq!((twice.response.status, twice.cause()), (502, Some("forward_auth")));
}

#[test]
fn the_service_learns_whom_a_policy_before_has_found() {
    let harness = harness("{ upstream: auth, send: X-Consumer }", |_| answer(200, &[], ""));
    let known = identity::Consumer::new("acme", std::iter::empty::<&str>());
    let harness = harness.with_facts(|facts| facts.consumer = Some(std::sync::Arc::new(known)));
    harness.request("GET /", &[("X-Consumer", "root")]).answer(200, &[]);
    assert_eq!(harness.calls()[0].field("X-Consumer").unwrap(), "acme");
}

#[test]
fn refusals_reach_the_client_as_they_came() {
    for status in [301, 302, 401, 403, 404, 429] {
        let fields = [
            ("Location", "https://login.example/"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("WWW-Authenticate", "Bearer"),
            ("Content-Type", "text/html"),
            ("Content-Length", "5"),
            ("Connection", "close"),
            ("Transfer-Encoding", "chunked"),
        ];
        let harness = harness("auth", move |_| answer(status, &fields, "login"));
        let outcome = harness.request("GET /", &[]).answer(200, &[]);
        assert!(outcome.cause() == Some("refused_by_service") && outcome.sent.is_none());
        assert_eq!((outcome.response.status, &*outcome.body), (status, &b"login"[..]));
        assert_eq!(outcome.field("Set-Cookie").unwrap(), "a=1 | b=2");
        assert_eq!(outcome.field("Location").unwrap(), "https://login.example/");
        assert_eq!(outcome.field("WWW-Authenticate").unwrap(), "Bearer");
        for name in ["Content-Length", "Connection", "Transfer-Encoding"] {
            assert_eq!(outcome.field(name), None, "{name}");
        }
    }
}

#[test]
fn silence_and_failures_are_502() {
    let failures: [Answer; 5] = [
        None,
        answer(500, &[], "our secret"),
        answer(503, &[], ""),
        answer(403, &[], &"x".repeat(MOST + 1)),
        Some(Err(CallError::Unavailable("circuit_open"))),
    ];
    for mut failure in failures {
        let harness = harness("{ upstream: auth, timeout: 100ms }", move |_| failure.take());
        let outcome = harness.request("GET /", &[]).answer(200, &[]);
        assert_eq!((outcome.response.status, outcome.cause()), (502, Some("forward_auth")));
        assert!(outcome.sent.is_none() && outcome.took <= Duration::from_millis(100));
    }
    let harness = harness("auth", |_| None);
    let mut begun = harness.request("GET /", &[]).begin();
    assert!(!begun.is_at_service() && harness.open_calls() == 1);
    drop(begun);
    assert_eq!(harness.open_calls(), 0, "nobody waits for it");
}

#[test]
fn an_answer_counts_for_a_while_for_the_same_request() {
    let yaml = "{ upstream: auth, send: Authorization, copy_headers: X-User-ID, cache: 5s }";
    let mut number = 0;
    let harness = harness(yaml, move |called| {
        number += 1;
        match called.request.target.as_str() {
            _ if called.field("X-Forwarded-Uri").is_some_and(|uri| uri == "/no") => answer(401, &[], ""),
            _ if called.field("X-Forwarded-Uri").is_some_and(|uri| uri == "/new") => {
                answer(200, &[("Cache-Control", "private, no-store")], "")
            }
            _ => answer(200, &[("X-User-ID", &number.to_string())], ""),
        }
    });
    let ask = |line: &str, fields: &[(&str, &str)]| {
        let outcome = harness.request(line, fields).answer(200, &[]);
        outcome.sent.as_ref().and_then(|_| outcome.sent_field("X-User-ID")).unwrap_or_default()
    };
    let token = [("Authorization", "a"), ("Accept", "x")];
    assert_eq!(ask("GET /", &token), "1");
    assert_eq!(ask("GET /", &[("Authorization", "a"), ("X-User-ID", "root")]), "1");
    assert_eq!(ask("GET /", &[("Authorization", "b")]), "2", "another credential");
    assert_eq!(ask("GET /?x", &token), "3", "something else is asked for");
    assert_eq!(ask("POST /", &token), "4", "something else is done");
    assert_eq!(ask("GET /", &[("Authorization", "a"), ("Host", "other")]), "5");
    for _ in 0..2 {
        ask("GET /no", &token);
        ask("GET /new", &token);
    }
    assert_eq!(harness.calls().len(), 9, "neither refusals nor what is not to be stored");
    harness.advance(Duration::from_secs(5));
    assert_eq!(ask("GET /", &token), "10");
}

#[test]
fn mistakes_are_told_and_nobody_is_asked_to_explain() {
    assert!(problems_of::<ForwardAuth>("nobody").contains("there is no upstream `nobody`"));
    let problems =
        problems_of::<ForwardAuth>("{ upstream: auth, copy_headers: [X-A, Host, content-length] }");
    assert!(problems.contains("`Host` cannot be copied") && problems.contains("`content-length` cannot"));
    assert!(
        problems_of::<ForwardAuth>("{ upstream: auth, optional: true }").contains("unknown key `optional`")
    );
    let harness =
        Harness::of::<ForwardAuth>("{ upstream: auth, path: /verify, send: [Cookie, Authorization] }");
    let says = harness.request("GET /", &[("Cookie", "a=b"), ("Cookie", "c=d"), ("Accept", "x")]).explain();
    assert_eq!(says, ["asks the upstream `auth` whether it may pass: GET /verify, with Cookie"]);
}
