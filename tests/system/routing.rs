//! Which route a request takes, and what becomes of its path: the rules of the configuration language, through the program.

use std::net::SocketAddr;

use maitred_tests::{Echo, Gateway, Origin, Wire, curl};

/// The text that answers a request.
fn answered(gateway: &Gateway, method: &str, target: &str, host: &str, fields: &str) -> String {
    let answer =
        gateway.connect().ask(&format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
    if answer.status() == 200 { answer.text() } else { answer.status().to_string() }
}

#[test]
fn paths_by_their_kind() {
    let gateway = Gateway::start(
        "routes:\n  exact: { match: /users/me, respond: exact }\n  param: { match: \"/users/{id}\", respond: \"param {path.id}\" }\n\
         \x20 literal: { match: \"/{kind}/top\", respond: \"kind {path.kind}\" }\n\
         \x20 regex: { match: \"~^/v[0-9]+/(?<id>.+)$\", respond: \"regex {path.id}\" }\n  prefix: { match: /users/*, respond: prefix }\n\
         \x20 longer: { match: /users/all/*, respond: longer }\n  rest: { match: \"/files/{*rest}\", respond: \"rest {path.rest}\" }\n",
    );
    for (path, route) in [
        ("/users/me", "exact"),
        ("/users/7", "param 7"),
        ("/users/me%20", "param me "),
        // A literal beats a parameter, segment by segment.
        ("/users/top", "param top"),
        ("/other/top", "kind other"),
        ("/v12/a/b", "regex a/b"),
        ("/v12/", "404"),
        ("/users", "prefix"),
        ("/users/", "prefix"),
        ("/users/7/orders", "prefix"),
        ("/users/all", "param all"),
        ("/users/all/x", "longer"),
        ("/usersX", "404"),
        ("/Users/me", "404"),
        ("/users/me/", "prefix"),
        ("/files/a/b/c", "rest a/b/c"),
        // Unreserved octets are decoded before matching.
        ("/%75sers/m%65", "exact"),
        ("/users//me", "prefix"),
    ] {
        assert_eq!(answered(&gateway, "GET", path, "test", ""), route, "{path}");
    }
}

#[test]
fn hosts_by_their_kind() {
    let gateway = Gateway::start(
        "routes:\n  exact: { match: api.example.com/a, respond: exact }\n  wild: { match: \"*.example.com/*\", respond: wild }\n\
         \x20 none: { match: /*, respond: none }\n  list: { match: { host: [one.test, two.test] }, respond: list }\n",
    );
    for (host, path, route) in [
        ("api.example.com", "/a", "exact"),
        ("API.Example.com:8080", "/a", "exact"),
        // A host whose routes do not fit falls through.
        ("api.example.com", "/b", "wild"),
        ("a.b.example.com", "/a", "wild"),
        ("example.com", "/a", "none"),
        ("two.test", "/x", "list"),
        ("[::1]:80", "/a", "none"),
    ] {
        assert_eq!(answered(&gateway, "GET", path, host, ""), route, "{host}{path}");
    }
}

#[test]
fn methods_fall_through() {
    let gateway = Gateway::start(
        "routes:\n  read: { match: GET /a, respond: read }\n  write: { match: \"POST,PUT /a\", respond: write }\n\
         \x20 rest: { match: DELETE /*, respond: rest }\n",
    );
    for (method, answer) in [("GET", "read"), ("PUT", "write"), ("DELETE", "rest"), ("PATCH", "405")] {
        assert_eq!(answered(&gateway, method, "/a", "test", ""), answer, "{method}");
    }
    assert_eq!(gateway.curl("/a", &["--head"]).status(), 200);
}

#[test]
fn conditions_beat_fewer_conditions() {
    let gateway = Gateway::start(
        "routes:\n  plain: { match: /a, respond: plain }\n\
         \x20 version: { match: { path: /a, headers: { API-Version: 2.10 } }, respond: version }\n\
         \x20 both: { match: { path: /a, headers: { API-Version: 2.10, X-Preview: true } }, respond: both }\n\
         \x20 agent: { match: { path: /agent, headers: { User-Agent: \"~^curl/\" } }, respond: curl }\n\
         \x20 absent: { match: { path: /agent, headers: { User-Agent: false } }, respond: absent }\n\
         \x20 query: { match: { path: /query, query: { kind: [a, b] } }, respond: query }\n\
         \x20 cookie: { match: { path: /cookie, cookies: { beta: \"1\" } }, respond: cookie }\n\
         \x20 client: { match: { path: /client, client: 127.0.0.2/32 }, respond: client }\n\
         \x20 when: { match: { path: /when, when: 'header[\"X-A\"] == \"b\" && request.method == \"GET\"' }, respond: when }\n\
         \x20 first: { match: /first/*, respond: first, priority: 1 }\n  exact: { match: /first/a, respond: exact }\n",
    );
    for (target, fields, answer) in [
        ("/a", "", "plain"),
        ("/a", "API-Version: 2.1\r\n", "plain"),
        ("/a", "API-Version: 2.10\r\n", "version"),
        ("/a", "api-version: 2.10\r\nX-Preview: \r\n", "both"),
        ("/agent", "User-Agent: curl/8\r\n", "curl"),
        ("/agent", "", "absent"),
        ("/agent", "User-Agent: wget\r\n", "404"),
        ("/query?x=1&kind=b", "", "query"),
        ("/query?kind=c", "", "404"),
        ("/cookie", "Cookie: a=b; beta=1\r\n", "cookie"),
        ("/cookie", "Cookie: beta=2\r\n", "404"),
        ("/client", "", "404"),
        ("/client", "X-Forwarded-For: 127.0.0.2\r\n", "404"),
        ("/when", "X-A: b\r\n", "when"),
        // A missing value in a condition is false.
        ("/when", "", "404"),
        ("/first/a", "", "first"),
    ] {
        assert_eq!(answered(&gateway, "GET", target, "test", fields), answer, "{target} {fields}");
    }
    let address = SocketAddr::from(([127, 0, 0, 1], gateway.port("web")));
    let answer =
        Wire::connect_from([127, 0, 0, 2].into(), address).ask("GET /client HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(answer.text(), "client");
}

#[test]
fn media_types_are_header_fields() {
    let gateway = Gateway::start(
        "routes:\n  json: { match: { path: /a, headers: { Content-Type: \"~^application/json *(;|$)\" } }, respond: json }\n\
         \x20 v2: { match: { path: /b, headers: { Accept: \"~(^|, *)application/vnd\\\\.shop\\\\.v2\\\\+json *([;,]|$)\" } }, respond: v2 }\n\
         \x20 other: { match: /*, respond: other }\n",
    );
    for (target, fields, answer) in [
        ("/a", "Content-Type: application/json\r\n", "json"),
        ("/a", "Content-Type: application/json; charset=utf-8\r\n", "json"),
        ("/a", "Content-Type: application/json-patch+json\r\n", "other"),
        ("/a", "Content-Type: text/plain\r\n", "other"),
        ("/a", "", "other"),
        ("/b", "Accept: text/html, application/vnd.shop.v2+json;q=0.9\r\n", "v2"),
        // Of several fields the first counts.
        ("/b", "Accept: text/html\r\nAccept: application/vnd.shop.v2+json\r\n", "other"),
        ("/b", "Accept: application/vnd.shop.v1+json, */*\r\n", "other"),
    ] {
        assert_eq!(answered(&gateway, "GET", target, "test", fields), answer, "{target} {fields}");
    }
}

#[test]
fn paths_that_could_be_read_in_two_ways() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: \"http://127.0.0.1:PORT_web\", raw: {{ address: \"127.0.0.1:PORT_raw\", paths: raw }} }}\n\
         routes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    for path in [
        "/a/../b",
        "/a/./b",
        "/..",
        "/a/%2e%2E/b",
        "/a%2Fb",
        "/a%5Cb",
        "/a%00b",
        "/a%0ab",
        "/a/%2e",
        "/a%7fb",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(gateway.connect().ask(&request).status(), 400, "{path}");
        let raw = Wire::connect(gateway.port("raw")).ask(&request);
        assert_eq!(Echo::of(&raw).target(), path);
    }
    assert_eq!(Echo::of(&gateway.curl("/a//b/...", &[])).target(), "/a//b/...");
}

#[test]
fn paths_are_changed_on_their_way() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: \"{}\" }}\nroutes:\n\
         \x20 a: {{ match: /api/v1/users/*, upstream: app, strip_prefix: true }}\n\
         \x20 b: {{ match: /api/v2/users/*, upstream: app, strip_prefix: /api/v2 }}\n\
         \x20 c: {{ match: /old/*, upstream: app, strip_prefix: true, add_prefix: /archive }}\n\
         \x20 d: {{ match: \"/items/{{id}}\", upstream: app, rewrite: \"/things/{{path.id}}\" }}\n\
         \x20 e: {{ match: \"/named/{{id}}\", upstream: app, rewrite: \"/things?id={{path.id}}\" }}\n\
         \x20 f: {{ match: \"~^/v(?<version>[0-9]+)/(?<rest>.*)$\", upstream: app, rewrite: \"/{{path.rest}}\" }}\n",
        origin.url()
    ));
    for (target, arrives) in [
        ("/api/v1/users/7?a=b", "/7?a=b"),
        ("/api/v1/users", "/"),
        ("/api/v1/users/", "/"),
        ("/api/v1/users?x", "/?x"),
        ("/api/v2/users/7", "/users/7"),
        ("/old/7", "/archive/7"),
        ("/old", "/archive"),
        ("/items/7?a=b", "/things/7?a=b"),
        ("/items/a%20b", "/things/a%20b"),
        ("/named/7?a=b", "/things?id=7"),
        ("/v3/a/b", "/a/b"),
    ] {
        assert_eq!(Echo::of(&gateway.curl(target, &[])).target(), arrives, "{target}");
    }
    // Services are told where the client came, not where it was sent.
    assert_eq!(gateway.access_to("/items/a%20b").text("route"), "d");
}

#[test]
fn several_listeners() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners:\n  web: http://127.0.0.1:PORT_web\n  internal: {{ address: \"127.0.0.1:PORT_internal\" }}\n  socket: unix:maitred.sock\n\
         \x20 plain: {{ address: \"127.0.0.1:PORT_plain\", redirect: https }}\n\
         \x20 other: {{ address: \"127.0.0.1:PORT_other\", redirect: {{ to: https, port: 8443 }} }}\n\
         routes:\n  ops: {{ match: {{ listener: [internal, socket], path: /ops/* }}, upstream: \"{0}\" }}\n  app: {{ match: /app, upstream: \"{0}\" }}\n",
        origin.url()
    ));
    let url = |listener: &str, path: &str| format!("http://127.0.0.1:{}{path}", gateway.port(listener));
    assert_eq!(Echo::of(&curl(&[url("internal", "/ops/x")])).target(), "/ops/x");
    assert_eq!(curl(&[url("web", "/ops/x")]).status(), 404);
    assert_eq!(curl(&[url("web", "/app")]).status(), 200);
    // A Unix socket beside the document; who comes through it counts as this machine.
    let socket = gateway.folder().join("maitred.sock");
    let echo = Echo::of(&Wire::connect_unix(&socket).ask("GET /ops/y HTTP/1.1\r\nHost: test\r\n\r\n"));
    assert_eq!((echo.target(), echo.field("X-Forwarded-For")), ("/ops/y", Some("127.0.0.1")));
    let answer = curl(&["--unix-socket", socket.to_str().unwrap(), "http://shop.example/ops/z"]);
    assert_eq!(Echo::of(&answer).field("Host"), Some("shop.example"));
    for (listener, location) in
        [("plain", "https://shop.example/app?a=b"), ("other", "https://shop.example:8443/app?a=b")]
    {
        let answer = curl(&["-H", "Host: shop.example:81", &url(listener, "/app?a=b")]);
        assert_eq!((answer.status(), answer.head.field("Location")), (308, Some(location)));
    }
}

#[test]
fn the_file_of_a_beginner() {
    let origin = Origin::start();
    let port = origin.authority().split(':').nth(1).unwrap();
    let gateway = Gateway::start(&format!(
        "routes: {{ app: {{ match: /*, upstream: http://localhost:{port} }} }}     # listens on http://0.0.0.0:8080\n"
    ));
    assert_eq!(Echo::of(&gateway.curl("/", &[])).target(), "/");
}
