//! What is said through `tracing`, and the lines that come of it.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};

use tracing::{debug, error, info, info_span, warn};

use super::*;

const LONG: Duration = Duration::from_mins(1);

struct Sent(Sender<Vec<u8>>);

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that come of what `say` says.
fn lines(level: LevelFilter, format: LogFormat, say: impl FnOnce(&Log)) -> Vec<String> {
    let (to, from): (_, Receiver<Vec<u8>>) = channel();
    let dropped = Arc::new(SharedCounter::new());
    let writer = LogWriter::start_with(Box::new(Sent(to)), LINES, Arc::clone(&dropped)).unwrap();
    let options = LogOptions { level, format, now: || 1_795_265_045_001_230, dropped };
    let (log, events) = Log::on(writer, &options);
    tracing::subscriber::with_default(events, || say(&log));
    assert_eq!(log.close(LONG), Ok(()));
    let all = String::from_utf8(from.iter().flatten().collect()).unwrap();
    assert!(all.is_empty() || all.ends_with('\n'));
    all.lines().map(str::to_owned).collect()
}

#[test]
fn people_read_text() {
    let told = lines(LevelFilter::INFO, LogFormat::Text, |_| {
        info!(listeners = 2, "ready to \"serve\"");
        warn!(upstream = "orders", error = %"connection refused", tries = ?(1, 2), ok = false, "upstream refused");
        error!("two\nlines \u{1b}[2J é");
    });
    assert_eq!(
        told,
        [
            "12:44:05 INFO  ready to \"serve\" listeners=2",
            "12:44:05 WARN  upstream refused upstream=orders error=\"connection refused\" tries=\"(1, 2)\" ok=false",
            "12:44:05 ERROR two\\nlines \\u001b[2J é",
        ]
    );
}

#[test]
fn machines_read_keys_and_values() {
    let told = lines(LevelFilter::INFO, LogFormat::KeyValue, |_| {
        warn!(upstream = "orders", empty = "", assignment = "a=b", n = -3_i64, "upstream \"x\" refused");
    });
    let expected = concat!(
        "time=2026-11-21T12:44:05.001230Z level=warn target=maitred_telemetry::log::tests ",
        r#"msg="upstream \"x\" refused" upstream=orders empty="" assignment="a=b" n=-3"#
    );
    assert_eq!(told, [expected]);
}

#[test]
fn machines_read_json() {
    let told = lines(LevelFilter::INFO, LogFormat::Json, |_| {
        error!(count = 3_u64, on = true, ratio = 0.5, none = f64::NAN, path = "/a\n\"b\"", "broke\toff");
    });
    let value: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
    let expected = serde_json::json!({
        "time": "2026-11-21T12:44:05.001230Z", "level": "error", "target": "maitred_telemetry::log::tests",
        "message": "broke\toff", "count": 3, "on": true, "ratio": 0.5, "none": "NaN", "path": "/a\n\"b\"",
    });
    assert_eq!(value, expected);
}

#[test]
fn a_level_changes_while_the_log_is_in_use() {
    fn say(number: i32) {
        debug!(number, "said");
    }
    let told = lines(LevelFilter::INFO, LogFormat::Text, |log| {
        say(1);
        log.change_level(LevelFilter::DEBUG);
        say(2);
        log.change_level(LevelFilter::OFF);
        say(3);
        error!("not even this");
    });
    assert_eq!(told, ["12:44:05 DEBUG said number=2"]);
}

#[test]
fn libraries_are_heard_when_they_warn() {
    let say = |_: &Log| {
        info!(target: "h2::codec", "frame");
        warn!(target: "h2::codec", "reset");
        debug!(target: "maitred_net", "own");
        let _entered = info_span!(target: "maitred_net", "span").entered();
    };
    let told = lines(LevelFilter::DEBUG, LogFormat::Text, say);
    assert_eq!(told, ["12:44:05 WARN  reset", "12:44:05 DEBUG own"]);
    assert_eq!(lines(LevelFilter::TRACE, LogFormat::Text, say).len(), 3);
    assert_eq!(lines(LevelFilter::ERROR, LogFormat::Text, say).len(), 0);
}
