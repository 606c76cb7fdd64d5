//! What each key of `health_check` changes: where a check goes, what it asks, and which answers pass.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use maitred_tests::{Fake, Gateway, Head, PATIENCE, Port, eventually};

/// Who says that all is well, and tells what it was asked.
fn telling() -> (Fake, Receiver<Head>) {
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let service = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            told.lock().unwrap().send(request.head).unwrap();
            wire.send("HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    (service, heard)
}

/// An answer with this status and body.
fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An upstream whose endpoint is checked once, and unhealthy if that fails.
fn upstream(name: &str, endpoint: &str, check: &str) -> String {
    format!(
        "  {name}: {{ endpoints: \"{endpoint}\", health_check: {{ interval: 1h, unhealthy_after: 1, {check} }} }}\n"
    )
}

/// A gateway with these upstreams.
fn with(upstreams: &str) -> Gateway {
    Gateway::start(&format!("upstreams:\n{upstreams}routes: {{ own: {{ respond: OK }} }}\n"))
}

/// Waits for the check of an upstream to pass.
fn passes(gateway: &Gateway, upstream: &str) {
    ends(gateway, upstream, "success");
    assert_eq!(gateway.metrics().sum("maitred_endpoint_healthy", &[("upstream", upstream)]), 1);
}

/// Waits for it to fail, for this reason.
fn fails(gateway: &Gateway, upstream: &str, why: &str) {
    ends(gateway, upstream, "failure");
    gateway.log().wait_for(why, |line| {
        line.contains(&format!("upstream={upstream} "))
            && line.contains(&format!("the endpoint is unhealthy: {why}"))
    });
}

fn ends(gateway: &Gateway, upstream: &str, result: &str) {
    eventually(&format!("{result} of {upstream}"), || {
        let metrics = gateway.metrics();
        let ended = |result| {
            let labels = [("upstream", upstream), ("result", result)];
            metrics.sum("maitred_upstream_health_checks_total", &labels)
        };
        let of_both = ended("success") + ended("failure");
        assert!(of_both == ended(result), "{upstream} ended otherwise than by {result}");
        (of_both == 1).then_some(())
    });
}

const TIMEOUT: &str = "timeout: 20s";

#[test]
fn a_check_goes_where_and_asks_what_is_written() {
    let (service, heard) = telling();
    // Nobody is there but for the check.
    let elsewhere = Port::reserve();
    let gateway = with(&upstream(
        "app",
        &format!("http://127.0.0.1:{}", elsewhere.number()),
        &format!(
            "{TIMEOUT}, path: \"/health?deep=1\", method: HEAD, port: {}, host: \"orders.internal:81\", headers: {{ X-Probe: maitred, User-Agent: probe }}",
            service.port()
        ),
    ));
    let asked = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(asked.start, "HEAD /health?deep=1 HTTP/1.1");
    assert_eq!(asked.field("Host"), Some("orders.internal:81"));
    assert_eq!(asked.field("X-Probe"), Some("maitred"));
    assert_eq!(asked.field("User-Agent"), Some("probe"));
    passes(&gateway, "app");
}

#[test]
fn a_check_of_which_nothing_is_written_asks_the_endpoint_itself() {
    let (service, heard) = telling();
    let gateway = with(&upstream("app", &service.url(), TIMEOUT));
    let asked = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(asked.start, "GET / HTTP/1.1");
    assert_eq!(asked.field("Host"), Some(&*format!("127.0.0.1:{}", service.port())));
    assert_eq!(asked.field("User-Agent"), Some("maitred-health-check"));
    passes(&gateway, "app");
}

/// Each upstream fails its check for this reason, or passes where there is none.
fn judged<const N: usize>(gateway: &Gateway, cases: [(&str, Option<&str>); N]) {
    for (name, why) in cases {
        match why {
            Some(why) => fails(gateway, name, why),
            None => passes(gateway, name),
        }
    }
}

#[test]
fn which_statuses_pass() {
    let [fine, gone, closed] =
        ["200 OK", "404 Not Found", "401 Unauthorized"].map(|status| Fake::answering(answer(status, "")));
    let cases = [
        ("usual", &fine, "", None),
        ("one", &fine, "expect_status: 204", Some("it answered with status 200")),
        ("missing", &gone, "", Some("it answered with status 404")),
        ("class", &gone, "expect_status: 4xx", None),
        ("listed", &closed, "expect_status: [2xx, 401]", None),
        ("unlisted", &gone, "expect_status: [2xx, 401]", Some("it answered with status 404")),
    ];
    let upstreams = cases
        .map(|(name, service, expect, _)| upstream(name, &service.url(), &format!("{TIMEOUT}, {expect}")));
    let gateway = with(&upstreams.concat());
    judged(&gateway, cases.map(|(name, _, _, why)| (name, why)));
}

#[test]
fn which_bodies_pass() {
    let [up, down] = [r#"{ "status":  "UP" }"#, r#"{ "status":  "DOWN" }"#]
        .map(|body| Fake::answering(answer("200 OK", body)));
    let why = "its body has not in it what is expected";
    let cases = [
        ("text", &up, "UP", None),
        ("no-text", &down, "UP", Some(why)),
        // An expression only behind its `~`.
        ("no-pattern", &up, r#""status": *"UP""#, Some(why)),
        ("pattern", &up, r#"~"status": *"UP""#, None),
        ("other", &down, r#"~"status": *"UP""#, Some(why)),
    ];
    let upstreams = cases.map(|(name, service, expect, _)| {
        upstream(name, &service.url(), &format!("{TIMEOUT}, expect_body: '{expect}'"))
    });
    let gateway = with(&upstreams.concat());
    judged(&gateway, cases.map(|(name, _, _, why)| (name, why)));
}

#[test]
fn who_takes_longer_than_a_check_may_fails_it() {
    let silent = Fake::start(|mut wire, _| _ = wire.rest_to_any_end());
    let gateway = with(&upstream("app", &silent.url(), "timeout: 70ms"));
    fails(&gateway, "app", "it took longer than 70ms");
}
