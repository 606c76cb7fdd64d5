//! What is too much: requests above a concurrency limit, and a gateway that is short of memory.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};

use maitred_tests::frames::{CANCEL, Frame, HEADERS, RawHttp2};
use maitred_tests::{Fake, Gateway, Wire, eventually};

/// A service that holds every request until it is told to answer, and counts those that it has.
struct Held {
    service: Fake,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    /// Requests that are here now, and that ever came.
    here: AtomicUsize,
    came: AtomicUsize,
}

impl Held {
    fn start() -> Self {
        let gate: Arc<Gate> = Arc::default();
        let of_service = Arc::clone(&gate);
        let service = Fake::start(move |mut wire, _| {
            while wire.request().is_some() {
                of_service.here.fetch_add(1, SeqCst);
                of_service.came.fetch_add(1, SeqCst);
                let is_open = of_service.is_open.lock().unwrap();
                drop(of_service.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
                of_service.here.fetch_sub(1, SeqCst);
                if wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").is_err() {
                    return;
                }
            }
        });
        Self { service, gate }
    }

    fn open(&self) {
        *self.gate.is_open.lock().unwrap() = true;
        self.gate.opened.notify_all();
    }

    fn limited(&self, policy: &str) -> Gateway {
        Gateway::start(&self.document(policy))
    }

    fn document(&self, policy: &str) -> String {
        format!(
            "policies: {{ concurrency_limit: {policy} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
            self.service.url()
        )
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.open();
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Waits until so many requests are there by the gateway's own account.
fn has(gateway: &Gateway, what: &str, count: i64) {
    let family = format!("maitred_concurrency_limit_{what}");
    eventually(&format!("{count} {what}"), || (gateway.metrics().sum(&family, &[]) == count).then_some(()));
}

#[test]
fn one_goes_on_one_waits_and_one_is_refused() {
    let held = Held::start();
    let gateway = held.limited("{ limit: 1, queue: 1, queue_timeout: 1m }");
    let (mut one, mut two) = (gateway.connect(), gateway.connect());
    one.send(GET);
    has(&gateway, "in_flight", 1);
    two.send(GET);
    has(&gateway, "queued", 1);
    let three = gateway.connect().ask("GET /three HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!((three.status(), three.head.field("Retry-After")), (503, Some("1")));
    assert_eq!(three.json()["detail"].as_str(), Some("Service unavailable"));
    assert_eq!(gateway.access_to("/three").text("outcome"), "concurrency_limit");
    assert_eq!(gateway.metrics().sum("maitred_concurrency_limit_refused_total", &[("reason", "full")]), 1);
    held.open();
    assert_eq!((one.answer().text(), two.answer().text()), ("OK".to_owned(), "OK".to_owned()));
    has(&gateway, "in_flight", 0);
}

#[test]
fn each_client_has_so_many_also_over_a_reload() {
    let held = Held::start();
    let tenant = |name: &str| format!("GET / HTTP/1.1\r\nHost: test\r\nX-Tenant: {name}\r\n\r\n");
    let gateway = held.limited("{ limit: 1, by: header.X-Tenant }");
    let (mut one, mut other) = (gateway.connect(), gateway.connect());
    one.send(tenant("a"));
    has(&gateway, "in_flight", 1);
    other.send(tenant("b"));
    has(&gateway, "in_flight", 2);
    let refused = gateway.connect().ask(&tenant("a"));
    assert_eq!((refused.status(), refused.head.field("Retry-After")), (429, Some("1")));
    assert_eq!(refused.json()["detail"].as_str(), Some("Too many requests at once"));
    gateway.reload(&held.document("{ limit: 1, by: header.X-Tenant, ipv6_prefix: 56 }"));
    assert_eq!(gateway.connect().ask(&tenant("b")).status(), 429);
    assert_eq!(gateway.metrics().sum("maitred_concurrency_limit_refused_total", &[("reason", "caller")]), 2);
    held.open();
    assert_eq!((one.answer().status(), other.answer().status()), (200, 200));
    has(&gateway, "in_flight", 0);
    assert_eq!(gateway.connect().ask(&tenant("a")).status(), 200);
}

#[test]
fn who_waits_for_too_long_is_refused() {
    let held = Held::start();
    let gateway = held.limited("{ limit: 1, queue: 1, queue_timeout: 50ms }");
    let mut one = gateway.connect();
    one.send(GET);
    has(&gateway, "in_flight", 1);
    assert_eq!(gateway.connect().ask(GET).status(), 503);
    assert_eq!(gateway.metrics().sum("maitred_concurrency_limit_refused_total", &[("reason", "timeout")]), 1);
    held.open();
    assert_eq!(one.answer().status(), 200);
}

#[test]
fn a_client_that_goes_leaves_its_place_and_its_turn() {
    let held = Held::start();
    let gateway = held.limited("{ limit: 1, queue: 2, queue_timeout: 1m }");
    let mut goes = RawHttp2::begin(gateway.connect(), &[]);
    assert!(goes.send(&[Frame::get(1, "/one")]));
    has(&gateway, "in_flight", 1);
    assert!(goes.send(&[Frame::get(3, "/two")]));
    has(&gateway, "queued", 1);
    let mut stays = gateway.connect();
    stays.send(GET);
    has(&gateway, "queued", 2);
    // Out of the queue,
    assert!(goes.send(&[Frame::reset(3, CANCEL)]));
    has(&gateway, "queued", 1);
    // and away from the service.
    assert!(goes.send(&[Frame::reset(1, CANCEL)]));
    has(&gateway, "queued", 0);
    has(&gateway, "in_flight", 1);
    held.open();
    assert_eq!(stays.answer().status(), 200);
    has(&gateway, "in_flight", 0);
}

/// What a connection sends meanwhile, the next request above all, is kept while its request waits.
#[test]
fn a_connection_that_ends_leaves_its_turn() {
    let held = Held::start();
    let gateway = held.limited("{ limit: 1, queue: 3, queue_timeout: 1m }");
    let [mut one, mut ends, mut breaks, mut stays] = [(); 4].map(|()| gateway.connect());
    for (wire, queued) in [(&mut one, 0), (&mut ends, 1), (&mut breaks, 2), (&mut stays, 3)] {
        wire.send(GET);
        has(&gateway, "in_flight", 1);
        has(&gateway, "queued", queued);
    }
    stays.send(GET);
    drop(ends);
    has(&gateway, "queued", 2);
    breaks.reset();
    has(&gateway, "queued", 1);
    assert_eq!(gateway.access_to("/").text("outcome"), "client_closed");
    held.open();
    for waited in [&mut one, &mut stays] {
        assert_eq!(waited.answer().text(), "OK");
    }
    assert_eq!(stays.answer().text(), "OK");
    assert_eq!(held.gate.came.load(SeqCst), 3);
}

#[test]
fn a_limit_that_adapts_stays_between_its_bounds() {
    // It begins with 20, which is above the one and below the other.
    for (bounds, limit) in [("max: 3", 3), ("min: 23", 23), ("min: 2, max: 4", 4)] {
        let held = Held::start();
        let gateway = held.limited(&format!("{{ limit: adaptive, {bounds} }}"));
        let mut waiting: Vec<Wire> = (0..limit).map(|_| gateway.connect()).collect();
        for wire in &mut waiting {
            wire.send(GET);
        }
        eventually("all are there", || (held.gate.here.load(SeqCst) == limit).then_some(()));
        assert_eq!(gateway.connect().ask(GET).status(), 503, "{bounds}");
        held.open();
        assert!(waiting.iter_mut().all(|wire| wire.answer().status() == 200), "{bounds}");
    }
}

#[test]
fn the_count_is_exact_over_a_hundred_reloads() {
    const LIMIT: usize = 3;
    let held = Held::start();
    let document = |round: usize| {
        held.document(&format!("{{ limit: {LIMIT}, queue: {}, queue_timeout: 1m }}", 2 + round % 2))
    };
    let gateway = Gateway::start(&document(0));
    // Some are there all the time.
    let mut first = [gateway.connect(), gateway.connect()];
    for wire in &mut first {
        wire.send(GET);
    }
    eventually("they are there", || (held.gate.here.load(SeqCst) == 2).then_some(()));
    let crowd: Vec<Wire> = (0..8).map(|_| gateway.connect()).collect();
    let refused: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = crowd
            .into_iter()
            .map(|mut wire| {
                scope.spawn(move || {
                    let statuses: Vec<u16> = (0..100).map(|_| wire.ask(GET).status()).collect();
                    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
                    statuses.iter().filter(|status| **status == 503).count()
                })
            })
            .collect();
        for round in 1..=100 {
            gateway.reload(&document(round));
            assert!(held.gate.here.load(SeqCst) <= LIMIT);
            if round == 50 {
                held.open();
            }
        }
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(first.iter_mut().all(|wire| wire.answer().status() == 200));
    has(&gateway, "in_flight", 0);
    has(&gateway, "queued", 0);
    assert_eq!(held.gate.came.load(SeqCst), 2 + 8 * 100 - refused);
    // All places are there again, and not one more.
    let gateway_refused = gateway.metrics().sum("maitred_concurrency_limit_refused_total", &[]);
    assert_eq!(gateway_refused, i64::try_from(refused).unwrap());
}

const PROTO: &str = "syntax = \"proto3\";\npackage t;\nimport \"google/api/annotations.proto\";\n\
    service T { rpc Put(M) returns (M) { option (google.api.http) = { post: \"/put\" body: \"*\" }; } }\n\
    message M { string text = 1; }\n";

#[test]
fn short_of_memory_it_refuses_until_it_has_some_again() {
    let gateway = Gateway::start_with(
        &[("t.proto", PROTO)],
        "limits: { overload: 48MiB, buffered_body: 16MiB, body_rate: false }\n\
         routes:\n  put: { match: /put, upstream: \"grpc://127.0.0.1:9\", policies: { grpc_json: { protos: t.proto } } }\n  \
         own: { match: /own, respond: OK }\n",
    );
    let mut kept = gateway.connect();
    assert_eq!(kept.ask("GET /own HTTP/1.1\r\nHost: test\r\n\r\n").status(), 200);
    assert!(gateway.is_ready());
    // Bodies that policies need whole, and that do not come to their end.
    let part = vec![b' '; 12 << 20];
    let bodies: Vec<Wire> = (0..6)
        .map(|_| {
            let mut wire = gateway.connect();
            let head =
                format!("POST /put HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", part.len() + 1);
            // It may be refused by now.
            let _ = wire.try_send(head).and_then(|()| wire.try_send(&part));
            wire
        })
        .collect();
    eventually("it is not ready", || (!gateway.is_ready()).then_some(()));
    let refused = kept.ask("GET /own HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!((refused.status(), refused.head.field("Retry-After")), (503, Some("1")));
    assert_eq!(refused.head.field("Content-Type"), Some("application/problem+json"));
    assert_eq!(refused.head.field("Connection"), Some("close"));
    kept.is_closed();
    let mut streams = RawHttp2::begin(gateway.connect(), &[]);
    assert!(streams.send(&[Frame::get(1, "/own")]));
    assert_eq!(streams.find("an answer", |frame| frame.kind == HEADERS).status(), 503);
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_overloaded_workers", &[("cause", "memory")]), 2);
    assert!(metrics.sum("maitred_overload_refused_total", &[("listener", "web")]) >= 2);
    assert!(metrics.sum("maitred_requests_total", &[("route", "unmatched"), ("status", "5xx")]) >= 2);
    gateway.access(2, |access| access.text("outcome") == "overload" && access.text("path") == "/own");
    gateway.log().wait_for("why", |line| line.contains("memory is short"));
    drop(bodies);
    eventually("it is ready again", || gateway.is_ready().then_some(()));
    assert_eq!(gateway.connect().ask("GET /own HTTP/1.1\r\nHost: test\r\n\r\n").status(), 200);
}
