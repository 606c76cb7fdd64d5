//! testssl.sh against a listener as it is by default: no weakness that it knows of.

use std::process::Command;

use maitred_tests::{Authority, Gateway, installed, skipped};

/// What it may complain of, and why.
const EXPLAINED: [(&str, &str); 2] = [
    ("cert_validityPeriod", "the authority of tests signs for thousands of years"),
    ("cert_revocation", "and takes nothing back"),
];

/// What is no weakness. WARN is about testssl.sh itself: what its openssl cannot do, and checks that it could not make.
const HARMLESS: [&str; 4] = ["OK", "INFO", "DEBUG", "WARN"];

#[test]
fn a_listener_has_no_known_weakness() {
    let Some(testssl) = installed("testssl") else {
        return skipped("testssl::a_listener_has_no_known_weakness", "testssl.sh is not installed");
    };
    let authority = Authority::default();
    let shop = authority.server(&["localhost"]);
    let gateway = Gateway::start_with(
        &[("shop.pem", &shop.certificate), ("shop.key", &shop.key), ("ca.pem", &authority.certificate())],
        "listeners: { web: { address: \"127.0.0.1:PORT_web\", tls: { certificates: { cert: shop.pem, key: shop.key } } } }\n\
         routes: { app: { respond: OK } }\n",
    );
    let report = gateway.folder().join("report.json");
    let output = Command::new(testssl)
        .args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1"])
        .args(["--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--vulnerable"])
        .arg("--add-ca")
        .arg(gateway.folder().join("ca.pem"))
        .arg("--jsonfile")
        .arg(&report)
        .arg(format!("localhost:{}", gateway.port("web")))
        .env("TERM", "dumb")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let report = std::fs::read(&report).unwrap_or_else(|error| panic!("{error}: {said}"));
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&report).unwrap();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    // It looked at all of it.
    for id in ["TLS1_3", "PFS", "cipherlist_NULL", "cert_trust", "heartbleed", "ROBOT", "BREACH", "LUCKY13"] {
        assert!(findings.iter().any(|finding| text(finding, "id") == id), "{id}: {said}");
    }
    let weak: Vec<String> = findings
        .iter()
        .filter(|finding| !HARMLESS.contains(&text(finding, "severity").as_str()))
        .filter(|finding| !EXPLAINED.iter().any(|(id, _)| text(finding, "id") == *id))
        .map(ToString::to_string)
        .collect();
    assert!(weak.is_empty(), "{}", weak.join("\n"));
}
