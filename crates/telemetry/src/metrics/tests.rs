//! What is recorded by workers, and the page that tells it.

use super::*;
use crate::health::{CheckTotals, EndpointGauges};
use crate::shard::{ConnectionRefusal, UpstreamFailure};

fn metrics(workers: usize, max_series: u64) -> Metrics {
    Metrics::new(MetricsOptions {
        workers,
        max_series,
        version: "1.2.3",
        revision: "abc",
        started: 1_700_000_000,
    })
}

fn page(metrics: &Metrics) -> String {
    let mut out = String::new();
    metrics.render(&mut out);
    out
}

/// The lines that are no comment and begin so.
fn lines<'p>(page: &'p str, start: &str) -> Vec<&'p str> {
    page.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn requests_are_told_by_route_class_and_upstream_over_all_workers() {
    let metrics = metrics(3, 1_000);
    let orders = metrics.route_upstream("shop", Some("orders"));
    let own = metrics.route_upstream("shop", None);
    orders.at(0).requests(200).inc();
    orders.at(2).requests(204).inc();
    orders.at(1).requests(503).inc();
    own.at(1).requests(404).inc();
    own.at(1).requests(0).inc();
    let page = page(&metrics);
    assert_eq!(
        lines(&page, "maitred_requests_total"),
        [
            r#"maitred_requests_total{route="shop",upstream="",status="none"} 1"#,
            r#"maitred_requests_total{route="shop",upstream="",status="4xx"} 1"#,
            r#"maitred_requests_total{route="shop",upstream="orders",status="2xx"} 2"#,
            r#"maitred_requests_total{route="shop",upstream="orders",status="5xx"} 1"#,
        ]
    );
}

#[test]
fn ten_thousand_routes_without_traffic_are_not_told() {
    let metrics = metrics(64, 20_000);
    let bare = page(&metrics).lines().count();
    let routes: Vec<_> = (0..10_000).map(|at| metrics.route(&format!("r{at}"))).collect();
    assert_eq!(page(&metrics).lines().count(), bare);
    routes[7].at(3).bytes_in.add(5);
    assert_eq!(
        lines(&page(&metrics), "maitred_request_bytes_total"),
        [r#"maitred_request_bytes_total{route="r7"} 5"#]
    );
}

#[test]
fn a_page_never_has_more_lines_than_was_allowed() {
    let metrics = metrics(2, 500);
    let bare = page(&metrics).lines().count() as u64;
    let mut kept = Vec::new();
    for at in 0..100 {
        let (route, pair) =
            (metrics.route(&format!("r{at}")), metrics.route_upstream(&format!("r{at}"), Some("u")));
        for status in [0, 100, 200, 300, 400, 500] {
            route.at(at % 2).duration.record(1_000);
            pair.at(at % 2).requests(status).inc();
            pair.at(at % 2).upstream_duration.record(1_000);
        }
        kept.push((route, pair));
    }
    let page = page(&metrics);
    let overflow = lines(&page, "").iter().filter(|line| line.contains("\"other\"")).count() as u64;
    assert!(page.lines().count() as u64 <= bare + 500 + overflow);
    assert!(overflow > 0 && lines(&page, "maitred_series_refused_total 0").is_empty());
    let total: u64 = lines(&page, "maitred_requests_total").iter().map(|line| value(line)).sum();
    assert_eq!(total, 600, "nothing is lost");
}

fn value(line: &str) -> u64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn state_survives_a_reload_and_goes_with_the_last_snapshot() {
    let metrics = metrics(1, 1_000);
    let old = metrics.route("a");
    old.at(0).bytes_out.add(3);
    let new = metrics.route("a");
    drop(old);
    new.at(0).bytes_out.add(4);
    assert_eq!(
        lines(&page(&metrics), "maitred_response_bytes_total"),
        [r#"maitred_response_bytes_total{route="a"} 7"#]
    );
    drop(new);
    assert!(!page(&metrics).contains("route=\"a\""));
}

#[test]
fn upstreams_and_listeners_are_told() {
    let metrics = metrics(2, 1_000);
    let upstream = metrics.upstream("orders");
    upstream.at(0).connections.inc();
    upstream.at(1).connections.add(2);
    upstream.at(0).connections.dec();
    upstream.at(0).failures(UpstreamFailure::Timeout).inc();
    upstream.at(1).hedges.inc();
    let listener = metrics.listener("web \"x\"");
    listener.at(1).accepted.add(9);
    listener.at(1).refused(ConnectionRefusal::ClientLimit).inc();
    let policy = metrics.refusals("policies", "api_key");
    policy.at(0).refused("invalid_credentials").inc();
    policy.at(1).refused("missing_credentials").inc();
    policy.at(1).refused("invalid_credentials").inc();
    let page = page(&metrics);
    for line in [
        r#"maitred_policy_refused_total{place="policies",policy="api_key",cause="invalid_credentials"} 2"#,
        r#"maitred_policy_refused_total{place="policies",policy="api_key",cause="missing_credentials"} 1"#,
        r#"maitred_upstream_connections{upstream="orders"} 2"#,
        r#"maitred_upstream_failures_total{upstream="orders",kind="timeout"} 1"#,
        r#"maitred_upstream_retries_total{upstream="orders"} 0"#,
        r#"maitred_upstream_retries_refused_total{upstream="orders"} 0"#,
        r#"maitred_upstream_hedges_total{upstream="orders"} 1"#,
        r#"maitred_connections{listener="web \"x\""} 0"#,
        r#"maitred_connections_accepted_total{listener="web \"x\""} 9"#,
        r#"maitred_connections_refused_total{listener="web \"x\"",reason="client_limit"} 1"#,
    ] {
        assert!(page.lines().any(|told| told == line), "{line} in\n{page}");
    }
}

#[test]
fn the_health_of_upstreams_is_told() {
    let metrics = metrics(1, 1_000);
    let gauges =
        |endpoint: &str, healthy, ejected| EndpointGauges { endpoint: endpoint.to_owned(), healthy, ejected };
    metrics.replace_health(vec![
        UpstreamHealth {
            upstream: "orders".into(),
            ejections: Some(3),
            checks: Some(CheckTotals { passed: 7, failed: 2 }),
            endpoints: vec![gauges("a:1", Some(1), Some(0)), gauges("b:1", Some(0), Some(1))],
        },
        UpstreamHealth {
            upstream: "one".into(),
            ejections: None,
            checks: None,
            endpoints: vec![gauges("c:1", None, None)],
        },
    ]);
    let page = page(&metrics);
    for line in [
        r#"maitred_endpoint_healthy{upstream="orders",endpoint="a:1"} 1"#,
        r#"maitred_endpoint_healthy{upstream="orders",endpoint="b:1"} 0"#,
        r#"maitred_endpoint_ejected{upstream="orders",endpoint="b:1"} 1"#,
        r#"maitred_upstream_ejections_total{upstream="orders"} 3"#,
        r#"maitred_upstream_health_checks_total{upstream="orders",result="success"} 7"#,
        r#"maitred_upstream_health_checks_total{upstream="orders",result="failure"} 2"#,
        "maitred_series 7",
    ] {
        assert!(page.lines().any(|told| told == line), "{line} in\n{page}");
    }
    assert!(!page.contains("upstream=\"one\""), "there is nothing to say of it");
}

#[test]
fn the_process_is_told() {
    let metrics = metrics(2, 1_000);
    metrics.events().reloads_failed.inc();
    metrics.events().last_reload.set(1_700_000_001);
    metrics.events().access_log_dropped.add(12);
    metrics.resize(77);
    let page = page(&metrics);
    for line in [
        r#"maitred_build_info{version="1.2.3",revision="abc"} 1"#,
        r#"maitred_reloads_total{result="failure"} 1"#,
        "maitred_last_reload_success_timestamp_seconds 1700000001",
        "maitred_access_log_dropped_total 12",
        "maitred_series_limit 77",
        "process_start_time_seconds 1700000000",
    ] {
        assert!(page.lines().any(|told| told == line), "{line} in\n{page}");
    }
}
