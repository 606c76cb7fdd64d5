//! h2spec: what RFC 9113 and RFC 7541 demand of a server, asked of a running gateway by somebody else's client.

use std::process::Command;

use maitred_tests::{Authority, Gateway, Origin, installed, skipped};

/// Runs all of its cases, the strict ones too, against this port. What it printed, and the cases that failed.
fn h2spec(port: u16, arguments: &[&str]) -> Option<(String, Vec<String>)> {
    let output = Command::new(installed("h2spec")?)
        .args(["--strict", "--port", &port.to_string()])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Each stands in the list and among the failures.
    let mut failed: Vec<String> =
        text.lines().filter_map(|line| Some(line.trim().strip_prefix('×')?.trim().to_owned())).collect();
    failed.sort();
    failed.dedup();
    Some((text, failed))
}

const NOT_INSTALLED: &str = "h2spec is not installed";

#[test]
fn in_the_clear() {
    let origin = Origin::start();
    // Where HTTP/1 is spoken as well, what is no preface is a request of HTTP/1.
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", protocols: h2 }} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let Some((text, failed)) = h2spec(gateway.port("web"), &[]) else {
        return skipped("h2spec::in_the_clear", NOT_INSTALLED);
    };
    assert!(text.contains("146 tests, 146 passed, 0 skipped, 0 failed"), "{failed:?}\n{text}");
}

#[test]
fn over_tls() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let shop = authority.server(&["localhost"]);
    let gateway = Gateway::start_with(
        &[("shop.pem", &shop.certificate), ("shop.key", &shop.key)],
        &format!(
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: {{ cert: shop.pem, key: shop.key }} }} }} }}\n\
             routes: {{ app: {{ upstream: \"{}\" }} }}\n",
            origin.url()
        ),
    );
    let Some((text, failed)) = h2spec(gateway.port("web"), &["--tls", "--insecure"]) else {
        return skipped("h2spec::over_tls", NOT_INSTALLED);
    };
    assert!(text.contains("146 tests, 146 passed, 0 skipped, 0 failed"), "{failed:?}\n{text}");
}
