//! What documents come to when nothing is wrong with them.

use std::time::Duration;

use super::document;
use crate::document::{
    AccessLogFormat, Condition, HostSent, LogLevel, LogTarget, PathHandling, RedirectStatus, StripPrefix,
    TextMatch, UpstreamRef,
};
use crate::read::{ByteSize, Secret, Toggle};
use crate::scalar::{EndpointTarget, ListenAddress};

const BEGINNER: &str = "maitred: 1\nroutes: { app: { match: /*, upstream: http://localhost:3000 } }\n";

#[test]
fn the_file_of_a_beginner_has_every_default() {
    let document = document(BEGINNER);
    let listener = document.listeners.get("default").expect("the listener");
    assert_eq!(listener.address.value, ListenAddress::Tcp(([0, 0, 0, 0], 8080).into()));
    assert_eq!((listener.max_connections.get(), listener.paths), (65536, PathHandling::Strict));
    let admin = document.admin.on().expect("the admin listener");
    assert_eq!(admin.address.value, ListenAddress::Tcp(([127, 0, 0, 1], 9180).into()));
    assert_eq!((document.limits.head, document.limits.fields.get()), (ByteSize(32 << 10), 100));
    assert_eq!(document.limits.body_rate.on().map(|rate| rate.bytes_per_second), Some(1024));
    let log = document.telemetry.access_log.on().expect("an access log");
    assert_eq!((&log.to, log.format), (&LogTarget::Stdout, AccessLogFormat::Json));
    assert_eq!(document.telemetry.metrics.on().map(|metrics| metrics.path.as_str()), Some("/metrics"));
    let app = document.routes.get("app").expect("the route");
    assert!(
        matches!(&app.upstream, Some(UpstreamRef::Url(url)) if matches!(&url.target, EndpointTarget::Host { port: 3000, .. }))
    );
    assert_eq!(app.r#match.path[0].text, "/*");
    assert!(app.access_log && app.policies.entries.is_empty());
}

const EVERYTHING: &str = r#"
maitred: 1
listeners:
  web: { address: 0.0.0.0:8080, redirect: https, paths: raw, trusted_proxies: 10.0.0.0/8, max_connections_per_client: false }
  six: "[::]:8081"
  socket: unix:run/maitred.sock
admin: { address: 0.0.0.0:9180, token: "${TOKEN}" }
limits: { head: 16KiB, body_rate: false, drain_timeout: 0s }
upstreams:
  users: http://users:8080
  orders:
    endpoints:
      - http://order-1:8080
      - { url: http://order-2:8080, weight: 3 }
    host: orders.internal:81
    balance: round_robin
    keepalive: { idle: 8 }
    timeouts: { response: 3s, total: 1m }
    max_connections: 1000
  from-outside: ${USERS}
routes:
  old: { match: /old/*, redirect: { to: /new, status: 308 } }
  health: { match: GET /health, respond: OK, access_log: false, policies: false }
  json: { match: /json, respond: { json: { status: degraded, id: "{request.id}", n: 2.10, list: [1, null, true] }, status: 503 } }
  orders:
    match:
      host: [api.example.com, "*.example.com"]
      path: [/api/v1/orders/*, "~^/v[0-9]+/(?<id>.+)$"]
      methods: GET
      headers: { API-Version: 2.10, X-Any: true, X-None: false, X-True: "true", X-Re: ~^a, X-Many: [1, ~b] }
      query: { page: 1 }
      cookies: { beta: yes }
      client: 10.0.0.0/8
      listener: web
      when: header["X-A"] == "b"
    priority: 5
    strip_prefix: /api/v1
    add_prefix: /v2
    upstream: orders
    timeouts: { response: 3s }
    errors: false
    policies: { use: signed_in, rate_limit/hourly: 1000/h }
  users: { upstream: users, match: { path: /users/* }, strip_prefix: true }
  items: { upstream: from-outside, match: "/items/{id}", rewrite: "/i/{path.id}?x=1" }
policies: { cors: true }
policy_sets: { signed_in: { jwt: keycloak } }
errors: { json: { message: "{error.detail}" } }
telemetry: { log: debug, access_log: { to: ./access.log, format: common }, metrics: false }
"#;

#[test]
fn listeners_admin_and_upstreams_are_read() {
    let document = document(EVERYTHING);
    let web = document.listeners.get("web").expect("web");
    assert_eq!(
        (web.max_connections_per_client, web.redirect.as_ref().map(|redirect| redirect.port)),
        (None, Some(443))
    );
    let socket = document.listeners.get("socket").expect("socket");
    assert_eq!(socket.address.value, ListenAddress::Unix("run/maitred.sock".into()));
    assert_eq!(document.admin.on().and_then(|admin| admin.token.as_ref()).map(Secret::expose), Some("hush"));
    let orders = document.upstreams.get("orders").expect("orders");
    assert_eq!(orders.endpoints.iter().map(|endpoint| endpoint.weight).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(orders.host, HostSent::Name("orders.internal:81".into()));
    assert_eq!(orders.timeouts.connect, Duration::from_secs(5));
    assert_eq!(
        orders.keepalive.on().map(|keepalive| (keepalive.idle, keepalive.max_requests.get())),
        Some((8, 10000))
    );
    assert_eq!(document.telemetry.log.level, LogLevel::Debug);
    assert_eq!(document.telemetry.metrics, Toggle::Off);
}

#[test]
fn routes_are_read() {
    let document = document(EVERYTHING);
    let route = document.routes.get("orders").expect("orders");
    assert_eq!(route.timeouts.response, Some(Duration::from_secs(3)));
    assert_eq!((route.priority, route.errors.clone()), (5, Some(Toggle::Off)));
    let exact = |text: &str| TextMatch::Exact(text.into());
    let conditions: Vec<&Condition> = route.r#match.headers.iter().map(|entry| &entry.value).collect();
    assert_eq!(
        conditions,
        [
            &Condition::AnyOf(vec![exact("2.10")]),
            &Condition::Present,
            &Condition::Absent,
            &Condition::AnyOf(vec![exact("true")]),
            &Condition::AnyOf(vec![TextMatch::Regex("^a".into())]),
            &Condition::AnyOf(vec![exact("1"), TextMatch::Regex("b".into())]),
        ]
    );
    assert_eq!(route.r#match.cookies.get("beta"), Some(&Condition::AnyOf(vec![exact("yes")])));
    let users = document.routes.get("users").expect("users");
    assert_eq!(users.strip_prefix, Some(StripPrefix::Matched));
    let redirect = document.routes.get("old").and_then(|route| route.redirect.as_ref()).expect("a redirect");
    assert_eq!((redirect.status, redirect.status.code()), (RedirectStatus::PermanentRedirect, 308));
}

#[test]
fn the_short_form_of_a_match_is_the_long_one() {
    let short = document(
        "maitred: 1\nroutes: { a: { match: \"GET,POST api.example.com/users/{id}\", respond: OK } }",
    );
    let long = document(
        "maitred: 1\nroutes: { a: { match: { methods: [GET, POST], host: api.example.com, path: '/users/{id}' }, respond: { text: OK } } }",
    );
    assert_eq!(short, long);
    let none = document("maitred: 1\nroutes: { a: { respond: OK } }");
    let all = document("maitred: 1\nroutes: { a: { match: /*, respond: OK } }");
    assert_eq!(none, all);
}

#[test]
fn toml_and_json_give_the_same_document() {
    use crate::files::{Memory, NoEnvironment};
    let files = Memory::new()
        .with("a.toml", "maitred = 1\n[routes.app]\nmatch = '/*'\nupstream = 'http://localhost:3000'\n")
        .with("a.json", "{\"maitred\": 1, \"routes\": {\"app\": {\"match\": \"/*\", \"upstream\": \"http://localhost:3000\"}}}");
    for path in ["a.toml", "a.json"] {
        let loaded = super::load(path, &files, &NoEnvironment);
        assert_eq!(loaded.usable(), Some(&document(BEGINNER)), "{path}");
    }
}
