//! What a 304, or the answer to HEAD, makes of what is kept: nobody gets what it says to another.

use super::*;
use crate::transform_request::TransformRequest;

const TAGGED: &[(&str, &str)] = &[("Cache-Control", "max-age=5"), ("ETag", "\"a\"")];

/// An answer that is stale by now.
fn stale() -> Harness {
    let harness = cached("true");
    get(&harness, &[], TAGGED, "body");
    seconds(&harness, 6);
    harness
}

fn not_modified(harness: &Harness, fields: &[(&str, &str)]) -> Outcome {
    let mut answer = vec![("ETag", "\"a\"")];
    answer.extend_from_slice(fields);
    ask(harness, "GET /x", &[], 304, &answer, "")
}

#[test]
fn the_cookie_of_a_304_is_for_the_one_who_asked() {
    let harness = stale();
    let first = not_modified(&harness, &[("Set-Cookie", "session=first"), ("Cache-Control", "max-age=60")]);
    assert_eq!((first.response.status, &first.body[..]), (200, &b"body"[..]));
    assert_eq!(first.field("Set-Cookie").as_deref(), Some("session=first"));
    let second = get(&harness, &[], &[], "");
    assert!(is_hit(&second));
    assert_eq!(second.field("Set-Cookie"), None);
}

#[test]
fn the_cookie_of_a_head_is_for_the_one_who_asked() {
    let harness = stale();
    let cookie = [("Set-Cookie", "session=first"), ("ETag", "\"a\""), ("Cache-Control", "max-age=60")];
    assert!(ask(&harness, "HEAD /x", &[], 200, &cookie, "").field("Set-Cookie").is_some());
    let second = get(&harness, &[], &[], "");
    assert!(is_hit(&second));
    assert_eq!(second.field("Set-Cookie"), None);
}

#[test]
fn what_becomes_private_is_given_to_the_one_who_asked_and_forgotten() {
    for told in [("Cache-Control", "private"), ("Cache-Control", "no-store"), ("Vary", "*")] {
        let harness = stale();
        let first = not_modified(&harness, &[told, ("X-For", "first")]);
        assert_eq!((first.response.status, &first.body[..]), (200, &b"body"[..]), "{told:?}");
        assert_eq!(first.field("X-For").as_deref(), Some("first"));
        let second = get(&harness, &[], FRESH, "anew");
        assert!(second.sent_field("If-None-Match").is_none(), "{told:?}");
        let harness = stale();
        ask(&harness, "HEAD /x", &[], 200, &[told, ("ETag", "\"a\"")], "");
        assert!(get(&harness, &[], FRESH, "anew").sent_field("If-None-Match").is_none(), "{told:?}");
    }
}

#[test]
fn those_who_wait_for_what_becomes_private_ask_themselves() {
    let harness = stale();
    let first = harness.request("GET /x", &[HOST]).begin();
    let mut second = harness.request("GET /x", &[HOST]).begin();
    assert!(!second.is_at_service());
    first.finish_as(304, &[("ETag", "\"a\""), ("Cache-Control", "private")], "");
    assert!(second.is_at_service());
}

#[test]
fn what_a_304_says_that_it_varies_by_counts() {
    let harness = stale();
    not_modified(&harness, &[("Vary", "A"), ("Cache-Control", "max-age=60")]);
    assert!(is_hit(&get(&harness, &[], &[], "")));
    assert!(!is_hit(&get(&harness, &[("A", "1")], FRESH, "one's")));
}

/// What the service chose by was put into the request behind the place where answers are looked for.
#[test]
fn what_varies_by_something_that_the_gateway_says_is_not_kept() {
    let answer = [("Cache-Control", "max-age=60"), ("Vary", "X-Tenant")];
    let harness =
        cached("true").and::<TransformRequest>("{ headers: { set: { X-Tenant: '{header.X-Of:-}' } } }");
    let first = get(&harness, &[("X-Of", "one")], &answer, "one's");
    assert_eq!(first.sent_field("X-Tenant").as_deref(), Some("one"));
    assert!(first.field("Cache-Status").unwrap().contains("detail=vary"));
    assert_eq!(get(&harness, &[("X-Of", "two")], &answer, "two's").body, "two's");
    // What the client said itself, and nobody changed, can be compared.
    let harness = cached("true").and::<TransformRequest>("{ headers: { set: { X-Other: x } } }");
    get(&harness, &[("X-Tenant", "one")], &answer, "one's");
    assert!(is_hit(&get(&harness, &[("X-Tenant", "one")], &[], "")));
}
