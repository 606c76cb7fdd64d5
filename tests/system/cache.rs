//! The cache, with real clients and a service that counts how often it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use maitred_tests::{Answer, Curl, Fake, Gateway, PATIENCE, Wire, curl, eventually};
use serde_json::json;

/// A service that tells in each answer how often it was asked so far. What its answers say of caching stands in the query: `/x?max-age=60`.
struct Counting {
    fake: Fake,
    asked: Arc<AtomicUsize>,
}

impl Counting {
    fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let fake = Fake::start(move |mut wire, _| {
            while let Some(request) = wire.request() {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                if wire.try_send(answer(&request, number)).is_err() {
                    return;
                }
            }
        });
        Self { fake, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(request: &Answer, number: usize) -> String {
    let target = request.head.start.split(' ').nth(1).unwrap();
    let control = target.split_once('?').map_or("no-store", |(_, control)| control);
    if request.head.has("If-None-Match") {
        return format!("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\nX-Number: {number}\r\n\r\n");
    }
    if target.starts_with("/broken") && number > 1 {
        return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned();
    }
    let tag = if target.starts_with("/tagged") { "ETag: \"e\"\r\nCache-Tag: t1, t2\r\n" } else { "" };
    let body = if target.starts_with("/large") { "x".repeat(16 << 10) } else { format!("answer {number}") };
    let length = body.len();
    let sent = if request.head.start.starts_with("HEAD") { "" } else { body.as_str() };
    format!(
        "HTTP/1.1 200 OK\r\nCache-Control: {control}\r\n{tag}X-Number: {number}\r\nContent-Length: {length}\r\n\r\n{sent}"
    )
}

fn gateway(service: &Fake, cache: &str) -> Gateway {
    Gateway::start(&format!(
        "policies: {{ cache: {cache} }}\nupstreams: {{ app: \"{}\" }}\nroutes: {{ app: {{ upstream: app }} }}\n",
        service.url()
    ))
}

fn outcome(answer: &Answer) -> &str {
    answer.head.field("X-Cache").unwrap_or("none")
}

fn admin(gateway: &Gateway, path: &str, arguments: &[&str]) -> Curl {
    let url = format!("http://127.0.0.1:{}{path}", gateway.port("admin"));
    curl(&[arguments, &[url.as_str()]].concat())
}

#[test]
fn clients_of_all_kinds_get_what_one_was_given() {
    let service = Counting::start();
    let gateway = gateway(&service.fake, "true");
    let first = gateway.curl("/tagged?max-age=3600", &[]);
    assert_eq!((outcome(&first), first.text().as_str()), ("MISS", "answer 1"));
    assert!(!first.head.has("Cache-Tag") && !first.head.has("Age"));
    for arguments in [&[][..], &["--http2-prior-knowledge"], &["-H", "Cookie: a=b"]] {
        let answer = gateway.curl("/tagged?max-age=3600", arguments);
        assert_eq!((outcome(&answer), answer.text().as_str()), ("HIT", "answer 1"), "{arguments:?}");
        assert!(answer.head.field("Age").is_some() && answer.head.field("Date").is_some());
        assert!(answer.head.field("Cache-Status").unwrap().starts_with("maitred; hit; ttl=3"));
    }
    let head = gateway.curl("/tagged?max-age=3600", &["--head"]);
    assert_eq!((outcome(&head), head.head.field("Content-Length"), head.body.len()), ("HIT", Some("8"), 0));
    for http in ["--http1.1", "--http2-prior-knowledge"] {
        let part = gateway.curl("/tagged?max-age=3600", &[http, "-r", "0-3"]);
        assert_eq!((part.status(), part.text().as_str()), (206, "answ"));
        assert_eq!(part.head.field("Content-Range"), Some("bytes 0-3/8"));
        let unchanged = gateway.curl("/tagged?max-age=3600", &[http, "-H", "If-None-Match: \"e\""]);
        assert_eq!((unchanged.status(), unchanged.body.len()), (304, 0), "{http}");
        let none = gateway.curl("/tagged?max-age=3600", &[http, "-r", "20-"]);
        assert_eq!((none.status(), none.head.field("Content-Range")), (416, Some("bytes */8")));
    }
    assert_eq!(service.asked(), 1);
    assert_eq!(outcome(&gateway.curl("/tagged?max-age=3600", &["-H", "Cache-Control: no-store"])), "BYPASS");
    // What a body asks for is in no key, told or not.
    for http in ["--http1.1", "--http2-prior-knowledge"] {
        let arguments = [http, "-X", "GET", "-d", "poison", "-H", "Transfer-Encoding: chunked"];
        assert_eq!(outcome(&gateway.curl("/fat?max-age=60", &arguments)), "BYPASS", "{http}");
        assert_eq!(outcome(&gateway.curl("/fat?max-age=60", &arguments[..5])), "BYPASS", "{http}");
    }
    assert_eq!(outcome(&gateway.curl("/fat?max-age=60", &[])), "MISS");
    assert_eq!(outcome(&gateway.curl("/private?private", &[])), "MISS");
    assert_eq!(outcome(&gateway.curl("/private?private", &[])), "MISS");
    let metrics = gateway.metrics();
    let hits = metrics.sum("maitred_cache_requests_total", &[("result", "hit")]);
    assert_eq!((hits, metrics.sum("maitred_cache_stored_total", &[])), (10, 2));
}

#[test]
fn connections_go_on_behind_answers_from_memory() {
    let service = Counting::start();
    let gateway = gateway(&service.fake, "true");
    let mut wire = gateway.connect();
    let ask = "GET /x?max-age=60 HTTP/1.1\r\nHost: test\r\n\r\n";
    wire.ask(ask);
    // Pipelined: each answer ends where the next begins.
    wire.send(format!("{ask}HEAD /x?max-age=60 HTTP/1.1\r\nHost: test\r\nIf-None-Match: *\r\n\r\n{ask}"));
    assert_eq!(wire.answer().text(), "answer 1");
    assert_eq!(wire.answer_to("HEAD").status(), 304);
    assert_eq!(wire.answer().text(), "answer 1");
    assert_eq!((service.asked(), service.fake.connections()), (1, 1));
}

#[test]
fn what_is_stale_is_asked_for_anew() {
    let service = Counting::start();
    let gateway = gateway(&service.fake, "true");
    gateway.curl("/tagged?no-cache", &[]);
    let again = gateway.curl("/tagged?no-cache", &[]);
    assert_eq!(
        (again.status(), again.text().as_str(), again.head.field("X-Number")),
        (200, "answer 1", Some("2"))
    );
    assert!(
        again.head.field("Cache-Status").unwrap().contains("fwd=stale; fwd-status=304"),
        "{:?}",
        again.head
    );
    // It is asked for beside, and those who ask get what there is.
    let path = "/x?max-age=0,stale-while-revalidate=600";
    gateway.curl(path, &[]);
    let stale = gateway.curl(path, &[]);
    assert_eq!((outcome(&stale), stale.text().as_str()), ("STALE", "answer 3"));
    eventually("a newer answer", || (gateway.curl(path, &[]).text() == "answer 4").then_some(()));
    // A service that fails is stood in for, by its leave.
    let path = "/broken?max-age=0,stale-if-error=600";
    let service = Counting::start();
    let gateway = self::gateway(&service.fake, "true");
    gateway.curl(path, &[]);
    let stale = gateway.curl(path, &[]);
    assert_eq!((stale.status(), outcome(&stale), stale.text().as_str()), (200, "STALE", "answer 1"));
}

#[test]
fn what_changes_or_is_purged_goes() {
    let service = Counting::start();
    let gateway = gateway(&service.fake, "true");
    let path = "/tagged/1?max-age=60";
    gateway.curl(path, &[]);
    assert_eq!(outcome(&gateway.curl(path, &[])), "HIT");
    assert_eq!(outcome(&gateway.curl(path, &["-d", "x"])), "BYPASS");
    assert_eq!(outcome(&gateway.curl(path, &[])), "MISS");
    let purge = |what: serde_json::Value| {
        let body = what.to_string();
        let answer =
            admin(&gateway, "/caches/purge", &["--data", &body, "-H", "Content-Type: application/json"]);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.text()
    };
    for what in [
        json!({"tag": "t2"}),
        json!({"url": gateway.url(path)}),
        json!({"prefix": gateway.url("/tagged/")}),
        json!({"all": true}),
    ] {
        assert_eq!(outcome(&gateway.curl(path, &[])), "HIT");
        assert!(purge(what.clone()).contains("\"purged\":1"), "{what}");
        assert_eq!(outcome(&gateway.curl(path, &[])), "MISS", "{what}");
    }
    let listed = admin(&gateway, "/caches", &[]);
    assert_eq!(listed.status(), 200);
    assert!(listed.text().contains("\"urls\":1"), "{}", listed.text());
}

/// A service that answers when it is told to, and tells when it was asked.
fn held(control: &'static str) -> (Fake, Receiver<()>, Sender<()>) {
    let ((asked, seen), (go, wait)) = (channel(), channel::<()>());
    let (asked, wait) = (Mutex::new(asked), Mutex::new(wait));
    let fake = Fake::start(move |mut wire, number| {
        let mut waits = number == 0;
        while wire.request().is_some() {
            let _ = asked.lock().unwrap().send(());
            if std::mem::take(&mut waits) && wait.lock().unwrap().recv().is_err() {
                return;
            }
            let body = format!("answer {number}");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nCache-Control: {control}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if wire.try_send(answer).is_err() {
                return;
            }
        }
    });
    (fake, seen, go)
}

fn asks(gateway: &Gateway) -> Wire {
    let mut wire = gateway.connect();
    wire.send("GET /x HTTP/1.1\r\nHost: test\r\n\r\n");
    wire
}

#[test]
fn fifty_who_ask_the_same_are_one_for_the_service() {
    let (service, asked, go) = held("max-age=60");
    let gateway = gateway(&service, "{ coalesce_timeout: 1h }");
    let mut first = asks(&gateway);
    asked.recv_timeout(PATIENCE).unwrap();
    // Whoever comes too late to wait finds the answer.
    let mut others: Vec<Wire> = (0..49).map(|_| asks(&gateway)).collect();
    go.send(()).unwrap();
    assert_eq!(first.answer().text(), "answer 0");
    for other in &mut others {
        assert_eq!(other.answer().text(), "answer 0");
    }
    assert!(asked.try_recv().is_err(), "the service was asked again");
}

#[test]
fn what_one_alone_may_have_holds_up_nobody() {
    let (service, asked, go) = held("private");
    let gateway = gateway(&service, "{ coalesce_timeout: 1h }");
    let mut first = asks(&gateway);
    asked.recv_timeout(PATIENCE).unwrap();
    let mut others: Vec<Wire> = (0..5).map(|_| asks(&gateway)).collect();
    go.send(()).unwrap();
    assert_eq!(first.answer().text(), "answer 0");
    for other in &mut others {
        assert_eq!(other.answer().status(), 200);
        asked.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn a_first_one_that_goes_away_holds_up_nobody() {
    let (service, asked, _go) = held("max-age=60");
    let gateway = gateway(&service, "{ coalesce_timeout: 1h }");
    let first = asks(&gateway);
    asked.recv_timeout(PATIENCE).unwrap();
    let mut second = asks(&gateway);
    first.reset();
    asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(second.answer().text(), "answer 1");
}

/// The service stops in the middle of its first answer: that may be for long.
#[test]
fn a_body_that_stops_holds_up_nobody() {
    let ((asked, seen), (go, wait)) = (channel(), channel::<()>());
    let (asked, wait) = (Mutex::new(asked), Mutex::new(wait));
    let service = Fake::start(move |mut wire, number| {
        while wire.request().is_some() {
            let _ = asked.lock().unwrap().send(());
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\n";
            if wire.try_send(format!("{head}answ")).is_err() {
                return;
            }
            if number == 0 && wait.lock().unwrap().recv().is_err() {
                return;
            }
            if wire.try_send(format!("er {number}")).is_err() {
                return;
            }
        }
    });
    let gateway = gateway(&service, "{ coalesce_timeout: 1h }");
    let mut first = asks(&gateway);
    seen.recv_timeout(PATIENCE).unwrap();
    let mut others = [asks(&gateway), asks(&gateway)];
    for other in &mut others {
        assert_eq!(other.answer().text(), "answer 1");
    }
    seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.try_recv().is_err(), "one of them asked for both");
    go.send(()).unwrap();
    assert_eq!(first.answer().text(), "answer 0");
}

#[test]
fn memory_is_bounded_whoever_asks_for_what() {
    let service = Counting::start();
    let gateway = gateway(&service.fake, "{ memory: 1MiB, max_body: 64KiB }");
    let mut wire = gateway.connect();
    let mut ask = |path: &str| wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    for _ in 0..5 {
        ask("/large/hot?max-age=3600");
    }
    for number in 0..500 {
        ask(&format!("/large/{number}?max-age=3600"));
    }
    assert_eq!(outcome(&ask("/large/hot?max-age=3600")), "HIT");
    let metrics = gateway.metrics();
    let bytes = metrics.sum("maitred_cache_bytes", &[]);
    assert!((500 << 10..=1 << 20).contains(&bytes), "{bytes}");
    assert!(metrics.sum("maitred_cache_evicted_total", &[]) > 400);
}

#[test]
fn hosts_and_schemes_are_kept_apart_and_reloads_forget_nothing() {
    let service = Counting::start();
    let gateway = gateway(&service.fake, "true");
    let ask = |host: &str| gateway.curl("/x?max-age=60", &["-H", &format!("Host: {host}")]);
    assert_eq!(outcome(&ask("shop.example")), "MISS");
    for host in ["evil.example", "shop.example:81", "shop.example.evil"] {
        assert_eq!(outcome(&ask(host)), "MISS", "{host}");
    }
    assert_eq!(outcome(&ask("Shop.Example")), "HIT");
    gateway.reload(&format!(
        "policies: {{ cache: {{ ttl: 1s }} }}\nupstreams: {{ app: \"{}\" }}\nroutes: {{ app: {{ upstream: app }} }}\n",
        service.fake.url()
    ));
    assert_eq!(outcome(&ask("shop.example")), "HIT");
}

/// The cookie leads one client back to an endpoint or a variant: others, who get the same answer, are not led there.
#[test]
fn cookies_of_the_gateway_are_set_and_not_kept() {
    let service = Counting::start();
    let url = service.fake.url();
    let sticky = format!(
        "upstreams: {{ app: {{ endpoints: [\"{url}\"], balance: {{ sticky: srv }} }} }}\nroutes: {{ app: {{ upstream: app }} }}\n"
    );
    let split = format!(
        "upstreams: {{ app: \"{url}\" }}\nroutes: {{ app: {{ split: {{ variants: {{ A: app, B: app }}, sticky: srv }} }} }}\n"
    );
    for document in [sticky, split] {
        let gateway = Gateway::start(&format!("policies: {{ cache: true }}\n{document}"));
        let first = gateway.curl("/tagged?public,max-age=0,s-maxage=3600", &[]);
        assert!(first.head.field("Set-Cookie").is_some_and(|cookie| cookie.starts_with("srv=")));
        assert_eq!(outcome(&first), "MISS");
        let second = gateway.curl("/tagged?public,max-age=0,s-maxage=3600", &[]);
        assert_eq!((outcome(&second), second.head.field("Set-Cookie")), ("HIT", None));
        // One that says less is kept all the same, for its service sets none.
        assert_eq!(outcome(&gateway.curl("/x?max-age=3600", &[])), "MISS");
        assert_eq!(outcome(&gateway.curl("/x?max-age=3600", &[])), "HIT");
        // A client that only asks whether its own still holds gets the cookie, too.
        let asked =
            gateway.curl("/tagged?public,max-age=0,s-maxage=3600", &["-H", "Cache-Control: no-cache"]);
        assert_eq!(outcome(&asked), "HIT");
        assert!(asked.head.field("Set-Cookie").is_some());
    }
}
