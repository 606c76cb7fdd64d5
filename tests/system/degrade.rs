//! What stands in for a service that fails: an answer from before, another service, a fixed answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use maitred_tests::{Answer, Curl, Echo, Fake, Gateway, Origin, Port, Redis, eventually, pattern};

const BROKEN: [&str; 2] = ["-H", "X-Ask: status 503"];

fn start(service: &str, backup: &str, degrade: &str) -> Gateway {
    Gateway::start(&document(service, backup, degrade))
}

fn document(service: &str, backup: &str, degrade: &str) -> String {
    format!(
        "upstreams: {{ orders: \"{service}\", backup: \"{backup}\" }}\n\
         policies: {{ cors: {{ origins: [\"https://shop.example\"] }}, request_size: 1KiB }}\n\
         routes: {{ orders: {{ upstream: orders, degrade: {degrade} }}, other: {{ match: /other, upstream: backup }} }}\n"
    )
}

fn degraded(answer: &Answer) -> Option<&str> {
    answer.head.field("X-Degraded")
}

/// An address where nobody listens.
struct Dead(Port);

impl Dead {
    fn new() -> Self {
        Self(Port::reserve())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.number())
    }
}

fn counted(gateway: &Gateway, by: &str) -> i64 {
    gateway.metrics().sum("maitred_degraded_total", &[("route", "orders"), ("by", by)])
}

#[test]
fn the_last_good_answer_stands_in() {
    let (origin, dead) = (Origin::start(), Dead::new());
    let gateway = start(origin.url(), &dead.url(), "[{ cache: 1h }]");
    let good = gateway.curl("/orders?page=1", &["-H", "Origin: https://shop.example"]);
    assert_eq!((good.status(), degraded(&good)), (200, None));

    let asked = [&BROKEN[..], &["-H", "Origin: https://shop.example"]].concat();
    let stale = gateway.curl("/orders?page=1", &asked);
    assert_eq!((stale.status(), degraded(&stale), stale.text()), (200, Some("cache"), good.text()));
    assert!(stale.head.field("Age").unwrap().parse::<u64>().is_ok());
    assert_eq!(stale.head.field("Content-Type"), Some("application/json"));
    assert_eq!(stale.head.field("Access-Control-Allow-Origin"), Some("https://shop.example"));
    let head = gateway.curl("/orders?page=1", &[&BROKEN[..], &["--head"]].concat());
    assert_eq!((head.status(), degraded(&head), head.text().as_str()), (200, Some("cache"), ""));
    assert_eq!(head.head.field("Content-Length"), stale.head.field("Content-Length"));

    // What was never answered well, and what is no GET, is answered as before.
    for (path, method) in [("/orders?page=2", "GET"), ("/orders?page=1", "POST")] {
        let answer = gateway.curl(path, &[&BROKEN[..], &["-X", method]].concat());
        assert_eq!(
            (answer.status(), degraded(&answer), answer.head.field("X-Status")),
            (503, None, Some("503"))
        );
    }
    let missing = gateway.curl("/orders?page=1", &["-H", "X-Ask: status 404"]);
    assert_eq!((missing.status(), degraded(&missing)), (404, None), "4xx never degrades");

    // It survives a reload, and a service that is gone.
    gateway.reload(&document(&dead.url(), &dead.url(), "[{ cache: 1h }]"));
    let stale = gateway.curl("/orders?page=1", &[]);
    assert_eq!((stale.status(), degraded(&stale), stale.text()), (200, Some("cache"), good.text()));
    assert_eq!(counted(&gateway, "cache"), 3);
    gateway.access(3, |access| access.text("outcome") == "degraded" && access.number("status") == 200);
    gateway
        .log()
        .wait_for("why", |line| line.contains("level=warn") && line.contains("degraded: it answered 503"));
    gateway.reload(&document(&dead.url(), &dead.url(), "[{ cache: 1ms }]"));
    eventually("it is too old", || (gateway.curl("/orders?page=1", &[]).status() == 502).then_some(()));
}

#[test]
fn replicas_that_share_a_store_share_good_answers() {
    let (origin, dead, redis) = (Origin::start(), Dead::new(), Redis::default());
    let document = |service: &str| {
        let store =
            format!("stores: {{ default: {{ redis: {{ url: \"{}\", timeout: 900ms }} }} }}\n", redis.url());
        store + &document(service, &dead.url(), "[{ cache: 1h }]")
    };
    // What is asked for is the same on both, but for the port.
    let ask = |gateway: &Gateway, path: &str, fields: &[&str]| {
        let fields: Vec<&str> = ["Host: shop"].iter().chain(fields).flat_map(|field| ["-H", field]).collect();
        gateway.curl(path, &fields)
    };
    let asking = Gateway::start(&document(origin.url()));
    let good = ask(&asking, "/orders?page=1", &["Authorization: Bearer alice"]);
    let varied = ask(&asking, "/vary", &["X-Ask: fields Vary=Accept-Language", "Accept-Language: de"]);
    let restarted = Gateway::start(&document(&dead.url()));
    let ask = |path: &str, field: &str| ask(&restarted, path, &[field]);
    let stale = eventually("the store has it", || {
        let answer = ask("/orders?page=1", "Authorization: Bearer alice");
        (answer.status() == 200).then_some(answer)
    });
    assert_eq!((degraded(&stale), stale.text()), (Some("cache"), good.text()));
    assert!(stale.head.field("Age").unwrap().parse::<u64>().unwrap() < 60);
    assert_eq!(stale.head.field("Content-Type"), Some("application/json"));
    let of = |language: &str| ask("/vary", &format!("Accept-Language: {language}"));
    let stale =
        eventually("the store has the other", || Some(of("de")).filter(|answer| answer.status() == 200));
    assert_eq!(stale.text(), varied.text());
    assert_eq!((of("fr").status(), ask("/orders?page=1", "Authorization: Bearer bob").status()), (502, 502));
    assert!(!redis.ask(&["KEYS", "*"]).contains("alice"));
    // Now it is in memory, and the store may go.
    redis.pause();
    assert_eq!(degraded(&ask("/orders?page=1", "Authorization: Bearer alice")), Some("cache"));
    assert_eq!(ask("/orders?page=2", "Authorization: Bearer alice").status(), 502);
    redis.resume();
}

#[test]
fn an_answer_is_for_who_asked() {
    let origin = Origin::start();
    let gateway = start(origin.url(), origin.url(), "[{ cache: 1h }]");
    let ask = |fields: &[&str], ask: &[&str]| -> Curl {
        let fields: Vec<&str> = fields.iter().flat_map(|field| ["-H", field]).collect();
        gateway.curl("/me", &[&fields[..], ask].concat())
    };
    let alice = ask(&["Authorization: Bearer alice"], &[]);
    let cookie = ask(&["Cookie: session=1"], &[]);
    assert_ne!(alice.text(), cookie.text());
    for (fields, of) in [
        (&["Authorization: Bearer alice"][..], Some(&alice)),
        (&["Cookie: session=1"], Some(&cookie)),
        (&["Authorization: Bearer bob"], None),
        (&["Cookie: session=2"], None),
        (&["Authorization: Bearer alice", "Cookie: session=1"], None),
        (&["X-API-Key: k"], None),
        (&[], None),
    ] {
        let answer = ask(fields, &BROKEN);
        match of {
            Some(good) => assert_eq!((degraded(&answer), answer.text()), (Some("cache"), good.text())),
            None => assert_eq!((answer.status(), degraded(&answer)), (503, None), "{fields:?}"),
        }
    }
}

#[test]
fn an_answer_is_for_whom_a_service_let_in() {
    let auth = Fake::start(|mut wire, _| {
        while let Some(request) = wire.request() {
            let account = request.head.field("X-Session-Token").unwrap_or("none").to_owned();
            let account = account.split('.').next().unwrap_or_default().to_owned();
            wire.send(format!("HTTP/1.1 200 OK\r\nX-Account: {account}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let origin = Origin::start();
    let policy = |settings: &str| {
        let auth = auth.url();
        format!("policies: {{ forward_auth: {{ upstream: \"{auth}\"{settings} }}, request_size: 1KiB }}")
    };
    let document = |settings: &str| {
        let plain = document(origin.url(), origin.url(), "[{ cache: 1h }]");
        plain.replace(
            "policies: { cors: { origins: [\"https://shop.example\"] }, request_size: 1KiB }",
            &policy(settings),
        )
    };
    let gateway = Gateway::start(&document(", copy_headers: X-Account"));
    let ask = |path: &str, token: &str, ask: &[&str]| -> Curl {
        let token = format!("X-Session-Token: {token}");
        gateway.curl(path, &[&["-H", &token], ask].concat())
    };
    let alice = ask("/me", "alice.1", &[]);
    let stale = ask("/me", "alice.2", &BROKEN);
    assert_eq!((degraded(&stale), stale.text()), (Some("cache"), alice.text()), "it goes by the account");
    let bob = ask("/me", "bob.1", &BROKEN);
    assert_eq!((bob.status(), degraded(&bob)), (503, None));

    // A service may know its callers by what the other one goes by.
    gateway.reload(&document(", send: X-Session-Token"));
    let alice = ask("/mine", "alice.1", &[]);
    let stale = ask("/mine", "alice.1", &BROKEN);
    assert_eq!((degraded(&stale), stale.text()), (Some("cache"), alice.text()));
    assert_eq!(ask("/mine", "bob.1", &BROKEN).status(), 503);
}

#[test]
fn what_may_not_be_kept_is_not() {
    let origin = Origin::start();
    let gateway = start(origin.url(), origin.url(), "[{ cache: 1h }]");
    for (path, asked, is_kept) in [
        ("/plain", "fields X-A=1", true),
        ("/no-store", "fields Cache-Control=no-store", false),
        ("/cookie", "fields Set-Cookie=a", false),
        ("/vary", "fields Vary=*", false),
        ("/trailers", "trailers abc", false),
        ("/large", "bytes 1048577", false),
        ("/largest", "bytes 1048576", true),
        ("/chunks", "chunks 100000", true),
        ("/large-chunks", "chunks 1048577", false),
    ] {
        let good = gateway.curl(path, &["-H", &format!("X-Ask: {asked}")]);
        assert_eq!(good.status(), 200, "{path}");
        let answer = gateway.curl(path, &BROKEN);
        assert_eq!(degraded(&answer), is_kept.then_some("cache"), "{path}");
        assert_eq!(answer.status(), if is_kept { 200 } else { 503 }, "{path}");
        assert!(!is_kept || answer.body == good.body, "{path}");
    }
    let vary = |language: &str, ask: &[&str]| {
        gateway.curl("/languages", &[&["-H", &format!("Accept-Language: {language}")], ask].concat())
    };
    vary("de", &["-H", "X-Ask: fields Vary=Accept-Language"]);
    assert_eq!(degraded(&vary("de", &BROKEN)), Some("cache"));
    assert_eq!(degraded(&vary("fr", &BROKEN)), None);
}

#[test]
fn another_service_stands_in_if_that_cannot_have_an_effect_twice() {
    let (dead, backup) = (Dead::new(), Origin::named("backup"));
    let gateway = start(&dead.url(), backup.url(), "[{ upstream: backup }]");
    let answer = gateway.curl("/orders/7", &[]);
    let echo = Echo::of(&answer);
    assert_eq!((degraded(&answer), echo.name(), echo.target()), (Some("upstream"), "backup", "/orders/7"));
    // Each of the gateway's own fields once.
    for field in ["Via", "X-Forwarded-For", "X-Real-IP", "X-Request-ID", "Host"] {
        assert_eq!(echo.all(field).len(), 1, "{field}");
    }
    // Nothing was sent to who is not there, so a POST is safe, and its body is still whole.
    let body = String::from_utf8(pattern(500).iter().map(|byte| byte % 26 + b'a').collect()).unwrap();
    let posted = gateway.curl("/orders", &["--data-binary", &body]);
    let echo = Echo::of(&posted);
    assert_eq!(
        (degraded(&posted), echo.name(), echo.method(), echo.len()),
        (Some("upstream"), "backup", "POST", 500)
    );
    assert_eq!(counted(&gateway, "upstream"), 2);
    gateway
        .log()
        .wait_for("why", |line| line.contains("degraded: upstream_connect") && line.contains("by=upstream"));
    let access = gateway.access_to("/orders/7");
    assert_eq!((access.text("upstream").as_str(), access.text("outcome").as_str()), ("backup", "degraded"));

    // Where it may have had an effect it is not sent again.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let breaking = Fake::start(move |mut wire, _| {
        wire.request();
        count.fetch_add(1, Ordering::SeqCst);
    });
    gateway.reload(&document(&breaking.url(), backup.url(), "[{ upstream: backup }]"));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = gateway.curl("/effect", &["-X", method, "-d", "a=1"]);
        assert_eq!((answer.status(), degraded(&answer)), (502, None), "{method}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert_eq!(degraded(&gateway.curl("/no-effect", &[])), Some("upstream"));
}

#[test]
fn what_nothing_can_stand_in_for_is_told_of_the_service() {
    let (first, second) = (Dead::new(), Dead::new());
    let gateway = start(&first.url(), &second.url(), "[{ cache: 1h }, { upstream: backup }]");
    let answer = gateway.curl("/orders", &[]);
    assert_eq!((answer.status(), degraded(&answer)), (502, None));
    let access = gateway.access_to("/orders");
    let endpoint = format!("127.0.0.1:{}", first.0.number());
    assert_eq!((access.text("upstream"), access.text("endpoint")), ("orders".into(), endpoint));
    assert_eq!((access.text("outcome").as_str(), access.number("attempts")), ("upstream_connect", 2));
    // It was another service, and no retry.
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 0);
}

#[test]
fn a_body_that_was_begun_is_not_sent_to_another() {
    // QUERY is safe and has a body: what of it was sent is gone.
    let backup = Origin::named("backup");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let service = Fake::start(move |mut wire, _| {
        if let Some(request) = wire.request() {
            told.lock().unwrap().push(request.text());
            wire.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let gateway = start(&service.url(), backup.url(), "[{ upstream: backup }]");
    let answer = gateway.curl("/query", &["-X", "QUERY", "-d", "find=this"]);
    assert_eq!((answer.status(), degraded(&answer)), (503, None));
    assert_eq!(*seen.lock().unwrap(), ["find=this"]);
    assert_eq!(degraded(&gateway.curl("/get", &[])), Some("upstream"));
}

#[test]
fn steps_come_in_order_and_a_fixed_answer_is_the_last() {
    let (origin, dead) = (Origin::start(), Dead::new());
    let steps = "[{ cache: true }, { upstream: backup }, { respond: { json: { status: degraded, data: null }, methods: GET } }]";
    let gateway = start(origin.url(), &dead.url(), steps);
    gateway.curl("/known", &[]);
    assert_eq!(degraded(&gateway.curl("/known", &BROKEN)), Some("cache"));
    let answer = gateway.curl("/unknown", &[&BROKEN[..], &["-H", "Origin: https://shop.example"]].concat());
    assert_eq!((answer.status(), degraded(&answer)), (200, Some("default")));
    assert_eq!(answer.text(), r#"{"status":"degraded","data":null}"#);
    assert_eq!(answer.head.field("Content-Type"), Some("application/json"));
    assert_eq!(answer.head.field("Access-Control-Allow-Origin"), Some("https://shop.example"));
    assert_eq!(degraded(&gateway.curl("/unknown", &[&BROKEN[..], &["--head"]].concat())), Some("default"));
    let posted = gateway.curl("/unknown", &[&BROKEN[..], &["-d", "a=1"]].concat());
    assert_eq!((posted.status(), degraded(&posted)), (503, None), "not for this method");

    // What the client did wrong is the client's to mend.
    let large = gateway.curl("/large", &["-d", &"x".repeat(2000)]);
    assert_eq!((large.status(), degraded(&large)), (413, None));
    assert_eq!(["cache", "upstream", "default"].map(|by| counted(&gateway, by)), [1, 0, 2]);

    // Services that come back answer themselves.
    assert_eq!(degraded(&gateway.curl("/known", &[])), None);
}

#[test]
fn a_fixed_answer_has_its_status_and_its_fields() {
    let dead = Dead::new();
    let respond = "{ text: \"closed until {query.until}\", status: 429, \
                   headers: { Retry-After: 30, X-Until: \"{query.until}\", Content-Type: text/x-note } }";
    let gateway = start(&dead.url(), &dead.url(), &format!("{{ respond: {respond} }}"));
    let answer = gateway.curl("/?until=noon", &[]);
    assert_eq!((answer.status(), degraded(&answer)), (429, Some("default")));
    assert_eq!(answer.text(), "closed until noon");
    let field = |name: &str| answer.head.field(name);
    assert_eq!([field("Retry-After"), field("X-Until")], [Some("30"), Some("noon")]);
    assert_eq!(field("Content-Type"), Some("text/x-note"));
    assert_eq!(gateway.access_to("/").number("status"), 429);
}

#[test]
fn a_service_that_hangs_is_one_that_fails() {
    let (silent, backup) = (Fake::start(|mut wire, _| _ = wire.rest_to_any_end()), Origin::named("backup"));
    let gateway = Gateway::start(&format!(
        "upstreams: {{ slow: {{ endpoints: \"{}\", timeouts: {{ response: 200ms, total: 300ms }} }}, backup: \"{}\" }}\n\
         routes: {{ orders: {{ upstream: slow, degrade: {{ upstream: backup }} }} }}\n",
        silent.url(),
        backup.url()
    ));
    let answer = gateway.curl("/", &[]);
    assert_eq!((degraded(&answer), Echo::of(&answer).name()), (Some("upstream"), "backup"));
    assert_eq!(gateway.access_to("/").number("attempts"), 2);
}

#[test]
fn each_variant_of_a_split_degrades() {
    let (origin, dead) = (Origin::named("A"), Dead::new());
    let gateway = Gateway::start(&format!(
        "routes: {{ orders: {{ split: {{ override: query.v, variants: {{ A: \"{}\", B: \"{}\" }} }}, degrade: [{{ cache: 1h }}, {{ respond: later }}] }} }}\n",
        origin.url(),
        dead.url()
    ));
    assert_eq!(degraded(&gateway.curl("/?v=A", &[])), None);
    assert_eq!(degraded(&gateway.curl("/?v=A", &BROKEN)), Some("cache"));
    let answer = gateway.curl("/?v=B", &[]);
    assert_eq!((degraded(&answer), answer.text().as_str()), (Some("default"), "later"));
    let metrics = gateway.metrics();
    let of =
        |variant| metrics.sum("maitred_variant_requests_total", &[("route", "orders"), ("variant", variant)]);
    assert_eq!((of("A"), of("B")), (2, 1));
}

#[test]
fn another_service_has_its_own_time_and_the_client_s_deadline() {
    let (silent, backup) = (Fake::start(|mut wire, _| _ = wire.rest_to_any_end()), Origin::named("backup"));
    let start = |total: &str| {
        Gateway::start(&format!(
            "upstreams: {{ slow: {{ endpoints: \"{}\", timeouts: {{ total: 300ms }} }}, backup: {{ endpoints: \"{}\", timeouts: {{ total: {total}, header: X-Left }} }} }}\n\
             routes: {{ orders: {{ upstream: slow, degrade: {{ upstream: backup }} }} }}\n",
            silent.url(),
            backup.url()
        ))
    };
    let asked = |gateway: &Gateway, fields: &[&str]| {
        let answer = gateway.curl("/", &fields.iter().flat_map(|field| ["-H", field]).collect::<Vec<_>>());
        assert_eq!(degraded(&answer), Some("upstream"), "{fields:?}");
        Echo::of(&answer).field("X-Left").unwrap().parse::<u64>().unwrap()
    };
    let hour = start("1h");
    assert!(asked(&hour, &[]) > 3_590_000);
    // What the client says goes on; what the gateway has told the first service on its own account does not.
    assert!((3_000_000..3_600_000).contains(&asked(&hour, &["grpc-timeout: 1H"])));
    assert!((1..60_000).contains(&asked(&hour, &["grpc-timeout: 1M"])));
    assert!(asked(&hour, &["Content-Type: application/grpc"]) > 3_590_000);
    assert!((1..=1000).contains(&asked(&start("1s"), &["grpc-timeout: 1M"])));
}

#[test]
fn what_was_asked_in_vain_is_not_what_answered() {
    let (origin, dead) = (Origin::start(), Dead::new());
    let gateway = start(origin.url(), &dead.url(), "[{ upstream: backup }, { cache: 1h }]");
    gateway.curl("/known", &[]);
    assert_eq!(degraded(&gateway.curl("/known", &BROKEN)), Some("cache"));
    let access = &gateway.access(1, |access| access.text("outcome") == "degraded")[0];
    assert_eq!(
        (access.text("upstream").as_str(), access.text("endpoint").as_str()),
        ("orders", origin.authority())
    );
}

#[test]
fn a_body_that_is_still_here_goes_to_another() {
    // It says that it wants the body, and then no more.
    let silent = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        wire.rest_to_any_end();
    });
    let backup = Origin::named("backup");
    let gateway = Gateway::start(&format!(
        "upstreams: {{ slow: {{ endpoints: \"{}\", timeouts: {{ response: 300ms }}, retries: {{ retry_on: reset }} }}, backup: \"{}\" }}\n\
         routes: {{ orders: {{ upstream: slow, degrade: {{ upstream: backup }} }} }}\n",
        silent.url(),
        backup.url()
    ));
    let mut wire = gateway.connect();
    wire.send("QUERY / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(wire.head().status(), 100);
    wire.send("find");
    let answer = wire.answer();
    assert!(answer.interim.is_empty(), "the client was told already");
    let echo = Echo::of(&answer);
    assert_eq!((degraded(&answer), echo.len(), echo.has("Expect")), (Some("upstream"), 4, false));
}

#[test]
fn a_failure_is_what_counts_as_one_for_the_circuit() {
    let origin = Origin::start();
    let silent = Fake::start(|mut wire, _| _ = wire.rest_to_any_end());
    let breaking = Fake::start(|mut wire, _| _ = wire.request());
    let dead = Dead::new();
    let asked = |service: &str, failure_on: &str, status: u16| {
        let gateway = Gateway::start(&format!(
            "upstreams: {{ orders: {{ endpoints: \"{service}\", timeouts: {{ response: 100ms }}, circuit_breaker: {{ failure_on: {failure_on}, failures: 1, open_for: 1h }} }} }}\n\
             routes: {{ orders: {{ upstream: orders, degrade: {{ respond: later }} }} }}\n"
        ));
        let answer = gateway.curl("/", &["-H", &format!("X-Ask: status {status}")]);
        // Where it was one the circuit is open, and that always degrades.
        let again = gateway.curl("/", &["-H", "X-Ask: status 200"]);
        assert_eq!(degraded(&answer).is_some(), degraded(&again).is_some(), "{service} {failure_on}");
        assert_eq!(counted(&gateway, "default"), if degraded(&answer).is_some() { 2 } else { 0 });
        degraded(&answer).is_some()
    };
    for (service, status, on, not_on) in [
        (origin.url(), 500, "5xx", "[connect_failure, reset, timeout, 503]"),
        (&silent.url(), 200, "timeout", "[connect_failure, reset, 5xx]"),
        (&breaking.url(), 200, "reset", "[connect_failure, timeout, 5xx]"),
        (&dead.url(), 200, "connect_failure", "[reset, timeout, 5xx]"),
    ] {
        assert!(asked(service, on, status), "{on}");
        assert!(!asked(service, not_on, status), "{not_on}");
    }
}

#[test]
fn a_service_that_cannot_be_asked_has_failed() {
    let (service, backup) = (Fake::start(|mut wire, _| _ = wire.rest_to_any_end()), Origin::named("backup"));
    let mut gateway = Gateway::start(&format!(
        "upstreams: {{ orders: {{ endpoints: \"{}\", max_connections: 1, timeouts: {{ response: 1h }}, circuit_breaker: {{ failure_on: 500 }} }} }}\n\
         routes: {{ orders: {{ upstream: orders, degrade: {{ upstream: \"{}\" }} }} }}\n",
        service.url(),
        backup.url()
    ));
    // Nobody answers what is still under way then.
    gateway.may_end_anyhow();
    let mut first = gateway.connect();
    first.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually("it has the connection", || (service.connections() == 1).then_some(()));
    let answer = gateway.curl("/", &[]);
    assert_eq!((degraded(&answer), Echo::of(&answer).name()), (Some("upstream"), "backup"));
}
