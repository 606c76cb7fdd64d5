//! Requests that the gateway asks anew by itself, and answers that are kept as the service gave them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maitred_tests::{Fake, Gateway, Wire, eventually};

/// A service whose answers are numbered, and stale at once.
fn numbered() -> (Fake, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=1, stale-while-revalidate=60\r\nAge: 9\r\nX-Number: {number}\r\nContent-Length: 0\r\n\r\n"
            );
            if wire.try_send(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    (fake, asked)
}

#[test]
fn what_is_stale_is_asked_for_beside_the_requests_of_clients() {
    let (service, asked) = numbered();
    let gateway = Gateway::start(&format!(
        "policies: {{ cache: true, transform_response: {{ headers: {{ set: {{ X-Who: \"{{header.X-Who}}\" }}, rename: {{ X-Number: X-Told }} }} }} }}\n\
         routes: {{ all: {{ match: /api/*, upstream: \"{}\", strip_prefix: true }} }}\n",
        service.url()
    ));
    let mut clients = 0_i64;
    let mut ask = |who: &str| {
        clients += 1;
        let answer = gateway.curl("/api/x", &["-H", &format!("X-Who: {who}")]);
        assert_eq!((answer.status(), answer.head.field("X-Who")), (200, Some(who)));
        assert!(!answer.head.has("X-Number"), "what is kept is changed each time");
        answer.head.field("X-Told").unwrap().parse::<usize>().unwrap()
    };
    assert_eq!((ask("ann"), ask("bob")), (1, 1));
    eventually("the service was asked anew", || (ask("eve") > 1).then_some(()));
    gateway.access(usize::try_from(clients).unwrap(), |access| access.text("path") == "/api/x");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_requests_total", &[("route", "all")]), clients);
    assert_eq!(metrics.sum("maitred_refreshes_dropped_total", &[]), 0);
    assert!(asked.load(Ordering::SeqCst) > 1);
    // Nobody was told of a request that no client made.
    let path = |line: &String| line.contains("/api/x");
    assert_eq!(
        gateway.access_lines().all().iter().filter(|line| path(line)).count().to_string(),
        clients.to_string()
    );
    let admin = |request: &str| {
        Wire::connect(gateway.port("admin"))
            .ask(&format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    };
    let answer = admin("GET /caches?policy=cache");
    assert_eq!((answer.status(), answer.json()[0]["place"].as_str()), (200, Some("policies")));
    assert_eq!(admin("GET /caches?place=elsewhere").status(), 404);
}
