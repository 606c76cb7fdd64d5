//! One snapshot for each kind of mistake in a document.

use super::problems;

/// A document with the beginner's route and `more`.
fn with(more: &str) -> String {
    problems(&format!(
        "maitred: 1\nroutes: {{ app: {{ match: /*, upstream: http://localhost:3000 }} }}\n{more}"
    ))
}

/// A document with a listener that speaks TLS so.
fn listener(tls: &str) -> String {
    with(&format!("listeners:\n  web:\n    address: 0.0.0.0:443\n    tls: {tls}\n"))
}

/// A document with one route.
fn route(route: &str) -> String {
    problems(&format!(
        "maitred: 1\nupstreams: {{ users: http://users:8080 }}\nroutes:\n  app: {route}\n  other: {{ upstream: users }}\n"
    ))
}

/// Twenty upstreams, each with its route, and a route to one more.
fn many_upstreams() -> String {
    let lines = |line: fn(usize) -> String| (0..20).map(line).collect::<Vec<_>>().concat();
    let upstreams = lines(|n| format!("  service{n}: http://service{n}\n"));
    let routes = lines(|n| format!("  r{n}: {{ match: /{n}, upstream: service{n} }}\n"));
    format!(
        "maitred: 1\nupstreams:\n{upstreams}routes:\n{routes}  far: {{ upstream: nobody }}\n  near: {{ match: /, upstream: servce7 }}\n"
    )
}

macro_rules! mistakes {
    ($($name:ident: $problems:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $problems);
        }
    )*};
}

mistakes! {
    consumer_keys: with("consumers: { acme: { api_keys: [hush, 'sha256:hush'] }, bob: { api_keys: hush } }\n");
    credentials_of_services: with("policies: { transform_request: { headers: { set: { authorization: Bearer hush, X-API-Key: '${TOKEN}' }, rename: { X-API-Key: X-Old }, default: { Authorization: '{header.X-A}' } } } }\n");
    no_version: problems("routes: { app: { respond: OK } }");
    other_version: problems("maitred: 2\nroutes: { app: { respond: OK } }");
    empty_file: problems("");
    unknown_section: with("upsteams: { a: http://a }\nservices: {}");
    section_of_the_wrong_kind: with("listeners: [a]\nlimits: 5\nadmin: [1]\ntelemetry: none\npolicies: [cors]");
    listener_address: with("listeners: { web: { adress: 0.0.0.0:80 }, b: 0.0.0.0, c: {} }");
    listener_protocols: with("listeners: { web: { address: 0.0.0.0:80, protocols: [h1, h2, spdy] } }");
    listener_words: with("listeners: { web: { address: 0.0.0.0:80, redirect: http, paths: rwa } }");
    listener_addresses_taken_twice: with("listeners: { a: 127.0.0.1:9180, b: 0.0.0.0:80, c: http://0.0.0.0:80 }");
    consumer_passwords: with("consumers: { a: { password: hush }, b: { password: '{SHA}x' }, c: { password: $1$x$y }, d: { password: [a] } }");
    consumer_certificates: with("consumers: { a: { certificates: [{}, { spiffe: 'spiffe://A/b' }, { spiffe: 'spiffe://a' }, { spiffe: 'spiffe://a/b*' }, { fingerprint: 'ab:cd' }] } }");
    consumer_hmac_keys: with("consumers: { a: { hmac_keys: { one: hush, two: '${X:-}' } }, b: { hmac_keys: { one: '${X:-hush}' } } }");
    listener_none: with("listeners: {}");
    listener_tls: with("listeners: { a: { address: 0.0.0.0:443, tls: { certificates: [] } }, b: { address: 0.0.0.0:444, tls: true }, c: { address: 0.0.0.0:445, tls: { certs: [] } } }");
    listener_tls_twice: listener("{ certificates: { cert: a.pem, key: a.key }, acme: { hosts: a.example, agree_terms: true } }");
    listener_tls_words: listener("{ certificates: [{ cert: a.pem }, { cert: b.pem, key: b.key, ocps: b.der }], client_auth: true, min_version: 1.1 }");
    listener_tls_with_a_key_itself: listener("{ certificates: { cert: a.pem, key: \"-----BEGIN PRIVATE KEY-----\\nhushhush\" } }");
    listener_https_without_tls: with("listeners: { web: https://0.0.0.0:8443, b: { address: 'https://0.0.0.0:${PORT:-8444}', redirect: https } }");
    listener_http_with_tls: with("listeners: { web: { address: http://0.0.0.0:443, tls: { certificates: { cert: a.pem, key: a.key } } } }");
    listener_redirect_with_tls: with("listeners: { web: { address: 0.0.0.0:443, redirect: https, tls: { certificates: { cert: a.pem, key: a.key } } } }");
    listener_h3: with("listeners: { a: { address: 0.0.0.0:1, protocols: [h1, h3] }, b: { address: 'unix:a.sock', protocols: [h2, h3], tls: { certificates: { cert: a.pem, key: a.key } } }, c: { address: 0.0.0.0:2, protocols: h3, proxy_protocol: 10.0.0.0/8, tls: { certificates: { cert: a.pem, key: a.key } } } }");
    listener_proxy_protocol: with("listeners: { a: { address: 0.0.0.0:1, proxy_protocol: true }, b: { address: 0.0.0.0:2, proxy_protocol: true, trusted_proxies: [] }, c: { address: 0.0.0.0:3, proxy_protocol: { from: [] } }, d: { address: 0.0.0.0:4, proxy_protocol: v2 }, e: { address: 0.0.0.0:5, proxy_protocol: true, trusted_proxies: all } }");
    listener_proxy_protocol_from_all: with("listeners: { a: { address: 0.0.0.0:1, proxy_protocol: 0.0.0.0/0 }, b: { address: 0.0.0.0:2, proxy_protocol: true, trusted_proxies: ['10.0.0.0/8', '::/0'] } }");
    acme_without_terms: listener("{ acme: api.example.com }");
    acme_terms_refused: listener("{ acme: { hosts: api.example.com, agree_terms: false, directory: 'https://ca.internal/directory' } }");
    acme_hosts: listener("{ acme: { hosts: ['*.example.com', 10.0.0.1, a.example, A.example, a.example:443], agree_terms: true } }");
    acme_settings: listener("{ acme: { hosts: a.example, agree_terms: 'yes', email: 'mailto:ops@example.com', directory: 'http://ca/dir', challenge: dns-01, state: '', staging: true } }");
    acme_challenge_that_nobody_answers: listener("{ acme: { hosts: a.example, agree_terms: true, challenge: http-01 } }");
    listener_limits: with("listeners: { web: { address: 0.0.0.0:80, max_connections: 0, trusted_proxies: [10.0.0.0/33] }, b: { address: 0.0.0.0:81, max_connections: 5, max_connections_per_client: 10 } }");
    admin_over_tls: with("admin: https://127.0.0.1:9180");
    admin_open_to_all: with("admin: 0.0.0.0:9180");
    admin_token_empty: with("admin: { address: 0.0.0.0:9180, token: \"${EMPTY}\" }");
    admin_token_in_plain: with("admin: { address: 0.0.0.0:9180, token: hushhush }");
    limits: with("limits: { head: 32, uri: 64KiB, head_timeout: 0s, body_rate: 1KiB, fields: none, streams: 0 }");
    store_places: with("stores: { a: {}, b: { redis: { database: 1 } }, c: { memory: true, redis: 'redis://h' }, d: { redis: { url: 'redis://h', cluster: 'redis://h' } } }");
    store_urls: with("stores: { a: { redis: localhost }, b: { redis: 'http://h' }, c: { redis: { cluster: ['redis://h/1', 'rediss://i'] } }, d: { redis: { cluster: 'redis://h', database: 1, tls: true } } }");
    store_secrets: with("stores: { a: { redis: 'redis://:hush@h' }, b: { redis: { url: '${X:-redis://u:hush@h}' } }, c: { redis: { url: 'redis://h', password: hush } }, d: { redis: 'redis://:hu/sh@h' }, e: { redis: 'redis://:hush${TOKEN}@h' }, f: { redis: '${EMPTY}redis://:${TOKEN}hush@h' }, g: { redis: 'redis://:hush:${TOKEN}@h' } }");
    store_logins: with("stores: { a: { redis: { url: 'redis://:${TOKEN}@10.0.0.1/1', password: '${TOKEN}', database: 1 } }, b: { redis: { sentinel: { urls: 'redis://:${TOKEN}@h', master: m, username: u } } }, c: { redis: { url: 'redis://h', password: '${TOKEN}', username: u } } }");
    store_numbers: with("stores: { a: { redis: { url: 'redis://h', timeout: 0s, connect_timeout: 0s, prefix: 'a {b}' } }, b: { redis: { url: 'redis://h', timeout: 1s } } }");
    upstream_empty: with("upstreams: { a: {}, b: { endpoints: [] }, c: { endpoints: [{ weight: 1 }] } }");
    upstream_schemes: with("upstreams: { a: https://a, b: grpc://b:1, c: 'srv:_http._tcp.c', d: ftp://d, e: localhost:80 }");
    upstream_settings: with("upstreams: { a: { endpoints: http://a, balance: fastest, host: '*.a', keepalive: { idle: 0 }, timeouts: { connect: 0s, response: 10, stream_idle: 0s } } }");
    upstream_balance: with("upstreams: { a: { endpoints: http://a, balance: ring_hash }, b: { endpoints: http://b, balance: { maglev: client.ip, sticky: srv } }, c: { endpoints: [{ url: http://c, backup: true }], balance: { ring_hash: user }, slow_start: 0s, panic_threshold: 20 }, d: { endpoints: http://d, slow_start: 30s, balance: { sticky: { cookie: 'a b', secret: '${TOKEN}', max_age: 0s } } } }\npolicies: { x: [a, b, c, d] }");
    upstream_circuit_breaker: with("upstreams: { a: { endpoints: http://a, circuit_breaker: { failures: false, successes: 501, open_for: 0s, window: 1ms } }, b: { endpoints: http://b, circuit_breaker: { error_rate: 0%, slow_rate: 50% } }, c: { endpoints: http://c, circuit_breaker: { min_calls: 0 } }, d: { endpoints: http://d, circuit_breaker: { failures: 0, failure_on: [6xx] } }, e: { endpoints: http://e, circuit_breaker: { min_calls: 5 } } }\npolicies: { x: [a, b, c, d, e] }");
    upstream_retries: with("upstreams: { a: { endpoints: http://a, retries: { attempts: 0, retry_on: [error, 6xx], backoff: { base: 5s }, budget: 20, buffer: 64 } }, b: { endpoints: http://b, retries: { retry_on: 1xx, hedge_after: 0s, backoff: { max: 0s } } }, c: { endpoints: http://c, retries: { retry_on: [], times: 3 } }, d: { endpoints: http://d, retries: { attempts: 1, hedge_after: 1s } } }\npolicies: { x: [a, b, c, d] }");
    upstream_of_mixed_schemes: with("upstreams: { a: [http://a, https://a], b: [grpc://b, h2c://b], c: ['unix:c', grpcs://c] }\npolicies: { x: [a, b, c] }");
    upstream_tls_in_the_clear: with("upstreams: { a: { endpoints: http://a, tls: true }, b: { endpoints: grpc://b, tls: { ca: b.pem } }, c: { endpoints: https://c, tls: false } }\npolicies: { x: [a, b, c] }");
    upstream_tls: with("upstreams: { a: { endpoints: https://a, tls: { cert: a.pem, verify: false, ca: ca.pem } }, b: { endpoints: https://b, tls: { key: b.key, server_name: '*.b', insecure: true } } }\npolicies: { x: [a, b] }");
    upstream_protocols: with("upstreams: { a: { endpoints: http://a, protocols: h2 }, b: { endpoints: [https://b, grpcs://b], protocols: [h1, h3] }, c: { endpoints: 'unix:c', protocols: [h1, h2] }, d: { endpoints: [https://d, h2c://d], protocols: h1, proxy_protocol: 2 } }\npolicies: { x: [a, b, c, d] }");
    upstream_health_check: with("upstreams: { a: { endpoints: [http://a, 'unix:a'], health_check: { grpc: true, path: x, port: 0, interval: 0s, expect_status: [20, 6xx], headers: { 'a b': c } } }, b: { endpoints: grpc://b, health_check: { tcp: true, method: GET, headers: { a: b } } }, c: { endpoints: http://c, health_check: { tcp: true, grpc: 'a b' } }, d: { endpoints: 'unix:d', health_check: { port: 80, expect_body: '~[' } }, e: { endpoints: http://e, health_check: { grpc: a.B, timeout: 5 } } }\npolicies: { x: [a, b, c, d, e] }");
    upstream_grpc_check_of_http1: with("upstreams: { a: { endpoints: 'srv:a', health_check: { grpc: true } }, b: { endpoints: https://b, protocols: h1, health_check: { grpc: true } }, c: { endpoints: 'unix:c', protocols: h1, health_check: { grpc: true } }, d: { endpoints: 'srv:d', protocols: h2, health_check: { grpc: true } }, e: { endpoints: https://e, health_check: { grpc: true } }, f: { endpoints: https://f, protocols: [h1, h2], health_check: { grpc: true } } }\npolicies: { x: [a, b, c, d, e, f] }");
    upstream_outlier_detection: with("upstreams: { a: { endpoints: http://a, outlier_detection: { consecutive_errors: 0, eject_for: 0s, max_ejected: 0%, failure_on: [] } }, b: { endpoints: http://b, outlier_detection: { eject_for: 10m, max_eject_for: 1m, failure_on: [reset, 600] } }, c: { endpoints: http://c, outlier_detection: { eject_for: 10m } } }\npolicies: { x: [a, b, c] }");
    upstream_without_endpoints: with("upstreams: { a: { endpoints: false }, b: false }\npolicies: { x: [a] }");
    upstream_weights: with("upstreams: { a: [{ url: http://a, weight: 0 }], b: [http://b, http://b:80] }");
    upstream_name: with("upstreams: { 'a:b': http://a }");
    upstream_unused: with("upstreams: { a: http://a }\npolicies: { forward_auth: { upstream: b } }");
    route_without_action: route("{ match: /a }");
    route_with_two_actions: route("{ upstream: users, respond: OK, redirect: /x }");
    route_action_misspelt: route("{ match: /a, upsteam: users }");
    route_of_unknown_upstream: route("{ upstream: user }");
    route_of_one_unknown_upstream_among_many: problems(&many_upstreams());
    route_of_no_upstream: problems("maitred: 1\nroutes: { a: { upstream: x } }");
    route_of_inline_upstream: route("{ upstream: 'srv:_http._tcp.users:80' }");
    route_of_broken_upstream: problems("maitred: 1\nupstreams: { users: { endpoints: nowhere } }\nroutes: { a: { upstream: users } }");
    route_match: route("{ respond: OK, match: { host: 'a b', path: [users, '~('], methods: [get], client: 10.0.0.300, headers: { 'a b': x, Host: y, X: '~(' }, listener: webb, when: '', cookie: {} } }");
    route_match_lines: problems("maitred: 1\nroutes: { a: { match: [/a, /b], respond: OK }, b: { match: get /x, respond: OK }, c: { match: users, respond: OK }, d: { match: '/{a}/{a}', respond: OK } }");
    route_match_headers_twice: route("{ respond: OK, match: { headers: { x-a: 1, X-A: 2, Y: [] } } }");
    route_rewriting: route("{ upstream: users, match: /a, strip_prefix: true, rewrite: '/{path.id', add_prefix: v2 }");
    route_rewriting_twice: route("{ upstream: users, match: /a/*, strip_prefix: true, rewrite: /b }");
    route_upgrades: route("{ upstream: users, upgrades: [websocket, h2c, 'a b'] }");
    route_rewriting_without_upstream: route("{ respond: OK, match: /a/*, strip_prefix: /a, timeouts: { response: 1s }, retries: true, upgrades: websocket }");
    route_retries: route("{ upstream: users, retries: { attempts: none, retry_on: 103, backoff: { base: 3s }, hedge_after: 0s } }");
    route_respond: route("{ match: /a, respond: { text: a, json: {}, status: 204, headers: { 'a:': b } } }");
    route_respond_status: problems("maitred: 1\nroutes: { a: { respond: { status: 700 } }, b: { respond: { status: 101 } }, c: { respond: { json: { a: .inf } } } }");
    route_redirect: problems("maitred: 1\nroutes: { a: { redirect: new }, b: { redirect: { to: /a, status: 300 } }, c: { redirect: {} } }");
    route_named_unmatched: problems("maitred: 1\nroutes: { unmatched: { respond: OK } }");
    route_split: route("{ split: { by: user.id, variants: { A: { weight: 90, upstream: users }, B: { weight: 10, upstream: usrs }, C: 5 } }, upstream: users }");
    route_split_weights: problems("maitred: 1\nroutes:\n  a: { split: { variants: { A: { weight: 0, upstream: http://a }, B: { weight: 0, upstream: http://b } } } }\n  b: { match: /b, split: { variants: {} } }\n  c: { match: /c, split: { experiment: x, variants: { A: { weight: 0, upstream: http://a }, B: { weight: 10%, upstream: http://b }, C: http://c } } }\n");
    route_split_ramps: problems("maitred: 1\nroutes:\n  a: { split: { variants: { A: { weight: { over: 1h }, upstream: http://a }, B: { weight: { to: 1%, over: 0s, starting: 2026-12-01 }, upstream: http://b } } } }\n  b: { match: /b, split: { variants: { A: http://a, B: { weight: { from: 5%, to: 5%, over: 1h }, upstream: http://b } }, sticky: { cookie: a b, max_age: 10ms } } }\n");
    route_mirror: route("{ upstream: users, mirror: { upstream: usr, sample: 0%, buffer: 5 } }");
    route_degrade: route("{ upstream: users, degrade: [{ cache: 0s }, { cache: true }, { upstream: users }, { upstream: nobody, respond: OK }, {}, { respond: OK }, { cache: 1h }] }");
    route_degrade_answers: route("{ upstream: users, degrade: [{ respond: { text: a, json: {}, methods: get } }, { respond: { status: 100 } }, { ttl: 1h }] }");
    route_traffic_without_service: route("{ match: /a, respond: OK, mirror: users, degrade: { cache: 1h } }");
    route_values: route("{ upstream: users, priority: high, access_log: { to: stdout }, timeouts: 3s, errors: { html: x } }");
    issuers: with("issuers:\n  a: { issuer: a }\n  b: { issuer: a, jwks: keys.json, secret: '${TOKEN}' }\n  c: { issuer: c, secret: hush }\n  d: { issuer: d, secret: '${EMPTY:-}' }\n  e: { issuer: e, public_key: e.pem, algorithms: [HS256, none], tls: ca.pem }\n  f: { jwks: f.json }\n");
    issuers_in_the_clear: with("issuers: { a: 'http://login.example/a', b: { issuer: b, jwks: 'http://keys.example/b' }, c: { issuer: c, discovery: 'http://d.example' }, d: 'http://127.0.0.1:8080/d', e: 'http://[::1]/e', f: 'http://localhost/f', g: 'https://login.example' }");
    plans: with("plans: { a: { default: true }, b: { default: true }, c: { rate_limit: 1/s } }\nissuers: { x: { issuer: x, jwks: x.json }, y: { issuer: y, jwks: y.json } }\nconsumers:\n  ann: { plan: d, subject: [u-1, { issuer: z, subject: u-2 }] }\n  bob: { subject: { issuer: x, subject: u-1 } }\n");
    plan_limits: with("plans:\n  a: { rate_limit: { limit: 1/s, burst: 2, algorithm: fixed_window } }\n  b: { rate_limit: [] }\n  c: { quota: 5, rate_limit: { limit: 1/month, algorithm: token_bucket } }\n  d: { quota: 1/400d, rate_limit: [1/100us, plan] }\n");
    no_routes: problems("maitred: 1\n");
    policies: with("policies: { cors: , 'rate_limit/': 1/s, /x: 1, use: nobody }");
    policy_sets: with("policy_sets: { signed_in: { jwt: true }, b: { use: signed_in }, c: false, d: 5 }");
    policies_of_a_route: route("{ upstream: users, policies: { use: [signed_on] } }");
    stores_in_memory: with("stores: { default: {}, a: { memory: 1KiB }, b: { memory: { path: state/counters, size: 1023KiB } }, c: { memory: { path: ./state/counters } }, d: { memory: { file: x } }, e: { memory: { path: '' } } }\n");
    telemetry: with("telemetry: { log: { level: warning }, access_log: { to: access.log, format: jsno }, metrics: { path: metrics } }");
    telemetry_metrics_where_another_page_is: with("telemetry: { metrics: /readyz }");
    put_in: problems("maitred: 1\nroutes: { a: { match: '${TOKEN}', upstream: '${TOKEN}/x' } }\nlimits: { head: '${TOKEN}' }");
}
