//! What each key of `outlier_detection` changes: which ends count, for how long endpoints are ejected, and how many at once.

use maitred_tests::{Fake, Gateway, Origin, Wire, eventually};

/// A request that is not tried again once the service has seen it.
const POST: &str = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";

/// Far more than it takes to eject whoever can be.
const MANY: usize = 60;

fn answering(status: &str) -> Fake {
    Fake::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
}

/// A gateway in front of these endpoints, with these rules.
fn with(endpoints: &[&str], rules: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: {endpoints:?}, panic_threshold: 0%, outlier_detection: {rules} }} }}\n\
         routes: {{ app: {{ upstream: app }} }}\n"
    ))
}

/// The statuses of so many requests.
fn statuses(wire: &mut Wire, requests: usize) -> Vec<u16> {
    (0..requests).map(|_| wire.ask(POST).status()).collect()
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

#[test]
fn what_counts_against_an_endpoint_is_configured() {
    let (failing, busy) = (answering("500 Oh"), answering("503 Busy"));
    let (a, b) = (Origin::start(), Origin::start());
    // Statuses that do not count by themselves, and those that count no longer.
    let rules =
        "{ consecutive_errors: 2, eject_for: 1h, max_eject_for: 1h, max_ejected: 100%, failure_on: [5xx] }";
    let endpoints = [&*failing.url(), &busy.url(), a.url(), b.url()];
    let gateway = with(&endpoints, rules);
    let seen = statuses(&mut gateway.connect(), MANY);
    assert_eq!((count(&seen, 500), count(&seen, 503)), (2, 2), "{seen:?}");
    drop(gateway);
    let gateway = with(&endpoints, &rules.replace("5xx", "500, connect_failure"));
    let seen = statuses(&mut gateway.connect(), MANY);
    assert_eq!(count(&seen, 500), 2, "{seen:?}");
    assert!(count(&seen, 503) > 2, "it goes on being asked: {seen:?}");
}

#[test]
fn a_connection_that_breaks_counts_where_that_is_written() {
    let broken = Fake::start(|mut wire, _| _ = wire.request());
    let (a, b) = (Origin::start(), Origin::start());
    for (listed, is_ejected) in [("[reset]", true), ("[connect_failure, timeout, 502]", false)] {
        let rules =
            format!("{{ consecutive_errors: 2, eject_for: 1h, max_eject_for: 1h, failure_on: {listed} }}");
        let gateway = with(&[&broken.url(), a.url(), b.url()], &rules);
        let seen = statuses(&mut gateway.connect(), 30);
        assert_eq!(count(&seen, 502) == 2, is_ejected, "{listed}: {seen:?}");
    }
}

#[test]
fn an_ejection_lasts_no_longer_than_the_longest_one() {
    let (failing, origin) = (answering("503 Busy"), Origin::start());
    let rules = "{ consecutive_errors: 1, eject_for: 200ms, max_eject_for: 300ms }";
    let gateway = with(&[&failing.url(), origin.url()], rules);
    let mut wire = gateway.connect();
    let is_told = |lasts: &str| gateway.log().all().iter().any(|line| line.contains(lasts));
    // It fails again as soon as it is back, so that the next one would be twice as long.
    eventually("the longest ejection", || {
        wire.ask(POST);
        is_told("the endpoint is ejected for 300ms: 1 failures in a row").then_some(())
    });
    assert!(is_told("the endpoint is ejected for 200ms"), "the first one");
}

#[test]
fn no_more_are_ejected_at_once_than_are_allowed() {
    let fakes = [(); 3].map(|()| answering("503 Busy"));
    let urls = fakes.each_ref().map(Fake::url);
    let origin = Origin::start();
    let endpoints = [&*urls[0], &urls[1], &urls[2], origin.url()];
    // Of those that are left, each has its turn.
    for (share, failed) in [("100%", 0), ("50%", 12), ("49%", 16), ("24%", 18)] {
        let rules =
            format!("{{ consecutive_errors: 1, eject_for: 1h, max_eject_for: 1h, max_ejected: {share} }}");
        let gateway = with(&endpoints, &rules);
        let mut wire = gateway.connect();
        statuses(&mut wire, MANY);
        let seen = statuses(&mut wire, 24);
        assert_eq!(count(&seen, 503), failed, "{share}: {seen:?}");
    }
}
