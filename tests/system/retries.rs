//! Requests that are tried again, and those that must not be.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use maitred_tests::frames::{CANCEL, Frame, RawHttp2};
use maitred_tests::{Answer, Fake, Gateway, PATIENCE, Port, Wire, pattern};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// A gateway in front of these endpoints, with these retries.
fn with(endpoints: &[&str], retries: &str) -> Gateway {
    upstream(endpoints, &format!("retries: {retries}"))
}

fn upstream(endpoints: &[&str], more: &str) -> Gateway {
    let endpoints = endpoints.iter().map(|url| format!("\"{url}\"")).collect::<Vec<_>>().join(", ");
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: [{endpoints}], {more} }} }}\nroutes: {{ app: {{ upstream: app }} }}\n"
    ))
}

/// Serves requests by their number over all connections, and keeps them. What the script does not answer breaks off.
fn numbered(
    script: impl Fn(usize) -> Option<String> + Send + Sync + 'static,
) -> (Fake, Arc<Mutex<Vec<Answer>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let service = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let number = {
                let mut kept = keep.lock().unwrap();
                kept.push(request);
                kept.len() - 1
            };
            match script(number) {
                Some(answer) if wire.try_send(&answer).is_ok() => {}
                Some(_) => return,
                None => return wire.reset(),
            }
        }
    });
    (service, seen)
}

fn attempts(gateway: &Gateway, path: &str) -> u64 {
    gateway.access_to(path).number("attempts")
}

fn get(wire: &mut Wire, path: &str) -> Answer {
    wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
}

#[test]
fn what_may_have_had_an_effect_is_not_repeated() {
    let (service, seen) = numbered(|_| None);
    let gateway = with(&[&service.url()], "{ attempts: 4, backoff: false }");
    let before = gateway.traces();
    for (method, tries) in [("POST", 1), ("PATCH", 1), ("PUT", 4), ("DELETE", 4), ("GET", 4), ("QUERY", 4)] {
        seen.lock().unwrap().clear();
        let path = format!("/{method}");
        let answer = gateway.curl(&path, &["-X", method, "--data-binary", "abc"]);
        assert_eq!(answer.status(), 502, "{method}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), tries, "{method}");
        assert!(seen.iter().all(|request| request.body == b"abc"));
        assert_eq!(attempts(&gateway, &path), tries as u64);
    }
    // A key lets the service tell that it has seen the request.
    seen.lock().unwrap().clear();
    let key = "idempotency-key: 8e03978e-40d5-43dd-bc93-6894a57f9324";
    let answer = gateway.curl("/key", &["-X", "POST", "--data-binary", "abc", "-H", key]);
    assert_eq!((answer.status(), seen.lock().unwrap().len()), (502, 4));
    gateway.is_back_to(&before);
}

#[test]
fn a_service_that_is_busy_is_asked_again() {
    let (service, _) = numbered(|number| Some(if number % 3 == 2 { OK } else { BUSY }.to_owned()));
    let gateway = with(&[&service.url()], "{ backoff: 1ms }");
    let mut wire = gateway.connect();
    for number in 0..4 {
        let path = format!("/{number}");
        assert_eq!(get(&mut wire, &path).text(), "OK");
        assert_eq!(attempts(&gateway, &path), 3);
    }
    assert_eq!(service.connections(), 1, "what is short is read, and its connection serves on");
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 8);
    // A POST gets what came.
    let answer = wire.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((answer.status(), answer.text().as_str()), (503, "busy"));
}

#[test]
fn a_long_answer_that_nobody_gets_is_not_waited_for() {
    let service = Fake::start(|mut wire, number| {
        wire.request();
        if number == 0 {
            wire.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000000\r\n\r\nlong");
            // It would go on for ever.
            wire.rest_to_any_end();
        } else {
            wire.send(OK);
        }
    });
    let gateway = with(&[&service.url()], "{ backoff: false }");
    let before = gateway.traces();
    assert_eq!(gateway.curl("/", &[]).text(), "OK");
    assert_eq!(service.connections(), 2);
    gateway.is_back_to(&before);
}

#[test]
fn the_last_answer_is_passed_on_with_its_body() {
    let (service, _) = numbered(|number| {
        let body = format!("try {number}");
        Some(format!("HTTP/1.1 502 Bad\r\nX-Try: {number}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    });
    let gateway = with(&[&service.url()], "{ attempts: 3, backoff: false }");
    let answer = gateway.curl("/", &[]);
    assert_eq!((answer.status(), answer.text().as_str()), (502, "try 2"));
    assert_eq!(answer.head.field("X-Try"), Some("2"));
}

#[test]
fn another_endpoint_is_asked_first() {
    let (busy, _) = numbered(|_| Some(BUSY.to_owned()));
    let (good, _) = numbered(|_| Some(OK.to_owned()));
    let gateway = with(&[&busy.url(), &good.url()], "{ attempts: 2, backoff: false, budget: false }");
    let mut wire = gateway.connect();
    for number in 0..10 {
        assert_eq!(get(&mut wire, &format!("/{number}")).text(), "OK");
    }
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 5);
}

#[test]
fn what_was_never_sent_goes_elsewhere_at_once() {
    let down = Port::reserve();
    let (good, seen) = numbered(|_| Some(OK.to_owned()));
    // Nobody would wait for that.
    let retries = "{ retry_on: connect_failure, backoff: { base: 100h, max: 100h } }";
    let gateway = with(&[&format!("http://127.0.0.1:{}", down.number()), &good.url()], retries);
    let mut wire = gateway.connect();
    for _ in 0..6 {
        let answer = wire.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(answer.text(), "OK");
    }
    assert!(seen.lock().unwrap().iter().all(|request| request.body == b"abc"));
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 3);
}

#[test]
fn a_route_may_have_retries_of_its_own() {
    let (service, seen) = numbered(|_| Some(BUSY.to_owned()));
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: \"{}\", retries: {{ attempts: 3, backoff: false }} }} }}\n\
         routes:\n  a: {{ match: /a, upstream: app }}\n  b: {{ match: /b, upstream: app, retries: 5 }}\n  \
         c: {{ match: /c, upstream: app, retries: false }}\n  \
         d: {{ match: /d, upstream: app, retries: {{ retry_on: [reset, 500] }} }}\n",
        service.url()
    ));
    for (path, tries) in [("/a", 3), ("/b", 5), ("/c", 1), ("/d", 1)] {
        seen.lock().unwrap().clear();
        assert_eq!(gateway.curl(path, &[]).text(), "busy");
        assert_eq!(seen.lock().unwrap().len(), tries, "{path}");
    }
}

#[test]
fn without_retries_a_request_is_tried_once() {
    let (down, good) = (Port::reserve(), numbered(|_| Some(OK.to_owned())).0);
    let gateway = with(&[&format!("http://127.0.0.1:{}", down.number()), &good.url()], "false");
    let mut wire = gateway.connect();
    let answered: Vec<_> = (0..6).map(|_| get(&mut wire, "/").status()).collect();
    assert_eq!(answered.iter().filter(|status| **status == 502).count(), 3, "{answered:?}");
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 0);
}

/// Sends a PUT of this body, framed so.
fn put(gateway: &Gateway, body: &[u8], is_chunked: bool, more: &str) -> Answer {
    let mut wire = gateway.connect();
    if is_chunked {
        wire.send(format!("PUT / HTTP/1.1\r\nHost: test\r\n{more}Transfer-Encoding: chunked\r\n\r\n"));
        for piece in body.chunks(7000) {
            wire.send(format!("{:x}\r\n", piece.len()));
            wire.send(piece);
            wire.send("\r\n");
        }
        wire.send("0\r\nX-Sum: 7\r\n\r\n");
    } else {
        wire.send(format!("PUT / HTTP/1.1\r\nHost: test\r\n{more}Content-Length: {}\r\n\r\n", body.len()));
        wire.send(body);
    }
    wire.answer()
}

#[test]
fn a_body_is_sent_again_byte_for_byte() {
    let body = pattern(60_000);
    for is_chunked in [false, true] {
        let (service, seen) = numbered(|number| if number == 2 { Some(OK.to_owned()) } else { None });
        let gateway = with(&[&service.url()], "{ backoff: false }");
        assert_eq!(put(&gateway, &body, is_chunked, "").text(), "OK");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3);
        for request in seen.iter() {
            assert!(request.body == body, "{} bytes of {}", request.body.len(), body.len());
            assert_eq!(request.head.has("Content-Length"), !is_chunked);
            assert_eq!(request.trailers.len(), usize::from(is_chunked));
        }
    }
}

#[test]
fn a_body_that_was_sent_in_part_is_sent_again_from_its_beginning() {
    let body = pattern(50_000);
    let (told, heard) = channel();
    let whole = Mutex::new(told);
    let service = Fake::start(move |mut wire, number| {
        if number == 0 {
            wire.head();
            wire.exactly(10_000);
            return wire.reset();
        }
        let request = wire.request().unwrap();
        whole.lock().unwrap().send(request.body).unwrap();
        wire.send(OK);
    });
    let gateway = with(&[&service.url()], "{ backoff: false }");
    let mut wire = gateway.connect();
    wire.send(format!("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len()));
    wire.send(&body[..20_000]);
    // The second connection is there: what follows goes to it alone.
    maitred_tests::eventually("another try", || (service.connections() == 2).then_some(()));
    wire.send(&body[20_000..]);
    assert_eq!(wire.answer().text(), "OK");
    assert!(heard.recv_timeout(PATIENCE).unwrap() == body);
}

#[test]
fn a_body_above_the_buffer_is_not_repeated() {
    for (len, is_chunked, tries) in [(1024, false, 3), (1024, true, 3), (1025, false, 1), (1025, true, 1)] {
        let (service, seen) = numbered(|_| None);
        let gateway = with(&[&service.url()], "{ backoff: false, buffer: 1KiB }");
        assert_eq!(put(&gateway, &pattern(len), is_chunked, "").status(), 502);
        assert_eq!(seen.lock().unwrap().len(), tries, "{len} {is_chunked}");
    }
}

#[test]
fn a_client_that_was_told_to_go_on_is_not_told_twice() {
    let service = Fake::start(|mut wire, number| {
        let head = wire.head();
        if number == 0 {
            assert_eq!(head.field("Expect"), Some("100-continue"));
            wire.send("HTTP/1.1 100 Continue\r\n\r\n");
            wire.exactly(3);
            return wire.reset();
        }
        assert!(!head.has("Expect"), "it comes at once");
        assert_eq!(wire.exactly(3), b"abc");
        wire.send(OK);
    });
    let gateway = with(&[&service.url()], "{ backoff: false }");
    let mut wire = gateway.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(wire.head().status(), 100);
    wire.send("abc");
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.interim.len()), (200, 0));
}

#[test]
fn what_came_before_an_answer_is_in_nobodys_way() {
    let service = Fake::start(|mut wire, number| {
        wire.head();
        wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
        if number == 1 {
            wire.send(OK);
        } else {
            // The hint is to be on its way to the client before the connection breaks.
            wire.finish();
        }
        wire.rest_to_any_end();
    });
    let gateway = with(&[&service.url()], "{ backoff: false }");
    let answer = gateway.curl("/", &[]);
    assert_eq!((answer.text().as_str(), answer.interim.len()), ("OK", 2));
    assert!(answer.interim.iter().all(|interim| interim.status() == 103));
}

#[test]
fn a_service_says_when_to_come_again() {
    let retries = "{ attempts: 2, backoff: { base: 1ms, max: 1m } }";
    for (wish, tries) in [
        ("0", 2),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 2),
        ("soon", 2),
        ("61", 1),
        ("Fri, 06 Nov 2099 08:49:37 GMT", 1),
    ] {
        let (service, seen) = numbered(move |number| {
            let busy = format!("HTTP/1.1 503 Busy\r\nRetry-After: {wish}\r\nContent-Length: 4\r\n\r\nbusy");
            Some(if number == 0 { busy } else { OK.to_owned() })
        });
        let gateway = with(&[&service.url()], retries);
        let answer = gateway.curl("/", &[]);
        assert_eq!(seen.lock().unwrap().len(), tries, "{wish}");
        let told = (answer.status(), answer.head.field("Retry-After"));
        assert_eq!(told, if tries == 2 { (200, None) } else { (503, Some(wish)) });
    }
}

#[test]
fn no_more_than_the_budget_is_tried_again() {
    const REQUESTS: i64 = 200;
    let (service, seen) = numbered(|_| Some(BUSY.to_owned()));
    let document = |budget: &str, more: &str| {
        format!(
            "upstreams: {{ app: {{ endpoints: \"{}\", retries: {{ attempts: 2, backoff: false, budget: {budget} }} }} }}\n\
             routes: {{ app: {{ upstream: app }}{more} }}\n",
            service.url()
        )
    };
    let gateway = Gateway::start(&document("0%", ""));
    let ask = || {
        let mut wire = gateway.connect();
        (0..REQUESTS).for_each(|_| assert_eq!(get(&mut wire, "/").text(), "busy"));
    };
    let counted = || {
        let metrics = gateway.metrics();
        let retries = metrics.sum("maitred_upstream_retries_total", &[]);
        (retries, metrics.sum("maitred_upstream_retries_refused_total", &[]))
    };
    ask();
    let (retries, refused) = counted();
    assert_eq!(retries + refused, REQUESTS);
    assert!(retries >= 30, "some are always allowed: {retries}");
    assert!(refused > 0, "{refused}");
    assert_eq!(i64::try_from(seen.lock().unwrap().len()), Ok(REQUESTS + retries));
    // Without one, all are.
    gateway.reload(&document("false", ", other: { match: /other, respond: OK }"));
    ask();
    assert_eq!(counted(), (retries + REQUESTS, refused));
}

#[test]
fn tries_and_waits_end_with_the_deadline() {
    // The wait would be longer than the whole exchange may take.
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 4\r\n\r\nbusy";
    let (service, seen) = numbered(move |_| Some(answer.to_owned()));
    let more = "timeouts: { total: 30m }, retries: { backoff: { base: 1ms, max: 2h } }";
    let gateway = upstream(&[&service.url()], more);
    assert_eq!(gateway.curl("/", &[]).text(), "busy");
    assert_eq!(seen.lock().unwrap().len(), 1);
    // Or it is over already, whatever tries are left.
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.rest_to_any_end();
    });
    let more = "timeouts: { response: 1h, total: 200ms }, retries: { attempts: 9, backoff: false }";
    let gateway = upstream(&[&service.url()], more);
    assert_eq!(gateway.curl("/late", &[]).status(), 504);
    assert_eq!((attempts(&gateway, "/late"), service.connections()), (1, 1));
}

#[test]
fn each_try_has_its_own_time() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.rest_to_any_end();
    });
    let more = "timeouts: { response: 50ms }, retries: { attempts: 4, backoff: false }";
    let gateway = upstream(&[&service.url()], more);
    assert_eq!(gateway.curl("/late", &[]).status(), 504);
    assert_eq!((attempts(&gateway, "/late"), service.connections()), (4, 4));
}

/// A service that is busy for an hour, and tells of each request.
fn busy_for_an_hour() -> (Fake, Receiver<()>) {
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            wire.send("HTTP/1.1 503 Busy\r\nConnection: close\r\nRetry-After: 3600\r\nContent-Length: 4\r\n\r\nbusy");
            told.lock().unwrap().send(()).unwrap();
        }
    });
    (service, heard)
}

#[test]
fn a_client_that_goes_away_is_not_waited_for() {
    let (service, heard) = busy_for_an_hour();
    let gateway = with(&[&service.url()], "{ backoff: { base: 1ms, max: 2h } }");
    let before = gateway.traces();
    let mut wire = gateway.connect();
    wire.send("GET /gone HTTP/1.1\r\nHost: test\r\n\r\n");
    heard.recv_timeout(PATIENCE).unwrap();
    drop(wire);
    assert_eq!(attempts(&gateway, "/gone"), 1);
    // One that only says that it will send nothing more gets what there is.
    let mut wire = gateway.connect();
    wire.send("GET /half HTTP/1.1\r\nHost: test\r\n\r\n");
    heard.recv_timeout(PATIENCE).unwrap();
    wire.finish();
    assert_eq!(wire.answer().text(), "busy");
    // A stream.
    let mut raw = RawHttp2::begin(gateway.connect(), &[]);
    assert!(raw.send(&[Frame::get(1, "/stream")]));
    heard.recv_timeout(PATIENCE).unwrap();
    assert!(raw.send(&[Frame::reset(1, CANCEL)]));
    assert_eq!(attempts(&gateway, "/stream"), 1);
    drop(raw);
    gateway.is_back_to(&before);
}

#[test]
fn a_request_behind_one_that_waits_is_kept() {
    // What a client sends while the first request waits is read, to see whether it is still there.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (service, seen) = numbered(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy";
        Some(if number == 0 { busy } else { OK }.to_owned())
    });
    let gateway = with(&[&service.url()], "{ backoff: { base: 1ms, max: 2s } }");
    let mut wire = gateway.connect();
    wire.send("GET /1 HTTP/1.1\r\nHost: test\r\n\r\n");
    maitred_tests::eventually("the first try", || (asked.load(Ordering::SeqCst) == 1).then_some(()));
    wire.send("PUT /2 HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!((wire.answer().text().as_str(), wire.answer().text().as_str()), ("OK", "OK"));
    let bodies: Vec<_> = seen.lock().unwrap().iter().map(|request| request.body.len()).collect();
    assert_eq!(bodies, [0, 0, 3]);
}
