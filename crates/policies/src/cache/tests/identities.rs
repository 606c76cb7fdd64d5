//! Whose answers others may have, and whose they may not.

use std::rc::Rc;

use super::*;

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
