//! What a worker calls for every request allocates nothing once it is in use.

use maitred_telemetry::{
    AccessFormat, AccessRecord, AccessShape, Counter, Gauge, Histogram, Metrics, MetricsOptions,
    QueryLogging, TimeText,
};

fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

#[test]
fn the_measure_sees_an_allocation() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn counters_and_histograms() {
    let (counter, gauge, histogram) = (Counter::new(), Gauge::new(), Histogram::default());
    let count = allocations(|| {
        for micros in 0..1_000 {
            counter.add(micros);
            gauge.inc();
            histogram.record(micros * 97);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn the_series_of_a_route_after_its_first_request() {
    let options = MetricsOptions { workers: 4, max_series: 1_000, version: "0", revision: "", started: 0 };
    let metrics = Metrics::new(options);
    let (route, pair) = (metrics.route("users"), metrics.route_upstream("users", Some("orders")));
    let (upstream, listener) = (metrics.upstream("orders"), metrics.listener("web"));
    let serve = |status| {
        route.at(3).duration.record(1_234);
        route.at(3).bytes_out.add(512);
        pair.at(3).requests(status).inc();
        pair.at(3).upstream_duration.record(1_000);
        upstream.at(3).reused.inc();
        listener.at(3).accepted.inc();
    };
    assert!(allocations(|| serve(200)) > 0, "the first makes the shards");
    assert_eq!(allocations(|| (0..1_000).for_each(serve)), 0);
}

#[test]
fn ten_thousand_routes_without_traffic_take_little_memory() {
    let options = MetricsOptions { workers: 64, max_series: 20_000, version: "0", revision: "", started: 0 };
    let metrics = Metrics::new(options);
    let names: Vec<String> = (0..10_000).map(|at| format!("route-{at}")).collect();
    let mut kept = Vec::with_capacity(names.len());
    let measured = allocation_counter::measure(|| {
        for name in &names {
            kept.push((metrics.route(name), metrics.route_upstream(name, Some("orders"))));
        }
    });
    assert!(measured.bytes_current < 5_000_000, "{} bytes", measured.bytes_current);
}

#[test]
fn access_records() {
    let record = AccessRecord {
        request_id: b"0199",
        method: b"GET",
        host: b"api.example.com",
        path: b"/users/\"7\"\xff\xc3\xa9",
        query: b"limit=5&access_token=abc",
        protocol: "HTTP/1.1",
        status: 200,
        bytes_out: 1_234_567,
        duration_micros: 98_765,
        upstream_micros: Some(98_000),
        route: "users",
        path_template: "/users/{id}",
        upstream: "users",
        endpoint: "10.0.0.7:8080",
        attempts: 1,
        consumer: "acme corp",
        user_agent: b"curl/8 \"\n",
        referer: b"https://shop.example/?code=x",
        ..AccessRecord::default()
    };
    let clients = ["203.0.113.7", "2001:db8::7"].map(|address| address.parse().unwrap());
    let mut out = Vec::with_capacity(64 * 1024);
    let mut time = TimeText::default();
    for shape in [AccessShape::Json, AccessShape::Common, AccessShape::Combined] {
        for query in [QueryLogging::Omit, QueryLogging::Redacted, QueryLogging::Full] {
            let format = AccessFormat { shape, query };
            out.clear();
            let count = allocations(|| {
                for (at, client) in clients.iter().cycle().take(40).enumerate() {
                    let unix_micros = 1_795_265_045_000_000 + at as u64 * 300_000;
                    let record = AccessRecord { unix_micros, client_ip: Some(*client), ..record };
                    format.encode(&record, &mut time, &mut out);
                }
            });
            assert_eq!(count, 0, "{format:?}");
            assert_eq!(String::from_utf8_lossy(&out).lines().count(), 40);
        }
    }
}
