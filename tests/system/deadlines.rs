//! How long an exchange may take, and what services are told of it.

use std::sync::{Arc, Mutex};

use maitred_tests::{Echo, Fake, Gateway, Origin, peer_file};

fn in_front_of(service: &str, upstream: &str, route: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: \"{service}\", {upstream} }} }}\nroutes: {{ app: {{ upstream: app{route} }} }}\n"
    ))
}

#[test]
fn a_service_is_told_how_long_it_has() {
    let origin = Origin::start();
    let told = |upstream: &str, route: &str| {
        let gateway = in_front_of(origin.url(), upstream, route);
        let echo = Echo::of(&gateway.curl("/", &["-H", "x-time-left: 7"]));
        echo.field("X-Time-Left").map(|value| value.parse::<u64>().unwrap())
    };
    let within = |told: Option<u64>, most: u64| {
        assert!(told.is_some_and(|millis| (1..=most).contains(&millis) && millis != 7));
    };
    within(told("timeouts: { total: 1h, header: X-Time-Left }", ""), 3_600_000);
    // A route says what it says, and for the rest its upstream counts.
    within(told("timeouts: { total: 1h, header: X-Time-Left }", ", timeouts: { total: 30m }"), 1_800_000);
    within(
        told("timeouts: { total: 30m, header: X-Other }", ", timeouts: { header: X-Time-Left }"),
        1_800_000,
    );
    // Nothing is limited: nobody says that it is.
    assert_eq!(told("timeouts: { header: X-Time-Left }", ""), None);
    assert_eq!(told("timeouts: { total: 1h }", ""), Some(7), "the client's own, which means nothing here");
}

#[test]
fn each_try_gets_the_rest() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    let service = Fake::start(move |mut wire, _| {
        let request = wire.request().unwrap();
        keep.lock().unwrap().push(request.head.field("X-Left").unwrap().parse::<u64>().unwrap());
        wire.rest_to_any_end();
    });
    let gateway = in_front_of(
        &service.url(),
        "timeouts: { response: 50ms, total: 1h, header: X-Left }, retries: { backoff: false }",
        "",
    );
    assert_eq!(gateway.curl("/", &[]).status(), 504);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert!(told.is_sorted_by(|one, next| one > next), "{told:?}");
}

#[test]
fn calls_of_grpc_are_told_in_their_own_way() {
    let origin = Origin::start();
    let told = |upstream: &str, arguments: &[&str]| {
        let gateway = in_front_of(origin.url(), upstream, "");
        Echo::of(&gateway.curl("/", arguments)).field("grpc-timeout").map(str::to_owned)
    };
    let grpc = ["-X", "POST", "-H", "Content-Type: application/grpc+proto"];
    assert!(told("timeouts: { total: 10s }", &grpc).is_some_and(|left| left.ends_with('u')));
    assert_eq!(told("timeouts: true", &grpc), None);
    assert_eq!(told("timeouts: { total: 10s }", &["-X", "POST", "-H", "Content-Type: text/plain"]), None);
    let own = [&grpc[..], &["-H", "grpc-timeout: 3H"]].concat();
    assert!(
        told("timeouts: { total: 1s }", &own).is_some_and(|left| left.ends_with('u')),
        "the shorter counts"
    );
    assert!(told("timeouts: true", &own).is_some());
}

#[test]
fn a_call_of_grpc_ends_with_the_shorter_of_both_deadlines() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.rest_to_any_end();
    });
    for (total, own) in [("300ms", "1H"), ("1h", "300m")] {
        let gateway =
            in_front_of(&service.url(), &format!("timeouts: {{ response: 10h, total: {total} }}"), "");
        let call = ["-X", "POST", "-H", "Content-Type: application/grpc"];
        let answer = gateway.curl("/call", &[&call[..], &["-H", &format!("grpc-timeout: {own}")]].concat());
        // DEADLINE_EXCEEDED.
        assert_eq!((answer.status(), answer.head.field("grpc-status")), (200, Some("4")), "{total} {own}");
    }
}

#[test]
fn an_answer_that_never_ends_is_broken_off() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        wire.rest_to_any_end();
    });
    let gateway = in_front_of(&service.url(), "timeouts: { idle: 1h, total: 300ms }", "");
    let before = gateway.traces();
    let answer = gateway.curl("/half", &[]);
    assert_eq!((answer.exit, answer.status(), answer.text().as_str()), (18, 200, "half"));
    assert_eq!(gateway.access_to("/half").text("outcome"), "upstream_timeout");
    gateway.is_back_to(&before);
}

#[test]
fn a_body_that_never_comes_is_not_waited_for() {
    let service = Fake::start(|mut wire, _| {
        wire.rest_to_any_end();
    });
    let gateway = in_front_of(&service.url(), "timeouts: { idle: 1h, total: 300ms }", "");
    let mut wire = gateway.connect();
    wire.send("PUT /body HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(wire.answer().status(), 408);
}

#[test]
fn a_body_that_a_policy_reads_is_not_waited_for_whatever_is_around_the_service() {
    let service = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(&format!(
        "limits: {{ body_grace: 1h }}\n\
         upstreams: {{ app: {{ endpoints: \"{}\", timeouts: {{ total: 300ms }} }} }}\n\
         routes: {{ app: {{ upstream: app, degrade: {{ respond: later }}, policies: {{ grpc_json: {{ protos: \"{}\" }} }} }} }}\n",
        service.url(),
        peer_file("kinds.proto").display()
    ));
    let mut wire = gateway.connect();
    wire.send("POST /v1/echo HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
    assert_eq!(wire.answer().status(), 408);
}
