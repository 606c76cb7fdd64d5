//! Requests with a key, by clients at once and one after the other, over workers and reloads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use maitred_tests::{Answer, Fake, Gateway, Redis, Wire, eventually};

/// A service that numbers orders. Those to `/slow` it holds until it is told to go on.
struct Shop {
    service: Fake,
    orders: Arc<AtomicUsize>,
    go: Sender<()>,
}

impl Shop {
    fn open() -> Self {
        let (go, held) = channel::<()>();
        let (orders, held) = (Arc::new(AtomicUsize::new(0)), Mutex::new(held));
        let count = Arc::clone(&orders);
        let service = Fake::start(move |mut wire, _| {
            while let Some(request) = wire.request() {
                let target = request.head.start.split(' ').nth(1).unwrap_or_default();
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                let length = number.to_string().len();
                if target.starts_with("/slow") && held.lock().unwrap().recv().is_err() {
                    return;
                }
                let answer = match target {
                    "/chunked" => {
                        format!(
                            "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{number}\r\n0\r\n\r\n"
                        )
                    }
                    "/cut" => format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{number}"),
                    "/fails" => "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
                    _ => format!(
                        "HTTP/1.1 201 Created\r\nLocation: /orders/{number}\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                         Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{number}"
                    ),
                };
                if wire.try_send(answer).is_err() || target == "/cut" {
                    return;
                }
            }
        });
        Self { service, orders, go }
    }

    fn orders(&self) -> usize {
        self.orders.load(Ordering::SeqCst)
    }

    fn document(&self, policy: &str) -> String {
        let url = self.service.url();
        format!(
            "policies: {{ cors: {{ origins: [\"https://shop.example\"] }} }}\nroutes: {{ orders: {{ upstream: \"{url}\", policies: {{ idempotency: {policy} }} }} }}\n"
        )
    }
}

fn order(path: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop\r\nOrigin: https://shop.example\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn is_replayed(answer: &Answer) -> bool {
    answer.head.field("Idempotency-Replayed") == Some("true")
}

#[test]
fn of_fifty_at_once_the_service_sees_one() {
    let shop = Shop::open();
    let gateway = Gateway::start(&shop.document("true"));
    let mut clients: Vec<Wire> = (0..50).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(order("/slow", "\"8e03978e\"", "pizza"));
    }
    // One is held, and all others are answered meanwhile.
    let answered = std::thread::scope(|scope| {
        let (told, tells) = channel();
        for (number, client) in clients.iter_mut().enumerate() {
            let told = told.clone();
            scope.spawn(move || told.send((number, client.answer())).unwrap());
        }
        let refused: Vec<_> = tells.iter().take(49).collect();
        shop.go.send(()).unwrap();
        let (first, answer) = tells.recv().unwrap();
        assert_eq!((answer.status(), answer.text().as_str(), is_replayed(&answer)), (201, "1", false));
        for (_, answer) in &refused {
            assert_eq!((answer.status(), answer.head.field("Retry-After")), (409, Some("1")));
            assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
        }
        first
    });
    // Whoever asks again, on whichever worker, has the same answer; it is rendered like any other.
    for client in &mut clients {
        let answer = client.ask(&order("/slow", "8e03978e", "pizza"));
        assert_eq!((answer.status(), answer.text().as_str(), is_replayed(&answer)), (201, "1", true));
        assert_eq!(answer.head.field("Location"), Some("/orders/1"));
        assert_eq!(answer.head.all("Set-Cookie"), ["a=1", "b=2"]);
        assert_eq!(answer.head.all("Access-Control-Allow-Origin"), ["https://shop.example"]);
        assert_eq!(answer.head.field("Content-Length"), Some("1"));
    }
    assert_eq!(shop.orders(), 1);
    let other = clients[answered].ask(&order("/slow", "8e03978e", "pasta"));
    assert_eq!(other.status(), 422);
    assert_eq!(shop.orders(), 1);
}

#[test]
fn an_answer_is_kept_before_the_client_has_it() {
    let shop = Shop::open();
    let gateway = Gateway::start(&shop.document("true"));
    let (mut one, mut other) = (gateway.connect(), gateway.connect());
    for number in 0..200 {
        let path = ["/orders", "/chunked"][number % 2];
        let request = order(path, &format!("key-{number}"), "pizza");
        let first = one.ask(&request);
        let again = other.ask(&request);
        assert_eq!((again.status(), again.text()), (201, first.text()), "{number}: {}", again.text());
        assert!(is_replayed(&again) && !is_replayed(&first));
    }
    assert_eq!(shop.orders(), 200);
}

#[test]
fn answers_outlive_a_reload_and_failures_free_the_key() {
    let shop = Shop::open();
    let gateway = Gateway::start(&shop.document("true"));
    let ask = |path: &str| gateway.connect().ask(&order(path, "k", "pizza"));
    assert_eq!(ask("/orders").text(), "1");
    gateway.reload(&shop.document("{ required: true, documentation: 'https://shop.example/keys' }"));
    let again = ask("/orders");
    assert_eq!((again.text().as_str(), is_replayed(&again)), ("1", true));
    let missing = gateway.connect().ask("POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(missing.status(), 400);
    let link = "<https://shop.example/keys>; rel=\"describedby\"; type=\"text/html\"";
    assert_eq!(missing.head.field("Link"), Some(link));
    let failing = order("/fails", "f", "pizza");
    let before = shop.orders();
    for tries in 1..=3 {
        let answer = gateway.connect().ask(&failing);
        assert_eq!((answer.status(), shop.orders()), (503, before + tries));
    }
}

#[test]
fn an_answer_that_breaks_off_is_not_asked_for_again() {
    let shop = Shop::open();
    let mut gateway = Gateway::start(&shop.document("true"));
    // The service broke the answer off, which the log tells.
    gateway.may_end_anyhow();
    let mut client = gateway.connect();
    client.send(order("/cut", "k", "pizza"));
    assert_eq!(client.head().status(), 200);
    eventually("what became of it is known", || {
        let answer = gateway.connect().ask(&order("/cut", "k", "pizza"));
        assert_eq!(answer.status(), 409);
        answer.text().contains("could not be kept").then_some(())
    });
    assert_eq!(shop.orders(), 1);
}

#[test]
fn who_lost_the_connection_gets_the_answer_on_the_next() {
    let shop = Shop::open();
    let gateway = Gateway::start(&shop.document("true"));
    let mut client = gateway.connect();
    client.send(order("/slow", "k", "pizza"));
    eventually("the service has it", || (shop.orders() == 1).then_some(()));
    client.reset();
    assert_eq!(gateway.connect().ask(&order("/slow", "k", "pizza")).status(), 409);
    shop.go.send(()).unwrap();
    let answer = eventually("it is there", || {
        let answer = gateway.connect().ask(&order("/slow", "k", "pizza"));
        (answer.status() != 409).then_some(answer)
    });
    assert_eq!((answer.status(), answer.text().as_str(), is_replayed(&answer)), (201, "1", true));
    assert_eq!(shop.orders(), 1);
}

#[test]
fn replicas_that_share_a_store_do_things_once() {
    const KEY: &str = "key-in-the-clear";
    let (shop, redis) = (Shop::open(), Redis::default());
    let document = |more: &str| {
        let store = format!("{{ redis: {{ url: \"{}\", timeout: 900ms }} }}", redis.url());
        format!("stores: {{ default: {store} }}\n{}", shop.document(&format!("{{ ttl: 1h{more} }}")))
    };
    let gateways = [Gateway::start(&document("")), Gateway::start(&document(""))];
    let mut clients: Vec<Wire> = (0..20).map(|number: usize| gateways[number % 2].connect()).collect();
    for client in &mut clients {
        client.send(order("/slow", KEY, "pizza"));
    }
    std::thread::scope(|scope| {
        let (told, tells) = channel();
        for client in &mut clients {
            let told = told.clone();
            scope.spawn(move || told.send(client.answer()).unwrap());
        }
        assert!(tells.iter().take(19).all(|answer| answer.status() == 409));
        shop.go.send(()).unwrap();
        assert_eq!(tells.recv().unwrap().text(), "1");
    });
    for client in &mut clients {
        let answer = eventually("it is there", || {
            let answer = client.ask(&order("/slow", KEY, "pizza"));
            (answer.status() != 409).then_some(answer)
        });
        assert_eq!((answer.status(), answer.text().as_str(), is_replayed(&answer)), (201, "1", true));
        assert_eq!(client.ask(&order("/slow", KEY, "pasta")).status(), 422);
    }
    assert_eq!(shop.orders(), 1);
    // What stands there is not found by the key itself.
    let names = redis.ask(&["KEYS", "*"]);
    assert!(names.contains("idempotency") && !names.contains(KEY), "{names}");

    // A store that is away promises nothing.
    redis.pause();
    let refused = gateways[0].connect().ask(&order("/orders", "k2", "pizza"));
    assert_eq!((refused.status(), refused.head.field("Retry-After")), (503, Some("1")));
    assert_eq!(gateways[0].access_to("/orders").text("outcome"), "store_unavailable");
    assert_eq!(shop.orders(), 1);
    gateways[1].reload(&document(", on_store_failure: allow"));
    assert_eq!(gateways[1].connect().ask(&order("/orders", "k2", "pizza")).status(), 201);
    redis.resume();
    eventually("it is back", || {
        (gateways[0].connect().ask(&order("/orders", "k3", "pizza")).status() == 201).then_some(())
    });
}

#[test]
fn a_gateway_that_stops_keeps_its_last_answers() {
    let (shop, redis) = (Shop::open(), Redis::default());
    let store = format!("{{ redis: {{ url: \"{}\", timeout: 900ms }} }}", redis.url());
    let document = format!("stores: {{ default: {store} }}\n{}", shop.document("true"));
    let mut gateway = Gateway::start(&document);
    let mut client = gateway.connect();
    client.send(order("/slow", "last", "pizza"));
    eventually("the service has it", || (shop.orders() == 1).then_some(()));
    redis.pause();
    shop.go.send(()).unwrap();
    assert_eq!(client.answer().text(), "1");
    gateway.signal("TERM");
    client.is_closed();
    redis.resume();
    assert!(gateway.wait().success());
    let next = Gateway::start(&document);
    let again = next.connect().ask(&order("/slow", "last", "pizza"));
    assert_eq!((again.status(), again.text().as_str(), is_replayed(&again)), (201, "1", true));
}
