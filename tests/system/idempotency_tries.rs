//! Requests with a key whose service fails, or is asked more than once by the gateway itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use maitred_tests::frames::{CANCEL, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, RawHttp2};
use maitred_tests::{Answer, Fake, Gateway, Wire, eventually};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
const BUSY: &str = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";

/// A service that counts orders, and answers each so; none: it closes the connection.
fn service(
    answer: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
) -> (Fake, Arc<AtomicUsize>) {
    let orders = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&orders);
    let service = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let start = request.head.start;
            if start.starts_with("POST") {
                count.fetch_add(1, Ordering::SeqCst);
            }
            let Some(answer) = answer(&start) else { return };
            wire.send(answer);
        }
    });
    (service, orders)
}

fn gateway(endpoints: &[&Fake], upstream: &str, route: &str) -> Gateway {
    let urls: Vec<_> = endpoints.iter().map(|service| format!("\"{}\"", service.url())).collect();
    let mut gateway = Gateway::start(&format!(
        "upstreams: {{ shop: {{ endpoints: [{}]{upstream} }} }}\n\
         routes: {{ shop: {{ upstream: shop, policies: {{ idempotency: true }}{route} }} }}\n",
        urls.join(", ")
    ));
    // Faults of services are logged, and clients may still wait in the end.
    gateway.may_end_anyhow();
    gateway
}

fn order(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop\r\nIdempotency-Key: k{path}\r\nContent-Length: 5\r\n\r\npizza"
    )
}

fn ask(gateway: &Gateway, path: &str) -> Answer {
    gateway.connect().ask(&order(path))
}

#[test]
fn a_connection_that_dies_with_the_request_is_not_replaced() {
    let (shop, orders) = service(|start| start.starts_with("GET").then_some(OK));
    let gateway = gateway(&[&shop], "", "");
    let mut client = gateway.connect();
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").text(), "OK");
    assert_eq!(client.ask(&order("/")).status(), 502);
    assert_eq!(shop.connections(), 1, "it was the one from before");
    assert_eq!(orders.load(Ordering::SeqCst), 1);
    // The service may have done it.
    assert_eq!(ask(&gateway, "/").status(), 409);
}

#[test]
fn retries_do_not_go_by_the_key() {
    let (shop, orders) = service(|start| start.contains("/busy").then_some(BUSY));
    let gateway = gateway(&[&shop], ", retries: true", "");
    for (path, first, next) in [("/busy", 503, 503), ("/reset", 502, 409)] {
        let before = orders.load(Ordering::SeqCst);
        assert_eq!(ask(&gateway, path).status(), first);
        assert_eq!(orders.load(Ordering::SeqCst), before + 1, "{path}");
        assert_eq!(ask(&gateway, path).status(), next, "{path}");
    }
}

/// A service that never answers, and tells of each request.
fn silent(told: mpsc::Sender<String>) -> Fake {
    let told = Mutex::new(told);
    Fake::start(move |mut wire, _| {
        let Some(request) = wire.request() else { return };
        told.lock().unwrap().send(request.head.start).unwrap();
        wire.rest_to_any_end();
    })
}

#[test]
fn none_is_sent_beside_one_that_takes_long() {
    let (told, tells) = mpsc::channel();
    let services = [silent(told.clone()), silent(told)];
    let upstream =
        ", timeouts: { response: 10h }, retries: { hedge_after: 1ms, backoff: false, budget: false }";
    let gateway = gateway(&[&services[0], &services[1]], upstream, "");
    let mut client = gateway.connect();
    client.send(order("/post"));
    let mut asked = vec![tells.recv().unwrap()];
    // When one that came later was sent twice, the time of the one before it has passed.
    let mut other = gateway.connect();
    other.send("GET /get HTTP/1.1\r\nHost: shop\r\n\r\n");
    eventually("it is sent twice", || {
        asked.extend(tells.try_iter());
        (asked.iter().filter(|start| start.starts_with("GET")).count() == 2).then_some(())
    });
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[test]
fn what_stands_in_for_the_service_is_not_its_answer() {
    let degrade = ", degrade: [{ respond: { json: { status: later } } }]";
    let (shop, orders) = service(|start| start.contains("/busy").then_some(BUSY));
    let gateway = gateway(&[&shop], "", degrade);
    for (path, next) in [("/busy", 200), ("/reset", 409)] {
        let before = orders.load(Ordering::SeqCst);
        assert!(ask(&gateway, path).text().contains("later"));
        let again = ask(&gateway, path);
        assert_eq!(again.status(), next, "{path}");
        assert_eq!(orders.load(Ordering::SeqCst) - before, if next == 200 { 2 } else { 1 });
    }
}

#[test]
fn a_service_that_takes_too_long_may_still_do_it() {
    let (told, tells) = mpsc::channel();
    let shop = silent(told);
    let gateway = gateway(&[&shop], ", timeouts: { response: 10ms }", "");
    assert_eq!(ask(&gateway, "/slow").status(), 504);
    assert_eq!(ask(&gateway, "/slow").status(), 409);
    tells.recv().unwrap();
    assert_eq!(tells.try_iter().count(), 0);
}

/// A body of 1 MiB less a bit, of which the first half is sent at once, and the rest when that is told.
fn long_answer() -> (Fake, mpsc::Sender<()>) {
    let (go, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let service = Fake::start(move |mut wire, _| {
        let Some(_) = wire.request() else { return };
        let half = "x".repeat(HALF);
        wire.send(format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{half}", 2 * HALF));
        if held.lock().unwrap().recv().is_ok() {
            wire.send(half);
            wire.rest_to_any_end();
        }
    });
    (service, go)
}

const HALF: usize = 500_000;

fn finds_all(gateway: &Gateway) {
    let again = eventually("it is there", || {
        let again = ask(gateway, "/long");
        assert!(!again.text().contains("could not be kept"), "{}", again.text());
        (again.status() != 409).then_some(again)
    });
    assert_eq!((again.status(), again.head.field("Idempotency-Replayed")), (201, Some("true")));
    assert_eq!(again.body.len(), 2 * HALF);
}

#[test]
fn who_goes_within_a_long_answer_finds_all_of_it() {
    let (shop, go) = long_answer();
    let gateway = gateway(&[&shop], "", "");
    let mut client: Wire = gateway.connect();
    client.send(order("/long"));
    assert_eq!(client.head().status(), 201);
    client.reset();
    go.send(()).unwrap();
    finds_all(&gateway);
}

/// A client of HTTP/2 that has sent the same order on stream 1.
fn order_on_a_stream(gateway: &Gateway, path: &str) -> RawHttp2 {
    let mut client = RawHttp2::begin(gateway.connect(), &[]);
    let key = format!("k{path}");
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "shop"),
        ("idempotency-key", &key),
    ];
    client.send(&[Frame::head(1, END_HEADERS, &fields), Frame::new(DATA, END_STREAM, 1, b"pizza")]);
    client
}

#[test]
fn who_resets_a_stream_within_a_long_answer_finds_all_of_it() {
    let (shop, go) = long_answer();
    let gateway = gateway(&[&shop], "", "");
    let mut client = order_on_a_stream(&gateway, "/long");
    client.find("the head of the answer", |frame| frame.kind == HEADERS && frame.status() == 201);
    client.send(&[Frame::reset(1, CANCEL)]);
    go.send(()).unwrap();
    finds_all(&gateway);
}

#[test]
fn who_resets_a_stream_before_its_answer_leaves_the_key_taken() {
    let (told, tells) = mpsc::channel();
    let shop = silent(told);
    let gateway = gateway(&[&shop], "", "");
    let mut client = order_on_a_stream(&gateway, "/silent");
    tells.recv().unwrap();
    client.send(&[Frame::reset(1, CANCEL)]);
    eventually("it is over", || (gateway.access_to("/silent").number("attempts") == 1).then_some(()));
    assert_eq!(ask(&gateway, "/silent").status(), 409);
    assert_eq!(tells.try_iter().count(), 0);
}
