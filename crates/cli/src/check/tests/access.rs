//! What is warned of between routes and policies, and what is not: who would be warned of what most gateways have reads none of it.

use super::check_text;

/// A consumer with a key, two services, and these routes.
fn warned(more: &str) -> String {
    let told = check_text(
        &format!(
            "maitred: 1
consumers: {{ acme: {{ groups: staff, api_keys: \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\" }} }}
upstreams: {{ web: http://localhost:3001, other: http://localhost:3002 }}
{more}"
        ),
        false,
        false,
    );
    told.err.replace(" not used", "")
}

fn lines(warned: &str) -> Vec<&str> {
    let wanted = warned.lines().filter_map(|line| line.strip_prefix("warning: "));
    wanted.filter(|line| !line.contains("nothing uses")).collect()
}

const ASKS: &str = "policies: { api_key: true }";

/// Routes that go around `admin`, and the request that does.
#[test]
fn ways_around_a_route_that_asks_are_told() {
    for (admin, open, request) in [
        ("match: GET /admin/*", "match: POST /admin/*", "POST /admin"),
        ("match: GET /admin/*", "match: /*", "POST /admin"),
        ("match: 'GET,POST /admin/*'", "match: DELETE /admin/*", "DELETE /admin"),
        ("match: shop.example/admin/*", "match: /*", "GET /admin"),
        ("match: { path: /admin/*, headers: { X-Internal: '1' } }", "match: /admin/*", "GET /admin"),
        ("match: { path: /admin/*, when: 'header[\"X-A\"] == \"1\"' }", "match: /*", "GET /admin"),
        ("match: /admin", "match: /*", "GET /admin/"),
        ("match: /admin/", "match: /*", "GET /admin"),
        ("match: '/users/{id}'", "match: /users/*", "GET /users/anything/"),
        ("match: /admin/*", "match: '~^/a.*$'", "GET /admin"),
        ("match: /admin/*", "match: /*, priority: 1", "GET /admin"),
        ("match: /admin/*", "match: /public/*, strip_prefix: true", "GET /public/admin"),
        ("match: /v1/*", "match: /public/v1/*, strip_prefix: /public", "GET /public/v1"),
        ("match: /x/admin/*", "match: /admin/*, add_prefix: /x", "GET /admin"),
        ("match: /api/admin/*, strip_prefix: /api", "match: /*", "GET /admin"),
        ("match: /api/admin/*, strip_prefix: /api", "match: www.example/*", "GET /admin"),
        ("match: /admin, rewrite: /v2/admin", "match: /*", "GET /v2/admin"),
    ] {
        let warned = warned(&format!(
            "routes:\n  admin: {{ {admin}, upstream: web, {ASKS} }}\n  open: {{ {open}, upstream: web }}\n"
        ));
        assert_eq!(
            lines(&warned),
            [format!("`open` is a way around `admin`: nobody asks who sends `{request}`")],
            "{admin} | {open}\n{warned}"
        );
    }
}

#[test]
fn a_way_around_is_told_with_both_places_and_what_to_do() {
    insta::assert_snapshot!(warned(&format!(
        "routes:\n  read: {{ match: GET /orders/*, upstream: web, {ASKS} }}\n  write: {{ match: POST /orders/*, upstream: other }}\n"
    )));
}

#[test]
fn what_most_gateways_have_is_not_warned_of() {
    for routes in [
        // Part of a site is protected, and the rest is not.
        "admin: { match: /admin/*, upstream: web, policies: { api_key: true } }\n  app: { match: /*, upstream: web }",
        // Whoever likes reads, and some write.
        "read: { match: GET /orders/*, upstream: web }\n  write: { match: 'POST,PUT,PATCH,DELETE /orders/*', upstream: web, policies: { api_key: true } }",
        // An exception that is narrower.
        "admin: { match: /admin/*, upstream: web, policies: { api_key: true } }\n  login: { match: /admin/login, upstream: web }\n  page: { match: '/admin/page/{name}', upstream: web }",
        // Other services, and other paths of the same.
        "api: { match: api.example.com/*, upstream: web, policies: { api_key: true } }\n  app: { match: /*, upstream: other }",
        "api: { match: /api/*, strip_prefix: true, add_prefix: /private, upstream: web, policies: { api_key: true } }\n  app: { match: /app/*, strip_prefix: true, add_prefix: /public, upstream: web }",
        // Other hosts that are named.
        "one: { match: one.example.com/*, upstream: web, policies: { api_key: true } }\n  two: { match: two.example.com/*, upstream: web }",
        // Where it is meant, and said.
        "read: { match: GET /orders/*, upstream: web, policies: { api_key: true } }\n  write: { match: POST /orders/*, upstream: web, policies: { api_key: false } }",
        "admin: { match: /admin, upstream: web, policies: { api_key: true } }\n  app: { match: /*, upstream: web, policies: false }",
        // Who shows nothing passes, which is said, too.
        "read: { match: GET /orders/*, upstream: web, policies: { api_key: true } }\n  write: { match: POST /orders/*, upstream: web, policies: { api_key: { optional: true } } }",
        "read: { match: GET /orders/*, upstream: web, policies: { any_of: { api_key: { optional: true } } } }\n  write: { match: POST /orders/*, upstream: web }",
    ] {
        let warned = warned(&format!("routes:\n  {routes}\n"));
        assert_eq!(lines(&warned), [""; 0], "{routes}\n{warned}");
    }
    let internal = warned(
        "listeners: { web: http://0.0.0.0:8080, internal: http://127.0.0.1:8081 }\nroutes:\n  \
         outside: { match: { listener: web, path: /admin }, upstream: web, policies: { api_key: true } }\n  \
         inside: { match: { listener: internal, path: /admin/* }, upstream: web }\n",
    );
    assert_eq!(lines(&internal), [""; 0], "{internal}");
}

#[test]
fn policies_that_go_by_who_asks_need_one_that_finds_out() {
    insta::assert_snapshot!(warned(
        "policy_sets: { staff: { authorize: { groups: staff } } }
routes:
  one: { match: /one, upstream: web, policies: { use: staff } }
  two: { match: /two, upstream: web, policies: { use: staff, api_key: true } }
  three: { match: /three, upstream: web, policies: { authorize: { require: 'request.method == \"GET\"' } } }
"
    ));
}

#[test]
fn what_clients_say_of_themselves_is_not_to_be_believed() {
    insta::assert_snapshot!(warned(
        "routes:
  by-match: { match: { path: /a, headers: { x-consumer: acme } }, upstream: web }
  by-cel: { match: { path: /b, when: 'header[\"X-User-ID\"] == \"1\"' }, upstream: web }
  by-policy: { match: /c, upstream: web, policies: { authorize: { require: 'header[\"X-Consumer-Groups\"] == \"staff\"' } } }
  by-text: { match: /d, upstream: web, policies: { transform_request: { headers: { set: { X-Who: \"{header.X-Consumer}\" } } } } }
"
    ));
    // What is inherited is looked at for each of those who may say so, and told once.
    let inherited = warned(
        "listeners: { inside: { address: 0.0.0.0:8081, trusted_proxies: 10.0.0.0/8 }, web: 0.0.0.0:8080 }
policies: { transform_request: { headers: { set: { X-Who: \"{header.X-Consumer}\" } } } }
routes:
  a: { match: { path: /a, listener: inside }, upstream: web }
  b: { match: { path: /b, listener: web }, upstream: web }
  c: { match: { path: /c, listener: web }, upstream: web }
",
    );
    assert_eq!(
        inherited.matches("any client can say what it likes in `X-Consumer`").count(),
        1,
        "{inherited}"
    );
    for fine in [
        "routes: { one: { match: { headers: { x-consumer: acme } }, upstream: web, policies: { api_key: true } } }\n",
        "listeners: { web: { address: 0.0.0.0:8080, trusted_proxies: 10.0.0.0/8 } }\nroutes: { one: { match: { headers: { x-consumer: acme } }, upstream: web } }\n",
        "routes: { one: { upstream: web, policies: { transform_request: { headers: { remove: X-Consumer } } } } }\n",
    ] {
        let warned = warned(fine);
        assert_eq!(lines(&warned), [""; 0], "{warned}");
    }
}

#[test]
fn no_plain_key_is_drawn() {
    let text = "maitred: 1\nconsumers: { acme: { api_keys: mtr_hush }, bob: { api_keys: [mtr_hush], groups: 'a,b' } }\n\
        policies: { transform_request: { headers: { set: { Authorization: Basic mtr_hush } } } }\n\
        routes: { app: { upstream: http://localhost:3000 } }\n";
    for expand in [false, true] {
        let told = check_text(text, expand, false);
        assert_eq!(told.err.matches("this is not the hash of a key").count(), 2, "{}", told.err);
        assert!(!told.err.contains("mtr_hush") && !told.out.contains("mtr_hush"), "{}{}", told.err, told.out);
    }
}
