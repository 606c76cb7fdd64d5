//! When something runs out: file descriptors, or the patience of whoever reads the log.

use std::fs::OpenOptions;
use std::process::Command;

use maitred_tests::{Gateway, Wire, eventually};

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_it_may() {
    let gateway =
        Gateway::start_under("ulimit -Sn 100 && ulimit -Hn 2000", "routes: { a: { respond: OK } }\n");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).collect();
    assert_eq!(numbers, ["2000", "2000"], "{line}");
    gateway.log().wait_for("that these are few", |line| line.contains("level=warn") && line.contains("2000"));
}

#[test]
fn without_descriptors_it_waits_and_goes_on() {
    let gateway = Gateway::start_under("ulimit -n 50", "routes: { a: { respond: OK } }\n");
    let mut served = gateway.connect();
    served.is_open();
    let mut crowd: Vec<Wire> = (0..60).map(|_| gateway.connect()).collect();
    gateway.log().wait_for("why", |line| line.contains("cannot accept connections"));
    // Who is there is served; who waits is accepted once there is room.
    served.is_open();
    let mut last = crowd.pop().unwrap();
    last.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    drop(crowd);
    assert_eq!(last.answer().text(), "OK");
    gateway.connect().is_open();
    assert!(gateway.metrics().sum("maitred_connections_refused_total", &[("reason", "descriptors")]) > 0);
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_request() {
    let folder = maitred_tests::Folder::default();
    let pipe = folder.join("access.fifo");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Open, so that the gateway may write, and never read.
    let stalled = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let gateway = Gateway::start(&format!(
        "telemetry: {{ access_log: {{ to: \"{}\" }} }}\nroutes: {{ a: {{ respond: OK }} }}\n",
        pipe.display()
    ));
    let request = format!("GET /?{} HTTP/1.1\r\nHost: test\r\n\r\n", "x".repeat(7000));
    let mut wire = gateway.connect();
    eventually("lines are dropped, and counted", || {
        for _ in 0..100 {
            assert_eq!(wire.ask(&request).text(), "OK");
        }
        (gateway.metrics().sum("maitred_access_log_dropped_total", &[]) > 0).then_some(())
    });
    drop(gateway);
    drop(stalled);
}
