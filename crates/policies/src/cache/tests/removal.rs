//! What is removed: by methods that change something, by operators, by other replicas; and what goes on over a reload.

use maitred_http::{Method, RequestHead};
use maitred_policy::{AdminReply, AdminRequest, Fault, Policy as _};
use serde_json::json;

use super::*;

#[test]
fn methods_that_change_something_remove_what_is_kept() {
    let fill = |harness: &Harness| {
        for path in ["/x", "/named", "/other"] {
            ask(harness, &format!("GET {path}"), &[], 200, FRESH, "old");
        }
    };
    let left = |harness: &Harness, path: &str| {
        is_hit(&ask(harness, &format!("GET {path}"), &[], 200, &[("Cache-Control", "no-store")], ""))
    };
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
        let harness = cached("true");
        fill(&harness);
        ask(&harness, &format!("{method} /x"), &[], 500, &[], "");
        assert!(left(&harness, "/x"), "{method}");
        let named = [("Location", "/named"), ("Content-Location", "http://evil.example/other")];
        ask(&harness, &format!("{method} /x"), &[], 201, &named, "");
        assert_eq!(
            ["/x", "/named", "/other"].map(|path| left(&harness, path)),
            [false, false, true],
            "{method}"
        );
    }
    let harness = cached("true");
    fill(&harness);
    ask(&harness, "OPTIONS /x", &[], 200, &[], "");
    assert!(left(&harness, "/x"));
}

/// The service may have done it, whoever says that it failed.
#[test]
fn changes_whose_answer_is_lost_remove_what_is_kept() {
    for fault in [Fault::timeout("upstream_timeout"), Fault::bad_gateway("upstream_closed")] {
        let harness = cached("true");
        get(&harness, &[], FRESH, "old");
        harness.request("POST /x", &[HOST]).fail(fault);
        assert!(!is_hit(&get(&harness, &[], FRESH, "new")));
    }
}

#[test]
fn what_stands_in_for_the_service_is_not_kept() {
    let harness = cached("true");
    get(&harness, &[], &[("X-Degraded", "backup"), ("Cache-Control", "max-age=60")], "backup");
    assert!(!is_hit(&get(&harness, &[], FRESH, "")));
}

#[test]
fn a_304_about_another_edition_is_no_hit() {
    let harness = cached("true");
    get(&harness, &[], &[("Cache-Control", "max-age=0"), ("ETag", "\"a\"")], "a");
    let outcome = ask(&harness, "GET /x", &[], 304, &[("ETag", "\"b\"")], "");
    assert_eq!((outcome.field("X-Cache").as_deref(), &outcome.body[..]), (Some("STALE"), &b"a"[..]));
    assert!(get(&harness, &[], FRESH, "b").sent_field("If-None-Match").is_none());
}

#[test]
fn an_older_answer_does_not_replace_a_newer_one() {
    let harness = cached("true");
    let slow = harness.request("GET /x", &[HOST]).begin();
    seconds(&harness, 1);
    // Who asks on a condition does not wait.
    ask(&harness, "GET /x", &[("If-None-Match", "\"q\"")], 200, FRESH, "newer");
    assert_eq!(slow.finish_as(200, FRESH, "older").body, "older");
    let next = get(&harness, &[], &[], "");
    assert_eq!((is_hit(&next), &next.body[..]), (true, &b"newer"[..]));
}

#[test]
fn what_was_on_its_way_when_it_became_out_of_date_is_not_kept() {
    let harness = cached("true");
    let slow = harness.request("GET /x", &[HOST]).begin();
    ask(&harness, "POST /x", &[], 200, &[], "");
    slow.finish(200);
    assert!(!is_hit(&get(&harness, &[], &[], "")));
}

pub(super) fn admin(harness: &Harness, method: Method, rest: &str, body: &str) -> AdminReply {
    let resource = harness.policy::<Cache>().admin().unwrap();
    assert_eq!(resource.collection(), "caches");
    let moment = harness.beside().moment();
    let request = AdminRequest { method, rest, query: &[], body: body.as_bytes(), moment };
    let mut serving = resource.serve(request);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match serving.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(reply) => reply,
        std::task::Poll::Pending => panic!("memory is at hand"),
    }
}

#[test]
fn operators_remove_by_url_prefix_and_tag() {
    let harness = cached("{ vary: header.A }");
    let tagged = [("Cache-Control", "max-age=60"), ("Surrogate-Key", "one two"), ("Cache-Tag", "three")];
    let fill = || {
        for (path, answer) in [("/a/1", FRESH), ("/a/2", FRESH), ("/b", &tagged)] {
            for value in ["x", "y"] {
                let outcome = ask(&harness, &format!("GET {path}"), &[("A", value)], 200, answer, "");
                assert!(outcome.field("Surrogate-Key").is_none() && outcome.field("Cache-Tag").is_none());
            }
        }
    };
    let purge = |body: &str| {
        fill();
        let reply = admin(&harness, Method::Post, "purge", body);
        assert_eq!(reply.status, 200, "{body} {:?}", reply.json);
        reply.json["purged"].as_u64().unwrap()
    };
    assert_eq!(purge(r#"{"url": "https://SHOP.example:443/a/1"}"#), 2);
    assert_eq!(purge(r#"{"prefix": "https://Shop.example/a/"}"#), 4);
    assert_eq!(purge(r#"{"prefix": "https://shop.example/c"}"#), 0);
    assert_eq!(
        (purge(r#"{"tag": "two"}"#), purge(r#"{"tag": "three"}"#), purge(r#"{"tag": "tw"}"#)),
        (2, 2, 0)
    );
    assert_eq!(purge(r#"{"all": true}"#), 6);
    assert_eq!(measured(&harness, "maitred_cache_keys", None), 0);
    let bad = [
        "",
        "[]",
        "{}",
        r#"{"url": "/a"}"#,
        r#"{"prefix": "/a"}"#,
        r#"{"prefix": ""}"#,
        r#"{"key": "https://shop.example/a/1"}"#,
        r#"{"all": false}"#,
        r#"{"tag": ""}"#,
        r#"{"tag":"a","all":true}"#,
    ];
    for body in bad {
        assert_eq!(admin(&harness, Method::Post, "purge", body).status, 400, "{body}");
    }
    fill();
    let numbers = admin(&harness, Method::Get, "", "");
    assert_eq!((numbers.status, &numbers.json["urls"]), (200, &json!(3)));
    assert_eq!(admin(&harness, Method::Get, "purge", "").status, 405);
    assert_eq!(admin(&harness, Method::Get, "nothing", "").status, 404);
}

#[test]
fn a_prefix_is_read_as_urls_are() {
    let table = [
        ("https://shop.example:443/c/", 2),
        ("https://shop.example/c/%7Euser/", 1),
        ("https://SHOP.example", 2),
        ("https://shop.exam", 0),
    ];
    for (prefix, removed) in table {
        let harness = cached("true");
        for (host, path) in [(HOST.1, "/c/~user/a"), (HOST.1, "/c/b"), ("shop.example.evil", "/c/b")] {
            let line = format!("GET {path}");
            harness.request(&line, &[("Host", host)]).answer_with(200, FRESH, "", &[]);
        }
        let body = json!({ "prefix": prefix }).to_string();
        let reply = admin(&harness, Method::Post, "purge", &body);
        assert_eq!((reply.status, &reply.json["purged"]), (200, &json!(removed)), "{prefix}");
    }
}

#[test]
fn a_purge_concerns_what_it_names_on_its_way_and_nothing_else() {
    let table = [
        (r#"{"prefix": "https://shop.example/x"}"#, false),
        (r#"{"prefix": "https://shop.example/y"}"#, true),
        (r#"{"tag": "t"}"#, false),
        (r#"{"tag": "u"}"#, true),
        (r#"{"all": true}"#, false),
    ];
    for (purge, is_kept) in table {
        let harness = cached("true");
        let slow = harness.request("GET /x", &[HOST]).begin();
        admin(&harness, Method::Post, "purge", purge);
        slow.finish_as(200, &[("Cache-Control", "max-age=60"), ("Cache-Tag", "t")], "");
        assert_eq!(is_hit(&get(&harness, &[], &[], "")), is_kept, "{purge}");
    }
}

#[test]
fn answers_go_on_over_a_reload() {
    let harness = cached("true");
    get(&harness, &[], FRESH, "body");
    let harness = harness.reloaded::<Cache>("{ ttl: 9s, memory: 256MiB }");
    assert!(is_hit(&get(&harness, &[], &[], "")));
    assert!(measured(&harness, "maitred_cache_capacity_bytes", None) == 256 << 20);
}

#[test]
fn the_head_of_a_newer_edition_removes_the_old_one() {
    let harness = cached("true");
    get(&harness, &[], &[("Cache-Control", "max-age=5"), ("ETag", "\"a\"")], "body");
    seconds(&harness, 6);
    ask(&harness, "HEAD /x", &[], 200, &[("ETag", "\"a\""), ("Cache-Control", "max-age=9")], "");
    assert!(is_hit(&get(&harness, &[], &[], "")));
    seconds(&harness, 10);
    ask(&harness, "HEAD /x", &[], 200, &[("ETag", "\"b\"")], "");
    let next = get(&harness, &[], FRESH, "");
    assert!(next.sent_field("If-None-Match").is_none());
    let _: RequestHead = next.sent.unwrap();
}
