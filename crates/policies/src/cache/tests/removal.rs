//! What is removed: by methods that change something, by operators, by other replicas; and what goes on over a reload.

use maitred_http::{Method, RequestHead};
use maitred_policy::{AdminReply, AdminRequest, Policy as _};
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
