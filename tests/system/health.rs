//! Health of endpoints: checks by HTTP, by gRPC and by connecting, and ejection of those that fail requests.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use maitred_tests::{Authority, Echo, Fake, Folder, Gateway, Origin, Peer, Port, eventually, skipped};

/// A service that can be well or not. Then it answers 503, to checks alone or to everything.
pub(crate) struct Moody {
    pub(crate) service: Fake,
    is_well: Arc<AtomicBool>,
}

impl Moody {
    pub(crate) fn start(fails_requests: bool) -> Self {
        let is_well = Arc::new(AtomicBool::new(true));
        let now = Arc::clone(&is_well);
        let service = Fake::start(move |mut wire, _| {
            while let Some(request) = wire.request() {
                let is_check = request.head.start.starts_with("GET /healthz ");
                let fails = !now.load(Ordering::SeqCst) && (is_check || fails_requests);
                let status = if fails { "503 Service Unavailable" } else { "200 OK" };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{{\"name\":\"moody\"}}"
                );
                if wire.try_send(answer).is_err() {
                    return;
                }
            }
        });
        Self { service, is_well }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.service.port())
    }

    pub(crate) fn set_well(&self, is_well: bool) {
        self.is_well.store(is_well, Ordering::SeqCst);
    }
}

/// A request that is not tried again once the service has seen it.
const POST: &str = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";

/// An upstream of these endpoints, with more to it.
fn document(endpoints: &[&str], more: &str) -> String {
    format!(
        "upstreams: {{ app: {{ endpoints: {endpoints:?}, {more} }} }}\nroutes: {{ app: {{ upstream: app }} }}\n"
    )
}

/// Who answers so many requests on one connection, each with 200.
fn who_answers(gateway: &Gateway, requests: usize) -> BTreeSet<String> {
    let mut wire = gateway.connect();
    let mut ask = || Echo::of(&wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n")).name().to_owned();
    (0..requests).map(|_| ask()).collect()
}

/// Waits for the gateway to say this of an endpoint.
pub(crate) fn says(gateway: &Gateway, what: &str, endpoint: &str) {
    gateway.log().wait_for(what, |line| line.contains(what) && line.contains(endpoint));
}

/// Waits for the sum of a family to be this.
fn counts(gateway: &Gateway, family: &str, labels: &[(&str, &str)], sum: i64) {
    eventually(family, || (gateway.metrics().sum(family, labels) == sum).then_some(()));
}

#[test]
fn who_fails_its_checks_gets_no_requests_until_it_passes_again() {
    let (moody, origin) = (Moody::start(false), Origin::named("origin"));
    let checks = "health_check: { path: /healthz, interval: 20ms, timeout: 20s, unhealthy_after: 2, healthy_after: 3 }";
    let gateway = Gateway::start(&document(&[&moody.service.url(), origin.url()], checks));
    let both = BTreeSet::from(["moody".to_owned(), "origin".to_owned()]);
    assert_eq!(who_answers(&gateway, 4), both);
    let of_moody = [("upstream", "app"), ("endpoint", &*moody.address())];
    moody.set_well(false);
    says(&gateway, "the endpoint is unhealthy: it answered with status 503", &moody.address());
    assert_eq!(who_answers(&gateway, 10), ["origin".to_owned()].into());
    counts(&gateway, "maitred_endpoint_healthy", &of_moody, 0);
    counts(&gateway, "maitred_endpoint_healthy", &[], 1);
    moody.set_well(true);
    says(&gateway, "the endpoint is healthy again", &moody.address());
    assert_eq!(who_answers(&gateway, 4), both);
    counts(&gateway, "maitred_endpoint_healthy", &of_moody, 1);
    let metrics = gateway.metrics();
    let ended = |result| metrics.sum("maitred_upstream_health_checks_total", &[("result", result)]);
    assert!(ended("failure") >= 2 && ended("success") >= 6, "{} {}", ended("failure"), ended("success"));
    // Checks are no requests of clients.
    assert!(gateway.access_lines().all().iter().all(|line| !line.contains("/healthz")));
}

#[test]
fn what_checks_found_holds_over_reloads_until_they_are_taken_away() {
    let (moody, origin) = (Moody::start(false), Origin::named("origin"));
    let url = moody.service.url();
    let with = |more: &str| document(&[&url, origin.url()], more);
    let checks = "health_check: { path: /healthz, interval: 20ms, timeout: 20s, unhealthy_after: 1, healthy_after: 1 }";
    moody.set_well(false);
    let gateway = Gateway::start(&with(checks));
    says(&gateway, "the endpoint is unhealthy", &moody.address());
    // The same checks of something else: they go on.
    gateway.reload(&with(&format!("max_connections: 99, {checks}")));
    assert_eq!(who_answers(&gateway, 10), ["origin".to_owned()].into());
    moody.set_well(true);
    says(&gateway, "the endpoint is healthy again", &moody.address());
    moody.set_well(false);
    let is_told = |line: &str| line.contains("the endpoint is unhealthy");
    gateway.log().wait_for_many("it is unhealthy once more", 2, is_told);
    // Other settings, by which it would be long until it is found again.
    gateway.reload(&with("health_check: { path: /healthz, interval: 1h, timeout: 20s, unhealthy_after: 9 }"));
    assert_eq!(who_answers(&gateway, 10), ["origin".to_owned()].into());
    gateway.reload(&with("keepalive: true"));
    assert!(who_answers(&gateway, 10).contains("moody"), "nobody says that it cannot serve");
    eventually("nothing is told of checks", || {
        (!gateway.metrics().has("maitred_upstream_health_checks_total")).then_some(())
    });
}

#[test]
fn who_was_unhealthy_gets_new_connections() {
    let moody = Moody::start(false);
    let checks = "health_check: { path: /healthz, interval: 20ms, timeout: 20s, unhealthy_after: 1, healthy_after: 1 }";
    let gateway = Gateway::start(&document(&[&moody.service.url()], checks));
    assert_eq!(gateway.curl("/", &[]).status(), 200);
    assert_eq!(gateway.metrics().sum("maitred_upstream_connections", &[]), 1, "it waits for another request");
    moody.set_well(false);
    says(&gateway, "the endpoint is unhealthy", &moody.address());
    counts(&gateway, "maitred_upstream_connections", &[], 0);
}

#[test]
fn who_is_only_connected_to() {
    let port = Port::reserve();
    let address = format!("127.0.0.1:{}", port.number());
    let checks =
        "health_check: { tcp: true, interval: 20ms, timeout: 20s, unhealthy_after: 1, healthy_after: 1 }";
    let gateway = Gateway::start(&document(&[&format!("http://{address}")], checks));
    says(&gateway, "the endpoint is unhealthy: it cannot be connected to", &address);
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.set_reuse_address(true).unwrap();
    listener.set_reuse_port(true).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port.number())).into()).unwrap();
    listener.listen(16).unwrap();
    let _listener: TcpListener = listener.into();
    // It says nothing, and that is enough.
    says(&gateway, "the endpoint is healthy again", &address);
}

#[test]
fn services_of_grpc_are_asked_by_grpc() {
    let peers = (Peer::health(), Peer::health());
    let (Some(mut moody), Some(other)) = peers else {
        return skipped(
            "health::services_of_grpc_are_asked_by_grpc",
            "the Python library grpcio-health-checking is not installed",
        );
    };
    let of = |peer: &Peer| format!("127.0.0.1:{}", peer.port());
    let checks = |service: &str| {
        let urls = [&moody, &other].map(|peer| format!("grpc://{}", of(peer)));
        let rules =
            format!("{{ {service} interval: 20ms, timeout: 20s, unhealthy_after: 1, healthy_after: 1 }}");
        document(&[&*urls[0], &*urls[1]], &format!("health_check: {rules}"))
    };
    let [whole, one] = [checks(""), checks("grpc: peer.Echo,")];
    let gateway = Gateway::start(&whole);
    let call = |path: &str| {
        let frame = ["-d", "", "-H", "Content-Type: application/grpc", "-H", "TE: trailers"];
        gateway.curl(path, &frame);
        gateway.access_to(path).text("endpoint")
    };
    moody.say("- NOT_SERVING");
    says(&gateway, "the endpoint is unhealthy: the service says NOT_SERVING", &of(&moody));
    for path in ["/peer.Echo/A", "/peer.Echo/B", "/peer.Echo/C", "/peer.Echo/D"] {
        assert_eq!(call(path), of(&other));
    }
    moody.say("- SERVING");
    says(&gateway, "the endpoint is healthy again", &of(&moody));
    // The other knows nothing of the service that is asked for now.
    moody.say("peer.Echo SERVING");
    gateway.reload(&one);
    says(&gateway, "the endpoint is unhealthy: the call ended with NOT_FOUND", &of(&other));
    for path in ["/peer.Echo/E", "/peer.Echo/F", "/peer.Echo/G"] {
        assert_eq!(call(path), of(&moody));
    }
}

#[test]
fn checks_by_grpc_go_over_tls_where_that_is_spoken() {
    let (authority, folder) = (Authority::default(), Folder::default());
    let signed = authority.server(&["127.0.0.1"]);
    folder.write("cert.pem", &signed.certificate);
    folder.write("key.pem", &signed.key);
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
    let Some(peer) = Peer::kinds("kinds.proto", &["--tls", &cert, &key]) else {
        return skipped(
            "health::checks_by_grpc_go_over_tls_where_that_is_spoken",
            "the Python library grpcio-health-checking is not installed",
        );
    };
    let url = format!("grpcs://127.0.0.1:{}", peer.port());
    let upstream = |checks: &str| {
        format!(
            "{{ endpoints: \"{url}\", tls: {{ ca: ca.pem }}, health_check: {{ {checks} interval: 20ms, timeout: 20s, unhealthy_after: 1 }} }}"
        )
    };
    let gateway = Gateway::start_with(
        &[("ca.pem", &authority.certificate())],
        &format!(
            "upstreams: {{ well: {}, gone: {} }}\nroutes: {{ well: {{ upstream: well }}, gone: {{ match: /gone/*, upstream: gone }} }}",
            upstream(""),
            upstream("grpc: kinds.v1.Gone,"),
        ),
    );
    gateway
        .log()
        .wait_for("it says so", |line| line.contains("upstream=gone") && line.contains("NOT_SERVING"));
    let passed = || {
        let metrics = gateway.metrics();
        metrics.sum("maitred_upstream_health_checks_total", &[("upstream", "well"), ("result", "success")])
    };
    eventually("the other one is well", || (passed() > 0).then_some(()));
    counts(&gateway, "maitred_endpoint_healthy", &[("upstream", "well")], 1);
    counts(&gateway, "maitred_endpoint_healthy", &[("upstream", "gone")], 0);
}

#[test]
fn who_fails_requests_is_ejected() {
    let moody = Moody::start(true);
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let url = moody.service.url();
    let with = |more: &str| document(&[&url, a.url(), b.url()], more);
    moody.set_well(false);
    // Ejection is there without a word of it; here it lasts for the whole test.
    let gateway = Gateway::start(&with("outlier_detection: { eject_for: 1h, max_eject_for: 1h }"));
    let mut wire = gateway.connect();
    let mut ask = || wire.ask(POST).status();
    let statuses: Vec<u16> = (0..30).map(|_| ask()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 5, "{statuses:?}");
    says(&gateway, "the endpoint is ejected for 3600s: 5 failures in a row", &moody.address());
    counts(&gateway, "maitred_endpoint_ejected", &[("endpoint", &*moody.address())], 1);
    counts(&gateway, "maitred_endpoint_ejected", &[], 1);
    assert_eq!(gateway.metrics().sum("maitred_upstream_ejections_total", &[("upstream", "app")]), 1);
    // It goes on over a reload, and ends where nobody is to be ejected.
    gateway.reload(&with("outlier_detection: { eject_for: 2h, max_eject_for: 2h }"));
    assert!((0..12).all(|_| ask() == 200));
    gateway.reload(&with("outlier_detection: false"));
    says(&gateway, "the endpoint is back", &moody.address());
    let failed = (0..30).filter(|_| ask() == 503).count();
    assert!(failed >= 9, "it has its share again, whatever it answers: {failed}");
}

#[test]
fn who_was_ejected_comes_back_by_itself() {
    let (moody, a, b) = (Moody::start(true), Origin::named("a"), Origin::named("b"));
    moody.set_well(false);
    let gateway = Gateway::start(&document(
        &[&moody.service.url(), a.url(), b.url()],
        "outlier_detection: { consecutive_errors: 2, eject_for: 50ms }",
    ));
    let mut wire = gateway.connect();
    for _ in 0..2 {
        while wire.ask(POST).status() == 200 {}
    }
    says(&gateway, "the endpoint is ejected for 50ms: 2 failures in a row", &moody.address());
    moody.set_well(true);
    // Also where nobody asks for anything.
    says(&gateway, "the endpoint is back after its ejection", &moody.address());
    assert_eq!(who_answers(&gateway, 9).len(), 3);
    counts(&gateway, "maitred_endpoint_ejected", &[], 0);
}

#[test]
fn the_only_endpoint_is_never_ejected() {
    let moody = Moody::start(true);
    moody.set_well(false);
    let gateway = Gateway::start(&document(&[&moody.service.url()], "keepalive: true"));
    for _ in 0..12 {
        let answer = gateway.curl("/", &[]);
        assert_eq!(
            (answer.status(), answer.text()),
            (503, "{\"name\":\"moody\"}".to_owned()),
            "its own answer"
        );
    }
    assert!(!gateway.log().all().iter().any(|line| line.contains("ejected")));
    assert!(!gateway.metrics().has("maitred_upstream_ejections_total"));
}
