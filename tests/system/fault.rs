//! Faults on purpose: delays and aborts, by share and by request.

use std::time::Duration;

use maitred_tests::{Echo, Gateway, Origin, within};

#[test]
fn requests_are_delayed_and_aborted_as_they_ask() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "policies: {{ fault: {{ delay: {{ for: 300ms, share: 0% }}, abort: {{ status: 503, share: 0% }}, headers: true }} }}\n\
         routes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let mut wire = gateway.connect();
    let mut ask = |fields: &str| wire.ask(&format!("GET /x HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    let echo = Echo::of(&ask(""));
    assert!(!echo.has("X-Fault-Delay"));
    // An hour is more than it may be.
    within(Duration::from_millis(290), Duration::from_secs(15), || {
        let echo = Echo::of(&ask("X-Fault-Delay: 1h\r\n"));
        assert!(!echo.has("X-Fault-Delay"));
    });
    let aborted = ask("X-Fault-Abort: 429\r\n");
    assert_eq!((aborted.status(), aborted.head.field("X-Fault")), (429, Some("abort")));
    assert_eq!(ask("").status(), 200, "the connection goes on");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("maitred_fault_injected_total", &[("kind", "delay")]), 1);
    assert_eq!(metrics.sum("maitred_fault_injected_total", &[("kind", "abort")]), 1);
    gateway.access(1, |access| access.text("outcome") == "fault_injected" && access.text("status") == "429");
}

#[test]
fn all_requests_of_a_kind_are_aborted() {
    let gateway = Gateway::start(
        "policies: { fault: { abort: 503, when: 'header[\"X-Test\"] == \"yes\"' } }\nroutes: { a: { respond: OK } }\n",
    );
    assert_eq!(gateway.curl("/", &[]).status(), 200);
    let aborted = gateway.curl("/", &["-H", "X-Test: yes", "--http2-prior-knowledge"]);
    assert_eq!((aborted.status(), aborted.json()["detail"].as_str()), (503, Some("Fault injected")));
}
