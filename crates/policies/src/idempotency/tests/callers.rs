//! Whose a key is.

use std::rc::Rc;

use maitred_policy::{CertificateFacts, Facts};

use super::*;

/// Whether a second caller gets the answer of the first: each is known by these facts, and sends these fields.
fn is_the_same(
    (one, shown): (impl FnOnce(&mut Facts), &[(&str, &str)]),
    (other, also): (impl FnOnce(&mut Facts), &[(&str, &str)]),
) -> bool {
    let harness = harness("true").with_facts(one);
    let send = |harness: &Harness, shown: &[(&str, &str)]| {
        let fields = [&[KEY][..], shown].concat();
        placed(harness.request("POST /orders", &fields), "seven")
    };
    is_new(&send(&harness, shown));
    let harness = harness.with_facts(other);
    let second = send(&harness, also);
    let is_replay = second.field("Idempotency-Replayed").is_some();
    assert_eq!(second.sent.is_some(), !is_replay);
    is_replay
}

fn nothing(_: &mut Facts) {}

fn consumer(name: &str) -> impl FnOnce(&mut Facts) {
    let consumer = Arc::new(Consumer::new(name, [].into_iter()));
    move |facts| facts.consumer = Some(consumer)
}

fn claims(issuer: &str, subject: Option<&str>, token: &'static str) -> impl FnOnce(&mut Facts) {
    let all = serde_json::from_str(&format!(r#"{{"jti":"{token}"}}"#)).unwrap();
    let claims = Claims { issuer: issuer.into(), subject: subject.map(Into::into), all, ..Claims::default() };
    move |facts| {
        facts.claims = Some(Rc::new(claims));
        facts.token = Some(ShownToken::new(token));
    }
}

#[test]
fn nobody_gets_the_answer_of_another() {
    let joe = || claims("login", Some("joe"), "t1");
    assert!(!is_the_same((consumer("a"), &[]), (consumer("b"), &[])));
    assert!(!is_the_same((nothing, &[]), (consumer("b"), &[])));
    assert!(!is_the_same((joe(), &[]), (claims("login", Some("eve"), "t2"), &[])));
    assert!(!is_the_same((joe(), &[]), (claims("other", Some("joe"), "t2"), &[])));
    assert!(!is_the_same((claims("login", None, "t1"), &[]), (claims("login", None, "t2"), &[])));
    assert!(!is_the_same((nothing, &[("Authorization", "Basic YTpi")]), (nothing, &[])));
    assert!(!is_the_same(
        (nothing, &[("Authorization", "Basic YTpi")]),
        (nothing, &[("Authorization", "Basic YTpj")])
    ));
    assert!(!is_the_same((nothing, &[("X-API-Key", "x")]), (nothing, &[("Api-Key", "x")])));
    assert!(!is_the_same(
        (nothing, &[]),
        (|facts: &mut Facts| facts.client = "192.0.2.8".parse().unwrap(), &[])
    ));
    // An application has a key, and those who use it have cookies.
    assert!(!is_the_same((consumer("a"), &[("Cookie", "s=1")]), (consumer("a"), &[("Cookie", "s=2")])));
    assert!(!is_the_same(
        (consumer("a"), &[("Authorization", "Bearer 1")]),
        (consumer("a"), &[("Authorization", "Bearer 2")])
    ));
    let certificate = |fingerprint: &str| {
        let shown = CertificateFacts { fingerprint: fingerprint.to_owned(), ..CertificateFacts::default() };
        move |facts: &mut Facts| facts.certificate = Some(Rc::new(shown))
    };
    assert!(!is_the_same((certificate("a"), &[]), (certificate("b"), &[])));
    let decided = |by: u8| move |facts: &mut Facts| facts.decided_by = Some(Box::new([by; 32]));
    assert!(!is_the_same((decided(1), &[]), (decided(2), &[])));
}

#[test]
fn who_is_known_may_come_from_elsewhere_and_with_another_token() {
    let elsewhere = |facts: &mut Facts| facts.client = "198.51.100.1".parse().unwrap();
    assert!(is_the_same((consumer("a"), &[]), (elsewhere, &[])));
    assert!(is_the_same(
        (claims("login", Some("joe"), "t1"), &[("Authorization", "Bearer t1")]),
        (claims("login", Some("joe"), "t2"), &[("Authorization", "bearer t2")])
    ));
    assert!(is_the_same(
        (consumer("a"), &[("Authorization", "Signature keyId=\"a\", signature=\"1\"")]),
        (consumer("a"), &[("Authorization", "Signature keyId=\"a\", signature=\"2\"")])
    ));
    assert!(is_the_same((nothing, &[("X-API-Key", "x")]), (elsewhere, &[("x-api-key", "x")])));
}

#[test]
fn routes_that_share_the_policy_share_no_keys() {
    let harness = harness("true");
    placed(order(&harness, "x"), "seven");
    let other = harness.with_facts(|facts| {
        let route = maitred_policy::RouteFacts { name: "other".into(), ..Default::default() };
        facts.route = maitred_policy::TableRef::alone(route);
    });
    is_new(&placed(order(&other, "x"), "eight"));
}
