//! Answers from memory: what they are made of, and when the service is asked.

use super::*;

#[test]
fn the_second_is_answered_from_memory() {
    let harness = cached("true");
    let first = get(&harness, &[], &[("Cache-Control", "max-age=60"), ("A", "1")], "body");
    assert_eq!(first.field("X-Cache").as_deref(), Some("MISS"));
    assert_eq!(first.field("Cache-Status").as_deref(), Some("maitred; fwd=uri-miss; ttl=60; stored"));
    seconds(&harness, 7);
    let second = get(&harness, &[], &[], "other");
    assert!(is_hit(&second) && matches!(second.answered, Answered::Policy));
    assert_eq!((&second.body[..], second.field("A").as_deref()), (&b"body"[..], Some("1")));
    assert_eq!(second.field("Age").as_deref(), Some("7"));
    assert_eq!(second.field("Cache-Status").as_deref(), Some("maitred; hit; ttl=53"));
    seconds(&harness, 53);
    assert!(!is_hit(&get(&harness, &[], FRESH, "new")));
    assert_eq!(get(&harness, &[], &[], "").body, "new");
    let count = |result| measured(&harness, "maitred_cache_requests_total", Some(result));
    assert_eq!((count("hit"), count("miss")), (2, 2));
    assert!(measured(&harness, "maitred_cache_bytes", None) > 0);
}

#[test]
fn what_says_nothing_is_fresh_for_the_configured_time() {
    let harness = cached("10s");
    get(&harness, &[], &[], "body");
    seconds(&harness, 9);
    assert!(is_hit(&get(&harness, &[], &[], "")));
    seconds(&harness, 1);
    assert!(!is_hit(&get(&harness, &[], &[], "")));
    let harness = cached("{ ttl: false }");
    get(&harness, &[], &[], "body");
    assert!(!is_hit(&get(&harness, &[], &[], "")));
    let harness = cached("{ negative_ttl: 5s }");
    ask(&harness, "GET /gone", &[], 404, &[], "");
    assert!(is_hit(&ask(&harness, "GET /gone", &[], 404, &[], "")));
    ask(&harness, "GET /bad", &[], 503, &[], "");
    assert!(!is_hit(&ask(&harness, "GET /bad", &[], 503, &[], "")));
}

#[test]
fn keys_are_method_scheme_host_path_query_and_route() {
    let harness = cached("true");
    get(&harness, &[], FRESH, "body");
    let miss = |line: &str, host: &str| {
        let outcome = harness.request(line, &[("Host", host)]).answer(200, &[("Cache-Control", "no-store")]);
        outcome.sent.is_some()
    };
    assert!(
        miss("GET /x?", "shop.example") && miss("GET /X", "shop.example") && miss("GET /x/", "shop.example")
    );
    assert!(miss("GET /x", "evil.example") && miss("GET /x", "shop.example:8443"));
    assert!(!miss("GET /x", "SHOP.example:443") && !miss("HEAD /x", "shop.example"));
    let harness = harness.with_facts(|facts| facts.scheme = maitred_http::Scheme::Http);
    assert!(harness.request("GET /x", &[HOST]).answer(200, &[]).sent.is_some());
}

#[test]
fn queries_count_as_configured() {
    let of = |yaml: &str, target: &str| {
        let harness = cached(yaml);
        ask(&harness, "GET /x?page=1&utm=2", &[], 200, FRESH, "body");
        is_hit(&ask(&harness, &format!("GET {target}"), &[], 200, FRESH, ""))
    };
    assert!(!of("true", "/x?page=1&utm=3") && of("true", "/x?page=1&utm=2"));
    assert!(of("{ query: page }", "/x?page=1&utm=3") && !of("{ query: page }", "/x?page=2&utm=2"));
    assert!(of("{ query: false }", "/x"));
}

#[test]
fn heads_and_parts_come_from_the_whole() {
    let harness = cached("true");
    get(&harness, &[], &[("Cache-Control", "max-age=60"), ("ETag", "\"a\"")], "0123456789");
    let part = get(&harness, &[("Range", "bytes=2-4")], &[], "");
    assert_eq!((part.response.status, &part.body[..]), (206, &b"234"[..]));
    assert_eq!(part.field("Content-Range").as_deref(), Some("bytes 2-4/10"));
    assert_eq!(get(&harness, &[("Range", "bytes=20-")], &[], "").response.status, 416);
    assert_eq!(get(&harness, &[("If-None-Match", "\"a\"")], &[], "").response.status, 304);
    assert!(is_hit(&ask(&harness, "HEAD /x", &[], 200, &[], "")));
}

#[test]
fn a_stale_one_is_asked_for_with_what_the_service_gave() {
    let harness = cached("true");
    let validators = [("Cache-Control", "max-age=5"), ("ETag", "\"a\""), ("A", "1")];
    get(&harness, &[], &validators, "body");
    seconds(&harness, 6);
    let again = ask(
        &harness,
        "GET /x",
        &[],
        304,
        &[("ETag", "\"a\""), ("Cache-Control", "max-age=9"), ("A", "2")],
        "",
    );
    assert_eq!(again.sent_field("If-None-Match").as_deref(), Some("\"a\""));
    assert_eq!((again.response.status, &again.body[..]), (200, &b"body"[..]));
    assert_eq!(again.field("X-Cache").as_deref(), Some("HIT"));
    assert_eq!(again.field("Cache-Status").as_deref(), Some("maitred; fwd=stale; fwd-status=304; ttl=9"));
    assert_eq!((again.field("A").as_deref(), again.field("Age").as_deref()), (Some("2"), Some("0")));
    seconds(&harness, 8);
    assert!(is_hit(&get(&harness, &[], &[], "")));
    // The client's own condition is compared with what is kept then.
    seconds(&harness, 2);
    let has_other = [("If-None-Match", "\"b\""), ("Range", "bytes=0-1")];
    let again = ask(&harness, "GET /x", &has_other, 304, &[("ETag", "\"a\"")], "");
    assert_eq!((again.response.status, &again.body[..]), (206, &b"bo"[..]));
    assert_eq!(again.sent_field("If-None-Match").as_deref(), Some("\"a\""));
    assert!(again.sent_field("Range").is_none());
    seconds(&harness, 20);
    let again = ask(&harness, "GET /x", &[("If-None-Match", "\"a\"")], 304, &[], "");
    assert_eq!(again.response.status, 304);
    seconds(&harness, 20);
    assert_eq!(get(&harness, &[], &[("ETag", "\"c\""), ("Cache-Control", "max-age=9")], "new").body, "new");
    assert_eq!(get(&harness, &[], &[], "").body, "new");
}

#[test]
fn what_is_not_for_the_cache_passes_by() {
    let harness = cached("{ when: 'request.path == \"/x\"', bypass: '\"X-Preview\" in header' }");
    get(&harness, &[], FRESH, "body");
    let passes: [(&str, &[(&str, &str)]); 5] = [
        ("GET /x", &[("X-Preview", "1")]),
        ("GET /x", &[("If-Match", "\"a\"")]),
        ("GET /x", &[("Cache-Control", "no-store")]),
        ("GET /y", &[]),
        ("OPTIONS /x", &[]),
    ];
    for (line, fields) in passes {
        let outcome = ask(&harness, line, fields, 200, FRESH, "passed");
        assert_eq!(outcome.field("X-Cache").as_deref(), Some("BYPASS"), "{line} {fields:?}");
        assert!(outcome.sent.is_some());
    }
    assert_eq!(get(&harness, &[], &[], "").body, "body");
    let harness = harness.with_facts(|facts| facts.has_body = true);
    assert_eq!(get(&harness, &[], FRESH, "passed").field("X-Cache").as_deref(), Some("BYPASS"));
}

#[test]
fn clients_may_ask_for_newer_ones_unless_they_are_ignored() {
    for (yaml, is_honoured) in [("true", true), ("{ client_control: ignore }", false)] {
        let harness = cached(yaml);
        get(&harness, &[], FRESH, "body");
        seconds(&harness, 2);
        for asked in ["no-cache", "max-age=1", "min-fresh=60"] {
            let outcome = get(&harness, &[("Cache-Control", asked)], &[("Cache-Control", "no-store")], "new");
            assert_eq!(outcome.sent.is_some(), is_honoured, "{asked}");
        }
        let asked = [("Cache-Control", "only-if-cached")];
        let outcome = ask(&harness, "GET /other", &asked, 200, &[("Cache-Control", "no-store")], "");
        assert_eq!(outcome.response.status, if is_honoured { 504 } else { 200 });
        assert_eq!(get(&harness, &[], &[], "").body, "body");
    }
}

#[test]
fn a_failing_service_is_stood_in_for() {
    let harness = cached("{ ttl: 5s, stale_if_error: 60s }");
    get(&harness, &[], &[], "body");
    seconds(&harness, 6);
    let outcome = ask(&harness, "GET /x", &[], 503, &[], "oops");
    assert_eq!((outcome.response.status, &outcome.body[..]), (200, &b"body"[..]));
    assert_eq!(outcome.field("X-Cache").as_deref(), Some("STALE"));
    let outcome =
        harness.request("GET /x", &[HOST]).fail(maitred_policy::Fault::bad_gateway("upstream_connect"));
    assert_eq!((outcome.response.status, &outcome.body[..]), (200, &b"body"[..]));
    assert_eq!(ask(&harness, "GET /x", &[], 404, &[], "").response.status, 404);
    seconds(&harness, 60);
    assert_eq!(ask(&harness, "GET /x", &[], 503, &[], "").response.status, 503);
}

#[test]
fn a_stale_one_answers_while_it_is_asked_for_anew() {
    let harness = cached("{ ttl: 5s, stale_while_revalidate: 60s }");
    get(&harness, &[], &[], "body");
    seconds(&harness, 6);
    for _ in 0..3 {
        let outcome = get(&harness, &[("Range", "bytes=0-1"), ("Cache-Control", "max-age=100")], &[], "");
        assert!(outcome.sent.is_none());
        assert_eq!(outcome.field("X-Cache").as_deref(), Some("STALE"));
    }
    let mut refreshes = harness.refreshes();
    assert_eq!(refreshes.len(), 1);
    let refresh = refreshes.remove(0);
    let done = harness.refresh(refresh.clone()).answer_with(200, &[], "new", &[]);
    assert!(done.sent.as_ref().is_some_and(|sent| !sent.fields.has(maitred_http::Known::Range)));
    assert_eq!(get(&harness, &[], &[], "").body, "new");
    // One that comes too late finds it fresh.
    assert!(harness.refresh(refresh).answer(200, &[]).sent.is_none());
    let harness = cached("{ ttl: 5s, stale_while_revalidate: 60s }").without_refreshes();
    get(&harness, &[], &[], "body");
    seconds(&harness, 6);
    assert!(get(&harness, &[], &[], "").sent.is_some());
}

#[test]
fn only_whole_bodies_of_some_size_are_kept() {
    let harness = cached("{ memory: 64KiB, max_body: 1KiB }");
    let large = "x".repeat(1025);
    get(&harness, &[], FRESH, &large);
    assert!(!is_hit(&get(
        &harness,
        &[],
        &[("Cache-Control", "max-age=60"), ("Content-Length", "1025")],
        &large
    )));
    assert!(!is_hit(&get(&harness, &[], FRESH, &large[..1024])));
    assert!(is_hit(&get(&harness, &[], &[], "")));
    harness.request("GET /t", &[HOST]).answer_with(200, FRESH, "x", &[("T", "1")]);
    assert!(!is_hit(&ask(&harness, "GET /t", &[], 200, &[("Cache-Control", "no-store")], "")));
    // The gateway's own answers are none of a service.
    harness.request("GET /f", &[HOST]).fail(maitred_policy::Fault::unavailable("circuit_open"));
    assert_eq!(measured(&harness, "maitred_cache_stored_total", None), 1);
}

#[test]
fn a_policy_that_renders_does_so_each_time() {
    use crate::transform_response::TransformResponse;
    let harness =
        cached("true").and::<TransformResponse>("{ headers: { set: { X-From: '{header.X-Who:-nobody}' } } }");
    let first = get(&harness, &[("X-Who", "a")], FRESH, "body");
    let second = get(&harness, &[("X-Who", "b")], &[], "");
    assert!(is_hit(&second));
    assert_eq!((first.field("X-From").as_deref(), second.field("X-From").as_deref()), (Some("a"), Some("b")));
}

/// Some clients offer HTTP/2 in the clear with each request.
#[test]
fn an_offer_of_h2c_is_no_upgrade() {
    let harness = cached("true");
    get(&harness, &[], FRESH, "");
    assert!(is_hit(&get(&harness, &[("Upgrade", "h2c"), ("Connection", "Upgrade")], &[], "")));
    assert!(!is_hit(&get(&harness, &[("Upgrade", "h2c, websocket")], &[], "")));
}
