//! What OPA is told, and what its answers come to. A real one is in the tests of the whole program.

use std::rc::Rc;
use std::sync::Arc;

use maitred_http::ResponseHead;
use maitred_policy::harness::{Harness, problems_of};
use maitred_policy::identity::{Claims, Consumer, ShownToken};
use maitred_policy::{CertificateFacts, WholeBody};

use super::*;

const YAML: &str = "{ opa: http://opa:8181/v1/data/shop/allow }";

fn answering(yaml: &str, status: u16, body: &'static str) -> Harness {
    Harness::of::<Authorize>(yaml).answering(move |_| {
        let head = ResponseHead { status, ..ResponseHead::default() };
        Some(Ok((head, WholeBody { bytes: body.into(), trailers: None })))
    })
}

fn status(status: u16, body: &'static str) -> (u16, Option<&'static str>) {
    let outcome = answering(YAML, status, body).request("GET /", &[]).answer(200, &[]);
    (outcome.response.status, outcome.cause())
}

#[test]
fn only_a_plain_yes_lets_a_request_pass() {
    for body in [r#"{"result":true}"#, r#"{"result":{"allow":true,"why":[1]},"decision_id":"x"}"#] {
        assert_eq!(status(200, body), (200, None), "{body}");
    }
    for body in ["{}", r#"{"result":false}"#, r#"{"result":{}}"#, r#"{"result":{"allow":false}}"#] {
        assert_eq!(status(200, body), (403, Some("not_permitted")), "{body}");
    }
    for body in ["", "[]", "true", r#"{"result":"true"}"#, r#"{"result":{"allow":1}}"#, r#"{"result":[]}"#] {
        assert_eq!(status(200, body), (502, Some("opa")), "{body}");
    }
    for other in [204, 302, 400, 404, 500, 503] {
        assert_eq!(status(other, r#"{"result":true}"#), (502, Some("opa")), "{other}");
    }
    let silent = Harness::of::<Authorize>(YAML).answering(|_| None);
    let outcome = silent.request("GET /", &[]).answer(200, &[]);
    assert_eq!((outcome.response.status, outcome.cause()), (504, Some("opa")));
    let broken = Harness::of::<Authorize>(YAML).answering(|_| Some(Err(CallError::Broken)));
    assert_eq!(broken.request("GET /", &[]).answer(200, &[]).response.status, 502);
}

#[test]
fn it_is_told_what_is_known_and_no_credentials() {
    let harness =
        answering("{ groups: staff, opa: http://opa:8181/v1/data/shop }", 200, r#"{"result":true}"#);
    let harness = harness.with_facts(|facts| {
        facts.consumer = Some(Arc::new(Consumer::new("acme", ["staff"].into_iter())));
        let all = json!({ "sub": "u-1" }).as_object().cloned().unwrap();
        let (issuer, groups) = ("idp".into(), ["eu".into()].into());
        facts.claims = Some(Rc::new(Claims { issuer, groups, all, ..Claims::default() }));
        let subject = "CN=joe".to_owned();
        facts.token = Some(ShownToken::new("a.b.c"));
        facts.certificate = Some(Rc::new(CertificateFacts { subject, ..CertificateFacts::default() }));
    });
    let fields = [
        ("Host", "h"),
        ("Authorization", "x"),
        ("Cookie", "x"),
        ("x-api-key", "x"),
        ("X-JWT", "Bearer a.b.c"),
        ("X-A", "1"),
        ("x-a", "2"),
    ];
    let outcome = harness.request("PUT /a/b%20c?q=1&token=a%2Eb.c&q=2&r", &fields).answer(200, &[]);
    assert_eq!(outcome.response.status, 200);
    let [asked] = &harness.calls()[..] else { panic!("one question") };
    assert_eq!((asked.to.as_str(), asked.request.target.as_str()), ("http://opa:8181", "/v1/data/shop"));
    assert_eq!(
        (asked.request.method, asked.field("Content-Type").as_deref()),
        (Method::Post, Some("application/json"))
    );
    let told: Value = serde_json::from_slice(&asked.body).unwrap();
    let expected = json!({ "input": {
        "method": "PUT", "scheme": "https", "host": "h", "path": ["a", "b c"], "query": { "q": ["1", "2"], "r": [""] },
        "headers": { "host": ["h"], "x-a": ["1", "2"] }, "client": { "ip": "192.0.2.7" }, "route": "orders",
        "consumer": { "name": "acme", "groups": ["staff"] }, "issuer": "idp", "claims": { "sub": "u-1" },
        "roles": [], "scopes": [], "groups": ["staff", "eu"],
        "certificate": { "subject": "CN=joe", "names": [], "fingerprint": "" },
    } });
    assert_eq!(told, expected);
    let all = answering("{ opa: { url: http://opa/, credentials: true } }", 200, r#"{"result":true}"#);
    all.request("GET /", &fields).answer(200, &[]);
    let told: Value = serde_json::from_slice(&all.calls()[0].body).unwrap();
    assert_eq!(told["input"]["headers"]["authorization"], json!(["x"]));
}

#[test]
fn what_is_refused_before_is_not_asked_for_and_answers_may_count_for_a_while() {
    let harness = answering("{ groups: staff, opa: http://opa/ }", 200, r#"{"result":true}"#);
    assert_eq!(harness.request("GET /", &[]).answer(200, &[]).response.status, 403);
    assert!(harness.calls().is_empty());
    let cached = answering("{ opa: { url: http://opa/, cache: 2s } }", 200, r#"{"result":false}"#);
    for _ in 0..3 {
        assert_eq!(cached.request("GET /", &[]).answer(200, &[]).response.status, 403);
    }
    cached.request("GET /other", &[]).answer(200, &[]);
    assert_eq!(cached.calls().len(), 2);
    cached.advance(Duration::from_secs(2));
    cached.request("GET /", &[]).answer(200, &[]);
    assert_eq!(cached.calls().len(), 3);
    assert_eq!(
        cached.request("GET /", &[]).explain(),
        ["lets it pass where OPA does: asks http://opa/ whether it may pass"]
    );
    assert!(problems_of::<Authorize>("{ opa: opa:8181 }").contains("`https://` is missing here"));
}
