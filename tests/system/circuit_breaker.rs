//! The circuit breaker of an upstream, and the pages of the admin listener that show and force it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use maitred_tests::{Curl, Fake, Gateway, Origin, PATIENCE, Port, curl, eventually};
use serde_json::{Value, json};

/// A document whose upstream `app` has this breaker.
fn document(upstream: &str, breaker: &str) -> String {
    format!(
        "upstreams: {{ app: {{ endpoints: \"{upstream}\", timeouts: {{ response: 1h }}, circuit_breaker: {breaker} }} }}\n\
         routes: {{ app: {{ upstream: app }} }}\n"
    )
}

fn gateway(upstream: &str, breaker: &str) -> Gateway {
    Gateway::start(&document(upstream, breaker))
}

/// Asks the admin listener.
fn admin(gateway: &Gateway, path: &str, arguments: &[&str]) -> Curl {
    let url = format!("http://127.0.0.1:{}{path}", gateway.port("admin"));
    curl(&[arguments, &[url.as_str()]].concat())
}

/// What the admin listener tells of the circuit of `app`.
fn circuit(gateway: &Gateway) -> Value {
    let answer = admin(gateway, "/upstreams/app", &[]);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["circuit_breaker"].clone()
}

fn state(gateway: &Gateway) -> String {
    circuit(gateway)["state"].as_str().unwrap().to_owned()
}

/// Has the operator force the circuit of `app`.
fn force(gateway: &Gateway, to: &str) -> Value {
    let body = json!({ "force": to }).to_string();
    let arguments = ["--data", &body, "-H", "Content-Type: application/json"];
    let answer = admin(gateway, "/upstreams/app/circuit", &arguments);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["circuit_breaker"].clone()
}

/// A request that an `Origin` answers 500.
fn fail(gateway: &Gateway) -> Curl {
    gateway.curl("/", &["-H", "X-Ask: status 500"])
}

/// Whether the gateway answered by itself that the circuit is open; how long the client is to wait.
fn refused(answer: &Curl) -> Option<u64> {
    (answer.status() == 503).then(|| {
        assert_eq!(answer.json()["detail"], "Service unavailable");
        answer.head.field("Retry-After").unwrap().parse().unwrap()
    })
}

#[test]
fn five_failures_in_a_row_open_it_and_nothing_reaches_the_service() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            let is_fourth = count.fetch_add(1, Ordering::SeqCst) == 3;
            let status = if is_fourth { "404 Not Found" } else { "500 Oops" };
            wire.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let gateway = gateway(&service.url(), "{ open_for: 1h }");
    assert_eq!(gateway.metrics().sum("maitred_circuit_state", &[("upstream", "app")]), 0);
    assert!(gateway.metrics().has("maitred_circuit_state"));
    // Three failures, one that is none, and five.
    for n in 0..9 {
        let expected = if n == 3 { 404 } else { 500 };
        assert_eq!(gateway.curl("/", &[]).status(), expected, "{n}");
    }
    for _ in 0..3 {
        let wait = refused(&gateway.curl("/refused", &[])).expect("the circuit is open");
        assert!((3500..=3600).contains(&wait), "{wait}");
    }
    assert_eq!(served.load(Ordering::SeqCst), 9, "nothing more reached it");
    let access = gateway.access_to("/refused");
    assert_eq!((access.text("outcome").as_str(), access.text("endpoint").as_str()), ("circuit_open", ""));
    let line = gateway.log().wait_for("why", |line| line.contains("the circuit is open"));
    assert!(line.contains("upstream=app") && line.contains("5 tries in a row failed"), "{line}");
    let circuit = circuit(&gateway);
    assert_eq!((&circuit["state"], &circuit["forced"]), (&json!("open"), &json!(false)));
    assert!((3_500_000..=3_600_000).contains(&circuit["retry_after_ms"].as_u64().unwrap()), "{circuit}");
    let metrics = gateway.metrics();
    let app = ("upstream", "app");
    assert_eq!(metrics.sum("maitred_circuit_state", &[app]), 2);
    assert_eq!(metrics.sum("maitred_circuit_transitions_total", &[app, ("to", "open")]), 1);
    assert_eq!(metrics.sum("maitred_upstream_failures_total", &[app, ("kind", "circuit_open")]), 3);
}

#[test]
fn trials_open_it_again_or_close_it() {
    let origin = Origin::start();
    let gateway = gateway(origin.url(), "{ open_for: 50ms }");
    let transitions = |to: &str| gateway.metrics().sum("maitred_circuit_transitions_total", &[("to", to)]);
    eventually("a failed trial opens it again", || {
        fail(&gateway);
        (transitions("open") >= 2).then_some(())
    });
    eventually("trials close it", || {
        gateway.curl("/", &[]);
        (state(&gateway) == "closed").then_some(())
    });
    assert!(transitions("half_open") >= 2);
    assert_eq!(transitions("closed"), 1);
    gateway.log().wait_for("why", |line| {
        line.contains("the circuit is closed") && line.contains("2 trials in a row succeeded")
    });
    assert_eq!(gateway.curl("/", &[]).status(), 200);
}

#[test]
fn one_trial_at_a_time() {
    let (give, given) = channel::<()>();
    let (given, is_slow) = (std::sync::Mutex::new(given), Arc::new(AtomicBool::new(false)));
    let (arrived, slow) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&is_slow));
    let count = Arc::clone(&arrived);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            if slow.load(Ordering::SeqCst) {
                given.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
            } else {
                wire.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    let gateway = gateway(&service.url(), "{ open_for: 50ms, successes: 1 }");
    for _ in 0..5 {
        assert_eq!(gateway.curl("/", &[]).status(), 500);
    }
    is_slow.store(true, Ordering::SeqCst);
    eventually("a trial may come", || (circuit(&gateway)["retry_after_ms"] == 0).then_some(()));
    let mut trial = gateway.connect();
    trial.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually("the trial is out", || (arrived.load(Ordering::SeqCst) == 6).then_some(()));
    assert_eq!(state(&gateway), "half_open");
    for _ in 0..5 {
        assert_eq!(refused(&gateway.curl("/", &[])), Some(1));
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 6);
    give.send(()).unwrap();
    assert_eq!(trial.answer().text(), "OK");
    assert_eq!(state(&gateway), "closed");
}

#[test]
fn a_trial_whose_client_goes_away_makes_room_for_the_next() {
    let origin = Origin::start();
    let gateway = gateway(origin.url(), "{ open_for: 50ms, successes: 1 }");
    (0..5).for_each(|_| assert_eq!(fail(&gateway).status(), 500));
    eventually("a trial may come", || (circuit(&gateway)["retry_after_ms"] == 0).then_some(()));
    let mut trial = gateway.connect();
    trial.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc");
    eventually("the trial is out", || (state(&gateway) == "half_open").then_some(()));
    assert_eq!(refused(&gateway.curl("/", &[])), Some(1));
    trial.reset();
    eventually("the next one is let through", || (gateway.curl("/", &[]).status() == 200).then_some(()));
    assert_eq!(state(&gateway), "closed");
}

#[test]
fn a_trial_is_over_with_the_head_of_its_answer() {
    let (give, given) = channel::<()>();
    let given = std::sync::Mutex::new(given);
    let service = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            if request.head.has("X-Fail") {
                wire.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
            } else {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
                given.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                wire.send("half");
            }
        }
    });
    let gateway = gateway(&service.url(), "{ open_for: 50ms, successes: 1 }");
    (0..5).for_each(|_| assert_eq!(gateway.curl("/", &["-H", "X-Fail: 1"]).status(), 500));
    eventually("a trial may come", || (circuit(&gateway)["retry_after_ms"] == 0).then_some(()));
    let mut trial = gateway.connect();
    trial.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(trial.head().status(), 200);
    assert_eq!(state(&gateway), "closed", "nobody waits for the rest of it");
    give.send(()).unwrap();
    assert_eq!(trial.exactly(8), b"halfhalf");
}

#[test]
fn what_failed_is_told_where_the_circuit_stops_the_next_try() {
    let (one, other) = (Port::reserve(), Port::reserve());
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: [\"http://127.0.0.1:{}\", \"http://127.0.0.1:{}\"], circuit_breaker: 1 }} }}\n\
         routes: {{ app: {{ upstream: app }} }}\n",
        one.number(),
        other.number()
    ));
    assert_eq!(gateway.curl("/first", &[]).status(), 502);
    assert_eq!(gateway.access_to("/first").number("attempts"), 1);
    assert!(refused(&gateway.curl("/", &[])).is_some());
}

#[test]
fn an_operator_forces_it() {
    let origin = Origin::start();
    let gateway = gateway(origin.url(), "{ open_for: 1h }");
    let forced = force(&gateway, "open");
    assert_eq!((&forced["state"], &forced["forced"]), (&json!("open"), &json!(true)));
    assert_eq!(refused(&gateway.curl("/", &[])), Some(3600));
    gateway
        .log()
        .wait_for("who did it", |line| line.contains("forced open") && line.contains("upstream=app"));
    // A reload keeps it, also with other settings.
    gateway.reload(&document(origin.url(), "{ open_for: 2h }"));
    assert_eq!(refused(&gateway.curl("/", &[])), Some(7200));
    assert_eq!(circuit(&gateway)["forced"], true);
    assert_eq!(gateway.metrics().sum("maitred_circuit_state", &[]), 2);

    let forced = force(&gateway, "closed");
    assert_eq!((&forced["state"], &forced["forced"]), (&json!("closed"), &json!(true)));
    assert_eq!(gateway.metrics().sum("maitred_circuit_state", &[]), 0);
    for _ in 0..8 {
        assert_eq!(fail(&gateway).status(), 500, "all pass, and nothing is counted");
    }
    let free = force(&gateway, "auto");
    assert_eq!(
        (&free["state"], &free["forced"], &free["failures"]),
        (&json!("closed"), &json!(false), &json!(0))
    );
    (0..5).for_each(|_| assert_eq!(fail(&gateway).status(), 500));
    assert!(refused(&fail(&gateway)).is_some());
    assert_eq!(force(&gateway, "auto")["state"], "open", "it moves by itself already");
}

#[test]
fn its_state_goes_on_over_reloads() {
    let origin = Origin::start();
    let gateway = gateway(origin.url(), "{ open_for: 1h }");
    (0..3).for_each(|_| assert_eq!(fail(&gateway).status(), 500));
    gateway.reload(&document(origin.url(), "{ open_for: 1h, failures: 4 }"));
    assert_eq!(circuit(&gateway)["failures"], 3);
    assert_eq!(fail(&gateway).status(), 500);
    assert_eq!(state(&gateway), "open", "the new threshold counts");
    gateway.reload(&document(origin.url(), "{ open_for: 1h, failures: 9 }"));
    assert!(refused(&gateway.curl("/", &[])).is_some());
    gateway.reload(&document(origin.url(), "false"));
    assert_eq!(gateway.curl("/", &[]).status(), 200);
    assert_eq!(circuit(&gateway), Value::Null);
    gateway.reload(&document(origin.url(), "true"));
    assert_eq!((gateway.curl("/", &[]).status(), state(&gateway).as_str()), (200, "closed"));
}

#[test]
fn a_share_of_failures_opens_it() {
    let origin = Origin::start();
    let breaker = "{ failures: false, error_rate: 50%, min_calls: 4, window: 1h, open_for: 1h }";
    let gateway = gateway(origin.url(), breaker);
    for _ in 0..2 {
        assert_eq!(gateway.curl("/", &[]).status(), 200);
    }
    assert_eq!(fail(&gateway).status(), 500);
    assert_eq!(state(&gateway), "closed");
    assert_eq!(fail(&gateway).status(), 500);
    assert!(refused(&gateway.curl("/", &[])).is_some());
    gateway.log().wait_for("why", |line| line.contains("2 of the 4 tries of 3600s failed"));
}

#[test]
fn slow_answers_open_it() {
    let (give, given) = channel::<()>();
    let (given, arrived) = (std::sync::Mutex::new(given), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&arrived);
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            given.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        }
    });
    let breaker = "{ slow_call: 1ms, min_calls: 2, window: 1h, open_for: 1h }";
    let gateway = gateway(&service.url(), breaker);
    for n in 1..=2 {
        let mut client = gateway.connect();
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        eventually("the service has it", || (arrived.load(Ordering::SeqCst) == n).then_some(()));
        // Starting a program takes longer than a millisecond.
        assert_eq!(state(&gateway), "closed");
        give.send(()).unwrap();
        assert_eq!(client.answer().text(), "OK");
    }
    assert!(refused(&gateway.curl("/", &[])).is_some());
    gateway.log().wait_for("why", |line| line.contains("2 of the 2 tries of 3600s were slow"));
}

#[test]
fn how_many_slow_ones_are_too_many_is_configured() {
    let origin = Origin::start();
    let with = |slow_call: &str, slow_rate: &str| {
        let rates = format!("slow_call: {slow_call}, slow_rate: {slow_rate}, min_calls: 4, window: 1h");
        document(origin.url(), &format!("{{ {rates}, open_for: 1h }}"))
    };
    for (slow_rate, tries) in [("50%", "3 of the 6"), ("40%", "2 of the 5")] {
        // Nothing is slow at first; then everything is, in the same window.
        let gateway = Gateway::start(&with("1h", slow_rate));
        (0..3).for_each(|_| assert_eq!(gateway.curl("/", &[]).status(), 200));
        gateway.reload(&with("1us", slow_rate));
        let served = (0..9).take_while(|_| gateway.curl("/", &[]).status() == 200).count();
        assert_eq!(served.to_string(), tries[..1], "{slow_rate}");
        gateway.log().wait_for("why", |line| line.contains(&format!("{tries} tries of 3600s were slow")));
    }
}

#[test]
fn what_counts_as_a_failure_is_configured() {
    let origin = Origin::start();
    let gateway = gateway(origin.url(), "{ failures: 2, failure_on: [timeout, 429], open_for: 1h }");
    (0..3).for_each(|_| assert_eq!(fail(&gateway).status(), 500));
    for _ in 0..2 {
        assert_eq!(gateway.curl("/", &["-H", "X-Ask: status 429"]).status(), 429);
    }
    assert!(refused(&gateway.curl("/", &[])).is_some());
}

#[test]
fn a_client_in_a_hurry_opens_nothing() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.rest_to_any_end();
    });
    let gateway = gateway(&service.url(), "{ failures: 1, open_for: 1h }");
    for _ in 0..3 {
        assert_eq!(gateway.curl("/", &["-H", "grpc-timeout: 20m"]).status(), 504);
    }
    assert_eq!((circuit(&gateway)["failures"].as_u64(), state(&gateway).as_str()), (Some(0), "closed"));
}

#[test]
fn upstreams_are_listed_with_their_endpoints_and_settings() {
    let gateway = Gateway::start(
        "upstreams:\n  app: { endpoints: [http://127.0.0.1:1, { url: http://127.0.0.1:2, weight: 3 }], circuit_breaker: 7 }\n\
         routes: { app: { upstream: app }, other: { match: /other, upstream: \"http://127.0.0.1:3\" } }\n",
    );
    let app = json!({
        "name": "app",
        "balance": "round_robin",
        "circuit_breaker": {
            "state": "closed", "forced": false, "failures": 0, "successes": 0, "retry_after_ms": null,
            "settings": {
                "failures": 7, "successes": 2, "open_for": "30s", "slow_rate": "80%", "window": "10s",
                "min_calls": 20, "failure_on": ["connect_failure", "reset", "timeout", "5xx"],
            },
        },
        "endpoints": [
            { "address": "127.0.0.1:1", "weight": 1, "health": "unknown", "failure": null, "ejected_for_ms": null },
            { "address": "127.0.0.1:2", "weight": 3, "health": "unknown", "failure": null, "ejected_for_ms": null },
        ],
    });
    let listed = admin(&gateway, "/upstreams", &[]);
    assert_eq!(listed.head.field("Content-Type"), Some("application/json"));
    let listed = listed.json()["upstreams"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0], app);
    assert_eq!(admin(&gateway, "/upstreams/app", &[]).json(), app);
    // One that a route names by its URL is found by that.
    let name = listed[1]["name"].as_str().unwrap();
    let encoded = name.replace(':', "%3A").replace('/', "%2F");
    let other = admin(&gateway, &format!("/upstreams/{encoded}"), &[]).json();
    assert_eq!(other, listed[1]);
    assert_eq!(
        (&other["circuit_breaker"], &other["endpoints"][0]["address"]),
        (&Value::Null, &json!("127.0.0.1:3"))
    );
}

#[test]
fn what_cannot_be_forced_is_told() {
    let gateway = Gateway::start(
        "upstreams: { app: { endpoints: http://127.0.0.1:1, circuit_breaker: true }, bare: http://127.0.0.1:2 }\n\
         routes: { app: { upstream: app }, bare: { match: /bare, upstream: bare } }\n",
    );
    let json = "Content-Type: application/json";
    let long = format!("{{\"force\": \"open\"{}}}", " ".repeat(5000));
    for (path, kind, body, status, detail) in [
        ("/upstreams/nobody/circuit", json, r#"{"force":"open"}"#, 404, "no upstream"),
        ("/upstreams/%ff/circuit", json, r#"{"force":"open"}"#, 404, "no upstream"),
        ("/upstreams/bare/circuit", json, r#"{"force":"open"}"#, 409, "no circuit breaker"),
        ("/upstreams/app/circuit", json, r#"{"force":"half_open"}"#, 400, r#"{"force": "auto"}"#),
        ("/upstreams/app/circuit", json, r#"{"force":"open","for":"1h"}"#, 400, r#"{"force": "auto"}"#),
        ("/upstreams/app/circuit", json, "force=open", 400, r#"{"force": "auto"}"#),
        ("/upstreams/app/circuit", json, "", 400, r#"{"force": "auto"}"#),
        ("/upstreams/app/circuit", json, &long, 400, r#"{"force": "auto"}"#),
        (
            "/upstreams/app/circuit",
            "Content-Type: text/plain",
            r#"{"force":"open"}"#,
            415,
            "application/json",
        ),
        ("/upstreams/app", json, r#"{"force":"open"}"#, 405, "Method not allowed"),
    ] {
        let answer = admin(&gateway, path, &["--data", body, "-H", kind]);
        assert_eq!(answer.status(), status, "{path} {body}: {}", answer.text());
        assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(detail), "{}", answer.text());
    }
    let foreign = ["--data", r#"{"force":"open"}"#, "-H", json, "-H", "Origin: http://evil.example"];
    assert_eq!(admin(&gateway, "/upstreams/app/circuit", &foreign).status(), 403);
    assert_eq!(admin(&gateway, "/upstreams/nobody", &[]).status(), 404);
    assert_eq!(state(&gateway), "closed", "nothing of it had an effect");
}

#[test]
fn where_there_is_a_token_it_is_wanted() {
    let gateway = Gateway::start_with(
        &[("token", "s3cret")],
        "admin: { address: \"127.0.0.1:PORT_admin\", token: \"${file:token}\" }\n\
         upstreams: { app: { endpoints: http://127.0.0.1:1, circuit_breaker: true } }\nroutes: { app: { upstream: app } }\n",
    );
    let wanted = ["--data", r#"{"force":"open"}"#, "-H", "Content-Type: application/json"];
    assert_eq!(admin(&gateway, "/upstreams", &[]).status(), 401);
    assert_eq!(admin(&gateway, "/upstreams/app/circuit", &wanted).status(), 401);
    let shown = [&wanted[..], &["-H", "Authorization: Bearer s3cret"]].concat();
    assert_eq!(admin(&gateway, "/upstreams/app/circuit", &shown).status(), 200);
}
