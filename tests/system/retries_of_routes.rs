//! What routes and upstreams say of retries, key by key: budget, waits and hedging.

use maitred_tests::{Fake, Gateway, Wire};

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
const REQUESTS: i64 = 200;

/// A gateway in front of these endpoints, with a route for each of the settings: `/name`.
fn with(endpoints: &[&str], upstream: &str, routes: &[(&str, &str)]) -> Gateway {
    let route = |(name, retries): &(&str, &str)| {
        format!("{name}: {{ match: /{name}, upstream: app, retries: {retries} }}")
    };
    let routes = routes.iter().map(route).collect::<Vec<_>>().join(", ");
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: {endpoints:?}, outlier_detection: false, {upstream} }} }}\nroutes: {{ {routes} }}\n"
    ))
}

fn get(wire: &mut Wire, path: &str) -> String {
    wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).text()
}

/// The retries that were made and those that were refused.
fn counted(gateway: &Gateway) -> (i64, i64) {
    let metrics = gateway.metrics();
    let sum = |family| metrics.sum(family, &[]);
    (sum("maitred_upstream_retries_total"), sum("maitred_upstream_retries_refused_total"))
}

#[test]
fn a_route_has_a_budget_of_its_own() {
    let service = Fake::answering(BUSY);
    let routes = [("any", "{ budget: false }"), ("usual", "true")];
    let gateway = with(&[&service.url()], "retries: { attempts: 2, backoff: false, budget: 0% }", &routes);
    let ask = |path: &str| {
        let before = counted(&gateway);
        let mut wire = gateway.connect();
        (0..REQUESTS).for_each(|_| assert_eq!(get(&mut wire, path), "busy"));
        let after = counted(&gateway);
        (after.0 - before.0, after.1 - before.1)
    };
    assert_eq!(ask("/any"), (REQUESTS, 0));
    // As the upstream has it: no share, and the few of each second are taken.
    let (retries, refused) = ask("/usual");
    assert_eq!(retries + refused, REQUESTS);
    assert!(refused > 0);
}

#[test]
fn the_budget_of_an_upstream_is_a_share_of_its_requests() {
    let service = Fake::answering(BUSY);
    let gateway =
        with(&[&service.url()], "retries: { attempts: 2, backoff: false, budget: 50% }", &[("all", "true")]);
    let mut wire = gateway.connect();
    (0..REQUESTS).for_each(|_| assert_eq!(get(&mut wire, "/all"), "busy"));
    let (retries, refused) = counted(&gateway);
    assert_eq!(retries + refused, REQUESTS);
    assert!(retries >= REQUESTS / 2, "half of the requests may be tried again: {retries}");
    assert!(refused > 0, "and not many more");
}

#[test]
fn a_route_waits_as_long_as_it_says() {
    let service = Fake::answering(BUSY);
    // Where the wait would go beyond the deadline there is none, and no other try. One of more than a century is never so short by
    // chance.
    let routes = [
        ("short", "{ backoff: { base: 1ms, max: 1000000h } }"),
        ("long", "{ backoff: { base: 1000000h, max: 1000000h } }"),
        ("usual", "true"),
    ];
    let upstream = "timeouts: { total: 1m }, retries: { attempts: 2, budget: false, backoff: BACKOFF }";
    for (backoff, tries) in [("1ms", [2, 1, 2]), ("{ base: 1000000h, max: 1000000h }", [2, 1, 1])] {
        let gateway = with(&[&service.url()], &upstream.replace("BACKOFF", backoff), &routes);
        let mut wire = gateway.connect();
        for ((route, _), tries) in routes.iter().zip(tries) {
            let path = format!("/{route}");
            assert_eq!(get(&mut wire, &path), "busy");
            assert_eq!(gateway.access_to(&path).number("attempts"), tries, "{backoff}: {route}");
        }
    }
}

#[test]
fn a_service_is_waited_for_up_to_the_longest_wait_of_a_route() {
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy";
    let service = Fake::answering(answer);
    let routes = [
        ("short", "{ backoff: { base: 1ms, max: 500ms } }"),
        ("long", "{ backoff: { base: 1ms, max: 1s } }"),
        ("usual", "true"),
    ];
    let upstream = "retries: { attempts: 2, backoff: { base: 1ms, max: 500ms } }";
    let gateway = with(&[&service.url()], upstream, &routes);
    let mut wire = gateway.connect();
    for ((route, _), tries) in routes.iter().zip([1, 2, 1]) {
        let path = format!("/{route}");
        assert_eq!(get(&mut wire, &path), "busy");
        assert_eq!(gateway.access_to(&path).number("attempts"), tries, "{route}");
    }
}

#[test]
fn a_route_asks_another_endpoint_after_a_time_of_its_own() {
    let silent = Fake::start(|mut wire, _| {
        wire.request();
        wire.rest_to_any_end();
    });
    let fast = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    let upstream = "timeouts: { response: 10h }, retries: { hedge_after: 10h, budget: false }";
    let gateway = with(&[&silent.url(), &fast.url()], upstream, &[("hedged", "{ hedge_after: 1ms }")]);
    let mut wire = gateway.connect();
    (0..4).for_each(|_| assert_eq!(get(&mut wire, "/hedged"), "OK"));
    let hedges = gateway.metrics().sum("maitred_upstream_hedges_total", &[]);
    assert!((2..=4).contains(&hedges), "{hedges}");
}
