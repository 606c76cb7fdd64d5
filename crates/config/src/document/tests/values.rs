//! What documents come to when nothing is wrong with them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document;
use crate::document::{
    AccessLogFormat, AcmeChallenge, Condition, HostSent, LogLevel, LogTarget, NoPolicies, PathHandling,
    Protocol, ProxyProtocolVersion, RedirectStatus, StripPrefix, TextMatch, TlsVersion, UpstreamProtocol,
    UpstreamRef, UpstreamTls,
};
use crate::expand::expand;
use crate::files::{Memory, NoEnvironment, Watched};
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
    let files = Memory::new()
        .with("a.toml", "maitred = 1\n[routes.app]\nmatch = '/*'\nupstream = 'http://localhost:3000'\n")
        .with("a.json", "{\"maitred\": 1, \"routes\": {\"app\": {\"match\": \"/*\", \"upstream\": \"http://localhost:3000\"}}}");
    for path in ["a.toml", "a.json"] {
        let loaded = super::load(path, &files, &NoEnvironment);
        assert_eq!(loaded.usable(), Some(&document(BEGINNER)), "{path}");
    }
}

const ENCRYPTED: &str = r#"
maitred: 1
listeners:
  plain: { address: http://0.0.0.0:80, redirect: https }
  web:
    address: https://0.0.0.0:443
    protocols: [h1, h2, h3]
    tls:
      certificates: { cert: certs/a.pem, key: /etc/a.key, ocsp: certs/a.der }
      client_auth: certs/clients.pem
      min_version: 1.3
  made:
    address: 0.0.0.0:444
    tls: { acme: { hosts: [API.example.com, b.example], agree_terms: true, challenge: http-01, ca: certs/a.pem } }
    proxy_protocol: true
    trusted_proxies: 10.0.0.0/8
  socket: { address: "unix:a.sock", protocols: h2, proxy_protocol: 127.0.0.1, trusted_proxies: 10.0.0.0/8 }
upstreams:
  orders: { endpoints: [https://a, https://10.0.0.1], tls: { ca: certs/ca.pem, cert: certs/a.pem, key: certs/a.key, server_name: Orders.internal }, protocols: h1, proxy_protocol: v2 }
  stock: { endpoints: [grpcs://a, grpcs://b], tls: true, timeouts: { stream_idle: 1h } }
  local: { endpoints: ["unix:a", "unix:b"], protocols: h2 }
  both: [http://a, "unix:c", h2c://d]
routes:
  orders: { upstream: orders, match: /orders/*, timeouts: { stream_idle: 10s } }
  stock: { upstream: stock, match: /stock/* }
  local: { upstream: local, match: /local/* }
  both: { upstream: both, match: /both/* }
  https: { upstream: https://c, match: /c/* }
  grpc: { upstream: grpc://d:1, match: /d/* }
"#;

#[test]
fn encrypted_listeners_are_read() {
    let document = document(ENCRYPTED);
    let listener = |name| document.listeners.get(name).expect("a listener");
    let tls = |name| listener(name).tls.as_ref().expect("TLS");
    assert_eq!(listener("web").address.value, ListenAddress::Tcp(([0, 0, 0, 0], 443).into()));
    assert_eq!(*listener("web").protocols, [Protocol::H1, Protocol::H2, Protocol::H3]);
    assert_eq!(*listener("plain").protocols, [Protocol::H1, Protocol::H2]);
    let [certificate] = &tls("web").certificates.as_ref().expect("certificates")[..] else { panic!("one") };
    assert_eq!(
        (certificate.cert.as_path(), certificate.key.as_path()),
        (Path::new("certs/a.pem"), Path::new("/etc/a.key"))
    );
    assert!(tls("web").client_auth.as_ref().is_some_and(|auth| auth.required));
    assert_eq!((tls("web").min_version, tls("made").min_version), (TlsVersion::V13, TlsVersion::V12));
    let acme = tls("made").acme.as_ref().expect("ACME");
    let hosts: Vec<&str> = acme.hosts.iter().map(|host| host.0.as_str()).collect();
    assert_eq!(
        (hosts, &*acme.challenge),
        (vec!["api.example.com", "b.example"], &[AcmeChallenge::Http01][..])
    );
    assert_eq!(acme.directory.0, "https://acme-v02.api.letsencrypt.org/directory");
    let from =
        |name| listener(name).proxy_protocol_from().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        [from("web"), from("made"), from("socket")],
        [vec![], vec!["10.0.0.0/8".to_owned()], vec!["127.0.0.1/32".to_owned()]]
    );
    assert_eq!(document.limits.streams.get(), 128);
}

#[test]
fn what_services_speak_is_read() {
    let document = document(ENCRYPTED);
    let upstream = |name| document.upstreams.get(name).expect("an upstream");
    let tls = upstream("orders").tls.as_ref().expect("TLS");
    assert_eq!(tls.server_name.as_ref().map(|name| name.0.as_str()), Some("orders.internal"));
    assert_eq!(upstream("stock").tls, Some(UpstreamTls::default()));
    assert_eq!(upstream("orders").protocols.as_deref(), Some(&[UpstreamProtocol::H1][..]));
    assert_eq!(
        (upstream("orders").proxy_protocol, upstream("both").proxy_protocol),
        (Some(ProxyProtocolVersion::V2), None)
    );
    let stream_idle = |name| upstream(name).timeouts.stream_idle;
    assert_eq!(
        (stream_idle("orders"), stream_idle("stock")),
        (Duration::from_mins(5), Duration::from_hours(1))
    );
    let route = document.routes.get("orders").expect("a route");
    assert_eq!((route.timeouts.idle, route.timeouts.stream_idle), (None, Some(Duration::from_secs(10))));
    let inline = |name| match &document.routes.get(name).expect("a route").upstream {
        Some(UpstreamRef::Url(url)) => url.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!([inline("https"), inline("grpc")], ["https://c:443", "grpc://d:1"]);
}

#[test]
fn files_are_listed_and_paths_count_from_the_file_that_names_them() {
    let files = Memory::new()
        .with("etc/main.yaml", "maitred: 1\ninclude: conf.d/*.yaml\nroutes: { a: { respond: OK } }\nlisteners: { a: { address: 0.0.0.0:1, tls: { certificates: [{ cert: a.pem, key: a.key }, { cert: a.pem, key: /b.key }] } } }\n")
        .with("etc/conf.d/b.yaml", "listeners: { b: { address: 0.0.0.0:2, tls: { acme: { hosts: b.example, agree_terms: true, ca: ../ca.pem } } }, c: { address: 0.0.0.0:3, tls: { acme: { hosts: c.example, agree_terms: true, state: /var/acme } } } }\n");
    let loaded = super::load("etc/main.yaml", &files, &NoEnvironment);
    let document = loaded.usable().expect("a document");
    let state = |name| {
        let tls = document.listeners.get(name).and_then(|listener| listener.tls.as_ref());
        tls.and_then(|tls| tls.acme.as_ref()).expect("ACME").state.as_path().to_owned()
    };
    assert_eq!([state("b"), state("c")], [Path::new("etc/conf.d/acme"), Path::new("/var/acme")]);
    let named = ["etc/a.pem", "etc/a.key", "/b.key", "etc/conf.d/../ca.pem"].map(PathBuf::from);
    assert_eq!(loaded.tree.named_files, named);
    for file in named {
        assert!(loaded.tree.watched.contains(&Watched::File(file.clone())), "{}", file.display());
    }
}

#[test]
fn stores_in_redis_are_written_short_and_long_and_show_no_password() {
    let document = document(&format!(
        "{BEGINNER}stores:\n  default: {{ redis: 'redis://127.0.0.1' }}\n  other: {{ redis: {{ url: 'rediss://gate:${{TOKEN}}@h:1/2', timeout: 5ms }} }}\n"
    ));
    let redis = |name: &str| {
        document.stores.get(name).and_then(|store| store.redis.as_ref()).expect("a store in Redis")
    };
    let (default, other) = (redis("default"), redis("other"));
    assert_eq!(
        (default.timeout, default.connect_timeout),
        (Duration::from_millis(20), Duration::from_secs(1))
    );
    assert_eq!((default.prefix.as_str(), default.is_tls()), ("maitred:", false));
    let url = &other.url.as_ref().expect("a URL").value;
    assert_eq!((url.username.as_deref(), url.password.as_deref()), (Some("gate"), Some("hush")));
    assert_eq!((url.database, other.is_tls(), other.timeout), (Some(2), true, Duration::from_millis(5)));
    assert!(!format!("{other:?}").contains("hush"));
}

#[test]
fn the_long_form_of_a_store_shows_where_its_password_comes_from() {
    let text = format!("{BEGINNER}stores: {{ a: {{ redis: 'redis://u:${{TOKEN}}@localhost/1' }} }}\n");
    let long = expand(&super::loaded(&text), &NoPolicies);
    assert!(long.contains("redis://u:${TOKEN}@localhost/1") && !long.contains("hush"), "{long}");
}
