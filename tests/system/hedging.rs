//! Requests that are sent to a second endpoint because the first one takes long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use maitred_tests::frames::{Frame, RawHttp2};
use maitred_tests::{Answer, Fake, GRPC_ANSWER, Gateway, PATIENCE, Wire, eventually, peer_file};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";

/// A gateway that asks a second endpoint as good as at once.
fn hedging(first: &Fake, second: &Fake) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: [\"{}\", \"{}\"], timeouts: {{ response: 10h }}, \
         retries: {{ hedge_after: 1ms, backoff: false, budget: false }} }} }}\nroutes: {{ app: {{ upstream: app }} }}\n",
        first.url(),
        second.url()
    ))
}

/// A service that never answers, and tells of each request, and of each connection that is closed on it.
fn silent() -> (Fake, Receiver<String>, Receiver<()>) {
    let ((asked, was_asked), (closed, was_closed)) = (channel(), channel());
    let (asked, closed) = (Mutex::new(asked), Mutex::new(closed));
    let service = Fake::start(move |mut wire, _| {
        let Some(request) = wire.request() else { return };
        asked.lock().unwrap().send(request.head.start).unwrap();
        wire.rest_to_any_end();
        // Nobody may be left to hear of the last one.
        let _ = closed.lock().unwrap().send(());
    });
    (service, was_asked, was_closed)
}

fn get(wire: &mut Wire, path: &str) -> Answer {
    wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
}

#[test]
fn the_first_answer_counts_and_the_other_try_is_given_up() {
    let (slow, asked, closed) = silent();
    let fast = Fake::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK");
    let gateway = hedging(&slow, &fast);
    let before = gateway.traces();
    let mut wire = gateway.connect();
    for number in 0..6 {
        assert_eq!(get(&mut wire, &format!("/{number}")).text(), "OK");
    }
    // Each second one began at the slow one.
    for _ in 0..3 {
        asked.recv_timeout(PATIENCE).unwrap();
        closed.recv_timeout(PATIENCE).unwrap();
    }
    let metrics = gateway.metrics();
    let hedges = metrics.sum("maitred_upstream_hedges_total", &[]);
    assert!((3..=6).contains(&hedges), "{hedges}");
    assert_eq!(metrics.sum("maitred_upstream_retries_total", &[]), hedges);
    assert_eq!(metrics.sum("maitred_upstream_failures_total", &[]), 0, "to be slower is no failure");
    let tries: Vec<_> = (0..6).map(|number| gateway.access_to(&format!("/{number}"))).collect();
    let more = tries.iter().map(|access| access.number("attempts") - 1).sum::<u64>();
    assert_eq!(i64::try_from(more), Ok(hedges));
    assert!(tries.iter().all(|access| access.text("endpoint").ends_with(&fast.port().to_string())));
    drop(wire);
    gateway.is_back_to(&before);
}

#[test]
fn an_answer_that_is_tried_again_for_does_not_win() {
    // The slow one answers once the other one has failed.
    let (failed, has_failed) = channel();
    let (failed, has_failed) = (Mutex::new(failed), Mutex::new(has_failed));
    let slow = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            has_failed.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            wire.send(OK);
        }
    });
    let bad = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            wire.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
            failed.lock().unwrap().send(()).unwrap();
        }
    });
    let gateway = hedging(&slow, &bad);
    let mut wire = gateway.connect();
    for number in 0..4 {
        assert_eq!(get(&mut wire, &format!("/{number}")).text(), "OK");
        assert_eq!(gateway.access_to(&format!("/{number}")).number("attempts"), 2);
    }
}

#[test]
fn only_what_may_be_repeated_is_sent_twice() {
    let ((one, asked_one, _), (other, asked_other, _)) = (silent(), silent());
    let mut gateway = hedging(&one, &other);
    // Nobody answers what is still under way then.
    gateway.may_end_anyhow();
    let mut posting = gateway.connect();
    posting.send("POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    let mut putting = gateway.connect();
    putting.send("PUT /put HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
    let mut asked = Vec::new();
    let mut hear = |count: usize| {
        eventually("the services are asked", || {
            asked.extend(asked_one.try_iter().chain(asked_other.try_iter()));
            (asked.len() >= count).then_some(())
        });
        asked.clone()
    };
    hear(2);
    // When one that came later was sent twice, the time of those before it has passed.
    let mut getting = gateway.connect();
    getting.send("GET /get HTTP/1.1\r\nHost: test\r\n\r\n");
    let asked = hear(4);
    let times = |path: &str| asked.iter().filter(|start| start.contains(path)).count();
    assert_eq!((times("/post"), times("/put"), times("/get")), (1, 1, 2), "{asked:?}");
}

#[test]
fn there_are_no_more_tries_than_are_allowed() {
    let ((one, asked_one, closed_one), (other, asked_other, _)) = (silent(), silent());
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: [\"{}\", \"{}\"], timeouts: {{ response: 100ms }}, \
         retries: {{ hedge_after: 1ms, attempts: 2, backoff: false }} }} }}\nroutes: {{ app: {{ upstream: app }} }}\n",
        one.url(),
        other.url()
    ));
    assert_eq!(gateway.curl("/none", &[]).status(), 504);
    assert_eq!(gateway.access_to("/none").number("attempts"), 2);
    closed_one.recv_timeout(PATIENCE).unwrap();
    assert_eq!((asked_one.try_iter().count(), asked_other.try_iter().count()), (1, 1));
}

/// Two services: whoever is asked first does one thing, and whoever is asked then another.
fn two(
    first: impl Fn(Wire, Answer) + Send + Sync + 'static,
    then: impl Fn(Wire, Answer) + Send + Sync + 'static,
) -> [Fake; 2] {
    let scripts = Arc::new((AtomicUsize::new(0), first, then));
    [(), ()].map(|()| {
        let scripts = Arc::clone(&scripts);
        Fake::start(move |mut wire, _| {
            let Some(request) = wire.request() else { return };
            match scripts.0.fetch_add(1, Ordering::SeqCst) {
                0 => (scripts.1)(wire, request),
                _ => (scripts.2)(wire, request),
            }
        })
    })
}

#[test]
fn a_body_that_is_here_is_sent_by_both_tries() {
    let (told, heard) = channel();
    let (tell_first, tell_second) = (told.clone(), told);
    let [first, second] = two(
        move |mut wire, request| {
            tell_first.send(request.body).unwrap();
            wire.rest_to_any_end();
        },
        move |mut wire, request| {
            tell_second.send(request.body).unwrap();
            wire.send(GRPC_ANSWER);
        },
    );
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: [\"{}\", \"{}\"], timeouts: {{ response: 10h }}, \
         retries: {{ hedge_after: 1ms, backoff: false, budget: false }} }} }}\n\
         routes: {{ app: {{ upstream: app, policies: {{ grpc_json: {{ protos: \"{}\" }} }} }} }}\n",
        first.url(),
        second.url(),
        peer_file("kinds.proto").display()
    ));
    let ask = ["-H", "Content-Type: application/json", "-H", "Idempotency-Key: 1", "-d", r#"{"large": 7}"#];
    assert_eq!(gateway.curl("/v1/echo", &ask).text(), "{}");
    for _ in 0..2 {
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), [0, 0, 0, 0, 2, 8, 7]);
    }
    assert_eq!(gateway.access_to("/v1/echo").number("attempts"), 2);
    assert_eq!(gateway.metrics().sum("maitred_upstream_hedges_total", &[]), 1);
}

#[test]
fn a_client_that_goes_is_noticed_when_only_the_second_try_is_left() {
    // The first one fails once the second one was asked, which never answers.
    let ((asked, was_asked), (closed, was_closed)) = (channel(), channel());
    let was_asked = Mutex::new(was_asked);
    let [first, second] = two(
        move |_, _| was_asked.lock().unwrap().recv_timeout(PATIENCE).unwrap(),
        move |mut wire, _| {
            asked.send(()).unwrap();
            wire.rest_to_any_end();
            closed.send(()).unwrap();
        },
    );
    let gateway = hedging(&first, &second);
    let mut client = RawHttp2::begin(gateway.connect(), &[]);
    client.send(&[Frame::get(1, "/gone")]);
    eventually("the first try has failed", || {
        (gateway.metrics().sum("maitred_upstream_failures_total", &[]) == 1).then_some(())
    });
    client.send(&[Frame::reset(1, 8)]);
    was_closed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(gateway.access_to("/gone").number("attempts"), 2);
}
