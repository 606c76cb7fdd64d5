//! Answers that the gateway makes itself: problem+json word for word, and what may stand in its place.

use maitred_tests::{Answer, Gateway, Origin};
use serde_json::json;

/// The whole body: the fixed texts, and the id of the request.
fn is_problem(answer: &Answer, status: u16, title: &str, detail: &str) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
    let mut problem = answer.json();
    let id = problem.as_object_mut().unwrap().remove("request_id").unwrap_or_default();
    assert_eq!(problem, json!({ "type": "about:blank", "title": title, "status": status, "detail": detail }));
    assert_eq!(id.as_str().map(str::len), Some(36), "{id}");
}

#[test]
fn nothing_matches() {
    let gateway = Gateway::start(
        "routes: { a: { match: \"GET,PUT /a\", respond: A }, b: { match: POST /a, respond: B } }\n",
    );
    is_problem(&gateway.curl("/none", &[]), 404, "Not Found", "Route not found");
    let answer = gateway.curl("/a", &["-X", "DELETE"]);
    is_problem(&answer, 405, "Method Not Allowed", "Method not allowed");
    let mut allowed: Vec<&str> = answer.head.field("Allow").unwrap().split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST", "PUT"]);
    let answer = gateway.curl("/none", &["--head"]);
    assert_eq!((answer.status(), answer.body.len()), (404, 0));
    assert!(answer.head.has("Content-Length"));
    let access = gateway.access(1, |access| access.text("status") == "405").remove(0);
    assert_eq!(
        (access.text("route").as_str(), access.text("outcome").as_str()),
        ("unmatched", "method_not_allowed")
    );
}

#[test]
fn the_server_as_a_whole_is_there() {
    let gateway = Gateway::start("routes: { a: { match: /a, respond: A } }\n");
    let answer = gateway.connect().ask("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!([200, 204].contains(&answer.status()), "{}", answer.text());
}

#[test]
fn errors_may_look_otherwise() {
    let gateway = Gateway::start(
        "errors: { json: { code: \"{error.status}\", message: \"{error.detail}\", id: \"{request.id}\" } }\n\
         routes:\n  a: { match: GET /a, respond: A }\n\
         \x20 usual: { match: GET /usual, upstream: \"http://127.0.0.1:1\", errors: false }\n\
         \x20 own: { match: GET /own, upstream: \"http://127.0.0.1:1\", errors: { json: { fault: { title: \"{error.title}\" } } } }\n",
    );
    let answer = gateway.curl("/none", &[]);
    assert_eq!(answer.head.field("Content-Type"), Some("application/json"));
    let id = answer.json()["id"].clone();
    assert_eq!(answer.json(), json!({ "code": 404, "message": "Route not found", "id": id }));
    assert_eq!(id.as_str().map(str::len), Some(36));
    is_problem(&gateway.curl("/usual", &[]), 502, "Bad Gateway", "Bad gateway");
    assert_eq!(gateway.curl("/own", &[]).json(), json!({ "fault": { "title": "Bad Gateway" } }));
    // A 405 keeps its Allow.
    assert!(gateway.curl("/a", &["-X", "POST"]).head.has("Allow"));
}

#[test]
fn what_changes_answers_takes_nothing_away_of_what_the_gateway_says() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "policies: {{ request_id: true, cors: {{ origins: [\"https://shop.example\"] }} }}\n\
         routes:\n  as_is: {{ match: /as_is, upstream: \"{0}\" }}\n  less: {{ match: /less, upstream: \"{0}\", policies: {{ transform_response: {1} }} }}\n\
         \x20 own: {{ match: /own, respond: OK, policies: {{ transform_response: {1} }} }}\n",
        origin.url(),
        "{ headers: { remove: [X-Request-Id], rename: { Access-Control-Allow-Origin: X-Allowed } } }"
    ));
    for path in ["/as_is", "/less", "/own"] {
        let answer = gateway.curl(path, &["-H", "Origin: https://shop.example"]);
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.head.has("X-Request-Id") && answer.head.has("Access-Control-Allow-Origin"), "{path}");
        assert!(!answer.head.has("X-Allowed"), "{path}");
    }
}

#[test]
fn cors_is_on_every_answer() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "policies: {{ cors: {{ origins: [\"https://shop.example\"] }} }}\n\
         routes:\n  app: {{ match: GET /app, upstream: \"{}\" }}\n  down: {{ match: /down, upstream: \"http://127.0.0.1:1\" }}\n\
         \x20 own: {{ match: /own, respond: OK }}\n  none: {{ match: /without, respond: OK, policies: false }}\n",
        origin.url()
    ));
    for (path, method, status) in [
        ("/app", "GET", 200),
        ("/app", "POST", 405),
        ("/down", "GET", 502),
        ("/own", "GET", 200),
        ("/nowhere", "GET", 404),
    ] {
        let answer = gateway.curl(path, &["-X", method, "-H", "Origin: https://shop.example"]);
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.head.field("Access-Control-Allow-Origin"), Some("https://shop.example"), "{path}");
        let foreign = gateway.curl(path, &["-X", method, "-H", "Origin: https://evil.example"]);
        assert!(!foreign.head.has("Access-Control-Allow-Origin"), "{path}");
    }
    let answer = gateway.curl("/without", &["-H", "Origin: https://shop.example"]);
    assert!(!answer.head.has("Access-Control-Allow-Origin"));
    // A preflight is routed by the method that it asks about, and does not reach the service.
    let preflight =
        ["-X", "OPTIONS", "-H", "Origin: https://shop.example", "-H", "Access-Control-Request-Method: GET"];
    let answer = gateway.curl("/app", &preflight);
    assert!([200, 204].contains(&answer.status()), "{}", answer.status());
    assert_eq!(answer.head.field("Access-Control-Allow-Origin"), Some("https://shop.example"));
}

#[test]
fn fixed_answers() {
    let gateway = Gateway::start(
        "routes:\n  ok: { match: /ok, respond: OK, access_log: false }\n\
         \x20 tea: { match: \"/tea/{kind}\", respond: { status: 418, json: { kind: \"{path.kind}\", retry: false }, headers: { X-Tea: \"{query.leaf:-none}\" } } }\n",
    );
    let answer = gateway.curl("/ok", &[]);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "OK"));
    assert!(answer.head.field("Content-Type").unwrap().starts_with("text/plain"));
    let answer = gateway.curl("/tea/green?leaf=x", &[]);
    assert_eq!((answer.status(), answer.head.field("X-Tea")), (418, Some("x")));
    assert_eq!(answer.json(), json!({ "kind": "green", "retry": false }));
    assert_eq!(gateway.curl("/tea/black", &[]).head.field("X-Tea"), Some("none"));
    let lines = gateway.access(2, |_| true);
    assert!(lines.iter().all(|access| access.text("path").starts_with("/tea/")));
    // A body that nobody reads is in the way of the next request.
    let mut wire = gateway.connect();
    let answer = wire.ask("POST /ok HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
    assert_eq!((answer.status(), answer.head.field("Connection")), (200, Some("close")));
    // One that is there already is not.
    let mut wire = gateway.connect();
    for _ in 0..3 {
        let answer = wire.ask("POST /ok HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!((answer.status(), answer.head.has("Connection")), (200, false));
    }
}

#[test]
fn redirects() {
    let gateway = Gateway::start(
        "routes:\n  old: { match: /old/*, redirect: { to: /new, status: 308 } }\n\
         \x20 moved: { match: /moved, redirect: https://www.example.com/ }\n\
         \x20 from: { match: /from, redirect: { to: \"/to?path={request.path}\", status: 301 } }\n",
    );
    for (path, status, location) in [
        ("/old/a?b=c", 308, "/new?b=c"),
        ("/moved", 302, "https://www.example.com/"),
        ("/from?x", 301, "/to?path=%2Ffrom"),
    ] {
        let answer = gateway.curl(path, &[]);
        assert_eq!((answer.status(), answer.head.field("Location")), (status, Some(location)), "{path}");
    }
    // What a client sends cannot break out of the field.
    let answer = gateway.curl("/old/a?b=%0d%0aX-Evil:1", &[]);
    assert_eq!(answer.head.field("Location"), Some("/new?b=%0d%0aX-Evil:1"));
}
