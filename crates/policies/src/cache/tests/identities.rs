//! Whose answers others may have, and whose they may not.

use std::rc::Rc;

use maitred_http::ResponseHead;
use maitred_policy::CertificateFacts;
use maitred_policy::harness::Called;
use maitred_policy::identity::ShownToken;
use maitred_policy::{CallError, WholeBody};

use super::*;
use crate::forward_auth::ForwardAuth;

fn named(harness: Harness, name: &str) -> Harness {
    harness.with_facts(|facts| facts.consumer = Some(Arc::new(Consumer::new(name, std::iter::empty()))))
}

fn of_subject(harness: Harness, subject: Option<&str>) -> Harness {
    let claims = Claims { issuer: "idp".into(), subject: subject.map(Into::into), ..Claims::default() };
    harness.with_facts(|facts| facts.claims = Some(Rc::new(claims)))
}

/// RFC 9111 section 3.5.
#[test]
fn requests_with_authorization_share_only_what_is_for_all() {
    for (control, is_shared) in [
        ("max-age=60", false),
        ("max-age=60, must-revalidate", true),
        ("s-maxage=60", true),
        ("public, max-age=60", true),
    ] {
        let harness = cached("true");
        let answer = [("Cache-Control", control)];
        get(&harness, &[("Authorization", "a")], &answer, "a");
        assert_eq!(is_hit(&get(&harness, &[("Authorization", "b")], &answer, "b")), is_shared, "{control}");
        // Nor do they get what others were given without.
        get(&harness, &[], &answer, "nobody");
        assert_eq!(is_hit(&get(&harness, &[("Authorization", "b")], &answer, "b")), is_shared, "{control}");
    }
}

#[test]
fn each_has_its_own_where_authorization_tells_them_apart() {
    let harness = cached("{ vary: header.Authorization }");
    get(&harness, &[("Authorization", "a")], FRESH, "a");
    get(&harness, &[("Authorization", "b")], FRESH, "b");
    get(&harness, &[], FRESH, "nobody");
    for (fields, body) in
        [(&[("Authorization", "a")][..], "a"), (&[("Authorization", "b")], "b"), (&[], "nobody")]
    {
        let outcome = get(&harness, fields, &[], "");
        assert!(is_hit(&outcome));
        assert_eq!(outcome.body, body);
    }
}

#[test]
fn consumers_share_nothing_that_is_not_public() {
    let harness = named(cached("true"), "acme");
    get(&harness, &[], FRESH, "acme's");
    let harness = named(harness, "other");
    assert!(!is_hit(&get(&harness, &[], &[("Cache-Control", "public, max-age=60")], "all's")));
    assert_eq!(get(&named(harness, "acme"), &[], &[], "").body, "all's");
}

#[test]
fn each_consumer_has_its_own_where_the_key_names_it() {
    for yaml in ["{ vary: consumer.name }", "{ vary: [header.Authorization] }"] {
        let harness = named(cached(yaml), "acme");
        get(&harness, &[], FRESH, "acme's");
        let harness = named(harness, "other");
        assert!(!is_hit(&get(&harness, &[], FRESH, "other's")), "{yaml}");
        let harness = named(harness, "acme");
        assert_eq!(get(&harness, &[], &[], "").body, "acme's");
    }
}

#[test]
fn who_has_no_name_is_not_told_apart_by_it() {
    let harness = of_subject(cached("{ vary: claim.sub }"), Some("joe"));
    get(&harness, &[], FRESH, "joe's");
    assert!(is_hit(&get(&harness, &[], &[], "")));
    let harness = of_subject(harness, Some("ann"));
    assert!(!is_hit(&get(&harness, &[], FRESH, "ann's")));
    let harness = of_subject(harness, None);
    get(&harness, &[], FRESH, "somebody's");
    assert!(!is_hit(&get(&harness, &[], FRESH, "")));
}

#[test]
fn what_services_decided_by_tells_requests_apart() {
    let harness = cached("true").with_facts(|facts| facts.decided_by = Some(Box::new([1; 32])));
    get(&harness, &[], FRESH, "one");
    let harness = harness.with_facts(|facts| facts.decided_by = Some(Box::new([2; 32])));
    assert!(!is_hit(&get(&harness, &[], FRESH, "two")));
}

#[test]
fn cookies_have_what_the_service_says_is_cacheable_and_no_more() {
    let cookie = [("Cookie", "session=1")];
    let harness = cached("true");
    get(&harness, &cookie, &[], "mine");
    assert!(!is_hit(&get(&harness, &[], &[], "nobody's")));
    assert!(!is_hit(&get(&harness, &cookie, &[], "mine")));
    assert!(!is_hit(&ask(&harness, "GET /c", &[], 200, &[("Set-Cookie", "a=b")], "")));
    assert!(!is_hit(&ask(&harness, "GET /c", &[], 200, FRESH, "")));
    assert!(is_hit(&ask(&harness, "GET /c", &cookie, 200, &[], "")));
    let harness = cached("{ vary: cookie.session }");
    get(&harness, &cookie, &[], "mine");
    assert!(is_hit(&get(&harness, &cookie, &[], "")));
    assert!(!is_hit(&get(&harness, &[("Cookie", "session=2")], &[], "")));
    assert!(!is_hit(&get(&harness, &[], &[], "")));
}

#[test]
fn a_value_that_is_missing_is_not_one_that_is_empty() {
    let harness = cached("{ vary: [header.A, header.B] }");
    get(&harness, &[("A", "x"), ("B", "")], FRESH, "body");
    for fields in [&[("A", "x")][..], &[("A", ""), ("B", "x")], &[("A", "x\u{1}")], &[("B", "")]] {
        assert!(!is_hit(&get(&harness, fields, &[("Cache-Control", "no-store")], "")), "{fields:?}");
    }
    assert!(is_hit(&get(&harness, &[("A", "x"), ("B", "")], &[], "")));
}

fn with_certificate(harness: Harness, fingerprint: Option<&str>) -> Harness {
    let certificate = fingerprint.map(|fingerprint| {
        Rc::new(CertificateFacts { fingerprint: fingerprint.into(), ..CertificateFacts::default() })
    });
    harness.with_facts(|facts| facts.certificate = certificate)
}

#[test]
fn who_shows_a_certificate_is_somebody() {
    let harness = with_certificate(cached("true"), Some("alice"));
    get(&harness, &[], FRESH, "alice's");
    let harness = with_certificate(harness, Some("bob"));
    assert!(!is_hit(&get(&harness, &[], FRESH, "bob's")));
    assert!(!is_hit(&get(&with_certificate(harness, None), &[], FRESH, "nobody's")));
    let public = [("Cache-Control", "public, max-age=60")];
    let harness = with_certificate(cached("true"), Some("alice"));
    get(&harness, &[], &public, "all's");
    assert!(is_hit(&get(&with_certificate(harness, Some("bob")), &[], &[], "")));
    for vary in ["consumer.name", "client.certificate"] {
        let harness = with_certificate(cached(&format!("{{ vary: {vary} }}")), Some("alice"));
        get(&harness, &[], FRESH, "alice's");
        let harness = with_certificate(harness, Some("bob"));
        assert!(!is_hit(&get(&harness, &[], FRESH, "bob's")), "{vary}");
        assert_eq!(get(&with_certificate(harness, Some("alice")), &[], &[], "").body, "alice's", "{vary}");
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the harness asks for it")]
fn passes(_: &Called) -> Option<Result<(ResponseHead, WholeBody), CallError>> {
    Some(Ok((ResponseHead { status: 200, ..ResponseHead::default() }, WholeBody::default())))
}

/// A service that decides may know clients by a field of their own.
#[test]
fn whom_a_service_knows_by_something_else_is_somebody() {
    let alice = [("X-Token", "alice")];
    let bob = [("X-Token", "bob")];
    let harness = cached("true").and::<ForwardAuth>("http://auth").answering(passes);
    get(&harness, &alice, FRESH, "alice's");
    assert!(!is_hit(&get(&harness, &bob, FRESH, "bob's")));
    let public = [("Cache-Control", "public, max-age=60")];
    assert!(!is_hit(&get(&harness, &alice, &public, "all's")));
    assert!(is_hit(&get(&harness, &bob, &[], "")));
    // What it was sent by name is part of the key.
    let harness =
        cached("true").and::<ForwardAuth>("{ upstream: http://auth, send: X-Token }").answering(passes);
    get(&harness, &alice, FRESH, "alice's");
    assert!(!is_hit(&get(&harness, &bob, FRESH, "bob's")));
    assert_eq!(get(&harness, &alice, &[], "").body, "alice's");
}

#[test]
fn the_token_by_which_somebody_was_found_is_told_apart_by_the_name() {
    let bearer = |harness: Harness, subject, token: &str| {
        let token = ShownToken::new(token);
        of_subject(harness, Some(subject)).with_facts(|facts| facts.token = Some(token))
    };
    let shows = |token: &'static str| [("Authorization", token)];
    let harness = bearer(cached("{ vary: claim.sub }"), "joe", "t1");
    get(&harness, &shows("Bearer t1"), FRESH, "joe's");
    assert!(is_hit(&get(&harness, &shows("bearer  t1"), &[], "")));
    // What was found by something else says more than the name.
    assert!(!is_hit(&get(&harness, &shows("Bearer t2"), FRESH, "")));
    let harness = bearer(harness, "joe", "t3");
    assert_eq!(get(&harness, &shows("Bearer t3"), &[], "").body, "joe's");
    assert!(!is_hit(&get(&bearer(harness, "ann", "t4"), &shows("Bearer t4"), FRESH, "ann's")));
}

#[test]
fn what_somebody_may_do_tells_answers_apart_where_the_name_does() {
    let scoped = |harness: Harness, scope: &str| {
        let mut claims = Claims { issuer: "idp".into(), subject: Some("joe".into()), ..Claims::default() };
        claims.scopes = [scope.into()].into();
        harness.with_facts(|facts| facts.claims = Some(Rc::new(claims)))
    };
    let harness = scoped(cached("{ vary: claim.sub }"), "admin");
    get(&harness, &[], FRESH, "with secrets");
    assert!(!is_hit(&get(&scoped(harness, "read"), &[], FRESH, "without")));
}

/// Services make URLs of what a trusted proxy says.
#[test]
fn what_trusted_proxies_say_of_the_place_tells_answers_apart() {
    let trusted = || cached("true").with_facts(|facts| facts.peer_is_trusted = true);
    for (name, one, other) in [
        ("X-Forwarded-Host", "a.example", "b.example"),
        ("x-forwarded-prefix", "/a", "/b"),
        ("Forwarded", "for=192.0.2.1;Host=a.example", "for=192.0.2.1;host=b.example"),
    ] {
        let harness = trusted();
        get(&harness, &[(name, one)], FRESH, "one's");
        assert!(!is_hit(&get(&harness, &[(name, other)], FRESH, "other's")), "{name}");
        assert!(!is_hit(&get(&harness, &[], FRESH, "nobody's")), "{name}");
        assert_eq!(get(&harness, &[(name, one)], &[], "").body, "one's", "{name}");
    }
    let harness = trusted();
    get(&harness, &[("X-Forwarded-For", "192.0.2.1")], FRESH, "all's");
    assert!(is_hit(&get(&harness, &[("X-Forwarded-For", "192.0.2.2")], &[], "")));
    // What others say there reaches no service.
    let harness = cached("true");
    get(&harness, &[("X-Forwarded-Host", "a.example")], FRESH, "all's");
    assert!(is_hit(&get(&harness, &[("X-Forwarded-Host", "b.example")], &[], "")));
}

#[test]
fn what_may_be_for_another_url_or_method_is_not_for_the_cache() {
    for name in
        ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"]
    {
        let outcome = get(&cached("true"), &[(name, "x")], FRESH, "");
        assert_eq!(outcome.field("X-Cache").as_deref(), Some("BYPASS"), "{name}");
    }
}

#[test]
fn a_reload_that_tells_answers_apart_by_something_else_begins_anew() {
    let harness = cached("{ vary: header.A }");
    get(&harness, &[("A", "x"), ("B", "y")], FRESH, "by a");
    let harness = harness.reloaded::<Cache>("{ vary: header.B }");
    assert!(!is_hit(&get(&harness, &[("A", "y"), ("B", "x")], FRESH, "by b")));
    let harness = harness.reloaded::<Cache>("{ vary: header.B, query: false }");
    assert!(!is_hit(&ask(&harness, "GET /x?a=1", &[("B", "x")], 200, FRESH, "of one")));
    let harness = harness.reloaded::<Cache>("{ vary: header.B }");
    assert_ne!(get(&harness, &[("B", "x")], FRESH, "of none").body, "of one");
}
