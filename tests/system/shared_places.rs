//! Places of `concurrency_limit` that replicas share: counted together, for all and for each caller, and free again when a gateway dies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use maitred_tests::{Fake, Gateway, Redis, Wire, eventually};

/// How many places are taken in the store.
fn held(redis: &Redis) -> String {
    redis.ask(&["EVAL", "local n = 0 for _, key in ipairs(redis.call('KEYS', '*')) do if redis.call('TYPE', key).ok == 'zset' then n = n + redis.call('ZCARD', key) end end return n", "0"])
}

/// A service that holds each request until it is told to go on, and counts them.
fn holding() -> (Fake, Arc<AtomicUsize>, mpsc::Sender<()>) {
    let (go, held) = mpsc::channel::<()>();
    let (held, asked) = (Mutex::new(held), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            if held.lock().unwrap().recv().is_err()
                || wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err()
            {
                return;
            }
        }
    });
    (service, asked, go)
}

#[test]
fn replicas_count_together_and_places_of_the_dead_come_back() {
    let redis = Redis::default();
    let (service, asked, go) = holding();
    let document = format!(
        "stores: {{ default: {{ redis: {{ url: \"{}\", timeout: 900ms }} }} }}\n\
         upstreams: {{ app: {{ endpoints: \"{}\", timeouts: {{ response: 1m }} }} }}\n\
         routes: {{ app: {{ upstream: app, policies: {{ concurrency_limit: {{ limit: 4, store: default }} }} }} }}\n",
        redis.url(),
        service.url()
    );
    let mut gateways = [Gateway::start(&document), Gateway::start(&document)];
    let ask = |gateway: &Gateway| {
        let mut wire = gateway.connect();
        wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        wire
    };
    // One after the other, since the service holds them.
    let mut waiting: Vec<Wire> = Vec::new();
    for number in 0..4 {
        waiting.push(ask(&gateways[number % 2]));
        eventually("the service has it", || (asked.load(Ordering::SeqCst) == number + 1).then_some(()));
    }
    for gateway in &gateways {
        let refused = ask(gateway).answer();
        assert_eq!((refused.status(), refused.head.field("Retry-After")), (503, Some("1")));
    }
    // Those of one that dies are free in time; those of the other are still taken.
    gateways[0].may_end_anyhow();
    gateways[0].signal("KILL");
    let mut late = Vec::new();
    for _ in 0..2 {
        eventually("its places come back", || {
            let refused = || gateways[1].metrics().sum("maitred_concurrency_limit_refused_total", &[]);
            let before = (asked.load(Ordering::SeqCst), refused());
            let mut wire = ask(&gateways[1]);
            let is_taken = eventually("it is answered or held", || {
                let is_held = asked.load(Ordering::SeqCst) > before.0;
                (is_held || refused() > before.1).then_some(is_held)
            });
            if !is_taken {
                assert_eq!(wire.answer().status(), 503);
                return None;
            }
            late.push(wire);
            Some(())
        });
    }
    for _ in 0..asked.load(Ordering::SeqCst) {
        go.send(()).unwrap();
    }
    for wire in waiting.iter_mut().skip(1).step_by(2).chain(&mut late) {
        assert_eq!(wire.answer().status(), 200);
    }
    eventually("all are given back", || (held(&redis) == "0").then_some(()));
}

#[test]
fn replicas_count_the_requests_of_each_caller_together() {
    let redis = Redis::default();
    let (service, asked, go) = holding();
    let document = format!(
        "stores: {{ default: {{ redis: {{ url: \"{}\", timeout: 900ms }} }} }}\n\
         upstreams: {{ app: {{ endpoints: \"{}\", timeouts: {{ response: 1m }} }} }}\n\
         routes: {{ app: {{ upstream: app, policies: \
             {{ concurrency_limit: {{ limit: 2, by: header.X-Tenant, store: default }} }} }} }}\n",
        redis.url(),
        service.url()
    );
    let gateways = [Gateway::start(&document), Gateway::start(&document)];
    let ask = |gateway: &Gateway, tenant: &str| {
        let mut wire = gateway.connect();
        wire.send(format!("GET / HTTP/1.1\r\nHost: test\r\nX-Tenant: {tenant}\r\n\r\n"));
        wire
    };
    let mut waiting: Vec<Wire> = Vec::new();
    for (number, tenant) in ["a", "a", "b", "b"].into_iter().enumerate() {
        waiting.push(ask(&gateways[number % 2], tenant));
        eventually("the service has it", || (asked.load(Ordering::SeqCst) == number + 1).then_some(()));
    }
    assert_eq!(held(&redis), "4");
    for gateway in &gateways {
        for tenant in ["a", "b"] {
            let refused = ask(gateway, tenant).answer();
            assert_eq!((refused.status(), refused.head.field("Retry-After")), (429, Some("1")));
        }
        let refused =
            gateway.metrics().sum("maitred_concurrency_limit_refused_total", &[("reason", "caller")]);
        assert_eq!(refused, 2);
    }
    waiting.push(ask(&gateways[0], "c"));
    eventually("another has places", || (asked.load(Ordering::SeqCst) == 5).then_some(()));
    for _ in 0..5 {
        go.send(()).unwrap();
    }
    assert!(waiting.iter_mut().all(|wire| wire.answer().status() == 200));
    eventually("all are given back", || (held(&redis) == "0").then_some(()));
    go.send(()).unwrap();
    assert_eq!(ask(&gateways[1], "a").answer().status(), 200);
}
