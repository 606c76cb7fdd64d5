//! The metrics page as Prometheus' own checker sees it. Without the checker (Debian package `prometheus`) this says so
//! and passes.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use maitred_telemetry::{ConnectionRefusal, Metrics, MetricsOptions, UpstreamFailure};

/// Every family with samples, names with everything that must be escaped, and an overflow.
fn page() -> String {
    let options = MetricsOptions {
        workers: 2,
        max_series: 400,
        version: "1.0",
        revision: "a\"b",
        started: 1_700_000_000,
    };
    let metrics = Metrics::new(options);
    let mut kept = Vec::new();
    for (at, name) in ["users", "a\\b\"c\nd", "größe {id} 日本", "other", ""].into_iter().enumerate() {
        let series = (metrics.route(name), metrics.route_upstream(name, Some(name)), metrics.upstream(name));
        for status in [0, 100, 200, 301, 404, 503] {
            series.0.at(at % 2).duration.record(u64::from(status) * 1_000);
            series.0.at(at % 2).bytes_in.add(100);
            series.1.at(at % 2).requests(status).inc();
            series.1.at(at % 2).upstream_duration.record(1 << 30);
        }
        for kind in UpstreamFailure::ALL {
            series.2.at(0).failures(kind).inc();
        }
        kept.push(series);
    }
    let listener = metrics.listener("web");
    listener.at(1).connections.inc();
    for reason in ConnectionRefusal::ALL {
        listener.at(1).refused(reason).inc();
    }
    let more: Vec<_> = (0..20).map(|at| metrics.route(&format!("r{at}"))).collect();
    for series in &more {
        series.at(0).bytes_in.inc();
    }
    let mut page = String::new();
    metrics.render(&mut page);
    assert!(page.contains("route=\"other\"") && !page.contains("maitred_series_refused_total 0\n"));
    page
}

#[test]
fn promtool_finds_nothing_wrong() {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut checker = match command.spawn() {
        Ok(checker) => checker,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!(
                "SKIPPED: no `promtool` here; install the Debian package `prometheus` to check the metrics page"
            );
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    checker.stdin.take().unwrap().write_all(page().as_bytes()).unwrap();
    let output = checker.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// What no checker says: a family's lines stand together, and no line comes twice.
#[test]
fn families_stand_together_and_no_sample_comes_twice() {
    let page = page();
    let mut families = std::collections::HashSet::new();
    let mut samples = std::collections::HashSet::new();
    let mut family = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap();
            assert!(families.insert(family), "{family} twice");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(family), "{line} under {family}");
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(samples.insert(series), "{series} twice");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(families.len() > 25 && samples.len() > 200);
}
