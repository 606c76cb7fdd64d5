//! What breakers, limits and balancing know goes on over reloads, also over many of them and under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use maitred_tests::{Fake, Gateway, PATIENCE, Wire, eventually};

const RELOADS: usize = 100;

/// A service that answers with its name, and what asks for `hold` only once it is let go.
struct Holding {
    fake: Fake,
    held: Arc<AtomicUsize>,
    let_go: Sender<()>,
}

impl Holding {
    fn start(name: &'static str) -> Self {
        let (let_go, wait): (Sender<()>, Receiver<()>) = channel();
        let (held, wait) = (Arc::new(AtomicUsize::new(0)), Mutex::new(wait));
        let count = Arc::clone(&held);
        let fake = Fake::start(move |mut wire, _| {
            while let Some(request) = wire.request() {
                if request.head.start.contains("/hold") {
                    count.fetch_add(1, Ordering::SeqCst);
                    wait.lock().unwrap().recv_timeout(PATIENCE * 3).unwrap();
                }
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()));
            }
        });
        Self { fake, held, let_go }
    }
}

/// A service that answers 500 to everything, and how often it was asked.
fn failing() -> (Fake, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            wire.send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (fake, asked)
}

fn ask(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Asks again and again until it is over; all is well all the time.
fn load(gateway: &Gateway, is_over: &AtomicBool) {
    let mut wire = gateway.connect();
    while !is_over.load(Ordering::Relaxed) {
        assert_eq!(wire.ask(&ask("/load")).status(), 200);
    }
}

#[test]
fn what_is_known_goes_on_over_a_hundred_reloads_under_load() {
    let (one, two) = (Holding::start("one"), Holding::start("two"));
    let alone = Holding::start("alone");
    let (broken, asked) = failing();
    let document = |number: usize| {
        format!(
            "upstreams:\n  broken: {{ endpoints: \"{}\", circuit_breaker: {{ failures: 3, open_for: 1h }} }}\n  \
             pair: {{ endpoints: [\"{}\", \"{}\"], balance: least_requests, timeouts: {{ response: 10m }} }}\n  alone: {{ endpoints: \"{}\", timeouts: {{ response: 10m }} }}\n\
             routes:\n  broken: {{ match: /broken, upstream: broken }}\n  pair: {{ match: /pair/*, upstream: pair }}\n  \
             alone: {{ match: /alone/*, upstream: alone, policies: {{ concurrency_limit: 1 }} }}\n  \
             load: {{ match: /load, upstream: pair, strip_prefix: /load }}\n  number: {{ match: /number, respond: \"{number}\" }}\n",
            broken.url(),
            one.fake.url(),
            two.fake.url(),
            alone.fake.url()
        )
    };
    let gateway = Gateway::start(&document(0));
    for status in [500, 500, 500, 503, 503] {
        assert_eq!(gateway.connect().ask(&ask("/broken")).status(), status);
    }
    let mut held = gateway.connect();
    held.send(ask("/pair/hold"));
    let (busy, free) = eventually("one of them has it", || {
        let has = |service: &Holding| service.held.load(Ordering::SeqCst) == 1;
        (has(&one) || has(&two)).then(|| if has(&one) { (&one, "two") } else { (&two, "one") })
    });
    let mut limited = gateway.connect();
    limited.send(ask("/alone/hold"));
    eventually("it has it", || (alone.held.load(Ordering::SeqCst) == 1).then_some(()));

    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| load(&gateway, &is_over));
        for number in 1..=RELOADS {
            gateway.reload(&document(number));
        }
        is_over.store(true, Ordering::Relaxed);
        client.join().unwrap();
    });

    assert_eq!(gateway.connect().ask(&ask("/broken")).status(), 503, "the circuit is still open");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "nobody asked it since");
    let mut wire = gateway.connect();
    for _ in 0..10 {
        assert_eq!(wire.ask(&ask("/pair/ask")).text(), free, "the other one is still busy");
    }
    assert_eq!(gateway.connect().ask(&ask("/alone/ask")).status(), 503, "the one that it takes is under way");
    busy.let_go.send(()).unwrap();
    alone.let_go.send(()).unwrap();
    assert_eq!(held.answer().status(), 200);
    assert_eq!(limited.answer().status(), 200);
    eventually("there is room again", || {
        (gateway.connect().ask(&ask("/alone/ask")).status() == 200).then_some(())
    });
    eventually("both serve again", || {
        let names: Vec<String> = (0..8).map(|_| wire_text(&mut gateway.connect())).collect();
        (names.iter().any(|name| name == "one") && names.iter().any(|name| name == "two")).then_some(())
    });
}

fn wire_text(wire: &mut Wire) -> String {
    wire.ask(&ask("/pair/ask")).text()
}
