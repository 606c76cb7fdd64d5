//! Requests that others wrote to break proxies: `Http11Probe`, desync-guardian and llhttp's, through the program to a replayer
//! that plays client and service. They are not part of the project; `MAITRED_SUITES` says where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use maitred_tests::{Gateway, Port, skipped};
use serde_json::Value;

/// The folder of the corpora; says that it skips the test where there is none.
fn suites(test: &str) -> Option<PathBuf> {
    let found = std::env::var_os("MAITRED_SUITES").map(PathBuf::from);
    if found.is_none() {
        skipped(test, "MAITRED_SUITES is not set");
    }
    found
}

/// What became of each case of a corpus.
fn replayed(suites: &Path, corpus: &str) -> (Vec<Value>, String) {
    let upstream = Port::reserve();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", max_connections_per_client: false }} }}\n\
         telemetry: {{ access_log: false }}\nroutes: {{ all: {{ upstream: \"http://127.0.0.1:{}\" }} }}\n",
        upstream.number()
    ));
    let tools = suites.join("../tools");
    let result = gateway.folder().join("result.json");
    let port = gateway.port("web").to_string();
    let (number, corpus) = (upstream.number().to_string(), suites.join(format!("{corpus}.jsonl")));
    let output = Command::new("python3")
        .arg(tools.join("replay_h1.py"))
        .args(["--name", "maitred", "--port", &port, "--upstream", &number, "--corpus"])
        .arg(&corpus)
        .arg("--out")
        .arg(&result)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let score = Command::new("python3").arg(tools.join("score_h11probe.py")).arg(&result).output().unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(&result).unwrap()).unwrap();
    assert!(!cases.is_empty());
    gateway.log().wait_for("that it started", |line| line.contains("serves"));
    let log = gateway.log().all().join("\n");
    assert!(!log.contains("panic"), "{log}");
    (cases, String::from_utf8(score.stdout).unwrap())
}

/// What holds for every corpus: nothing malformed is passed on, nobody waits for ever, and what a client does wrong is not
/// called an error of the server.
fn is_sound(cases: &[Value]) {
    for case in cases {
        let verdict = case["v"].as_str().unwrap_or_else(|| panic!("no verdict: {case}"));
        assert!(!verdict.starts_with("dirty"), "passed on malformed: {case}");
        let statuses = case["st"].as_array().unwrap().iter().filter_map(Value::as_u64);
        for status in statuses {
            assert!(status < 500 || [501, 505].contains(&status), "{status}: {case}");
        }
    }
}

fn bytes_of(suites: &Path, corpus: &str) -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(suites.join(format!("{corpus}.jsonl"))).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    cases.map(|case| (case["id"].to_string(), base64(case["b64"].as_str().unwrap()))).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 6 | u32::from(digit(byte)));
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

/// RFC 9112 section 6.1: a request with both ends its connection, however it is answered.
fn closes_after_both_lengths(suites: &Path, corpus: &str, cases: &[Value]) {
    let mut seen = 0;
    for ((id, bytes), case) in bytes_of(suites, corpus).iter().zip(cases) {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        if head.contains("\ncontent-length:") && head.contains("\ntransfer-encoding:") {
            seen += 1;
            assert_eq!(case["closed"].as_bool(), Some(true), "kept open: {id} {case}");
        }
    }
    assert!(seen > 0, "the corpus has such cases");
}

#[test]
fn http11probe() {
    let Some(suites) = suites("corpora::http11probe") else { return };
    let (cases, score) = replayed(&suites, "h1-http11probe");
    is_sound(&cases);
    closes_after_both_lengths(&suites, "h1-http11probe", &cases);
    let passed = score.split("'pass': ").nth(1).and_then(|rest| rest.split([',', '}']).next());
    let passed: usize = passed.and_then(|passed| passed.parse().ok()).unwrap_or_else(|| panic!("{score}"));
    assert!(passed >= 130, "{score}");
}

#[test]
fn desync_guardian() {
    let Some(suites) = suites("corpora::desync_guardian") else { return };
    let (cases, score) = replayed(&suites, "h1-desync-guardian");
    is_sound(&cases);
    closes_after_both_lengths(&suites, "h1-desync-guardian", &cases);
    let severe = cases.iter().filter(|case| case["expect"] == "reject");
    for case in severe {
        let status = case["st"].as_array().unwrap().first().and_then(Value::as_u64);
        assert!(status.is_none_or(|status| status >= 400), "a severe one was taken: {case}\n{score}");
    }
}

#[test]
fn llhttp() {
    let Some(suites) = suites("corpora::llhttp") else { return };
    let (cases, _) = replayed(&suites, "h1-llhttp");
    is_sound(&cases);
    closes_after_both_lengths(&suites, "h1-llhttp", &cases);
}
