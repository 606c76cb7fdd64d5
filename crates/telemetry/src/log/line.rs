//! One event of the gateway's own log as one line, in each of its formats.
//! Values are escaped, so that what a client or an upstream sent cannot forge a line or reach a terminal.

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::escape::{push_json, push_readable, push_value};
use crate::timestamp::TimeText;

/// What a line of the gateway's own log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: `12:44:05 WARN  upstream refused upstream=orders`.
    Text,
    /// For machines: `time=… level=warn target=… msg="upstream refused" upstream=orders`.
    KeyValue,
    /// For machines: one JSON object.
    Json,
}

/// The event as a line, its end included.
pub(super) fn encode(format: LogFormat, unix_micros: u64, event: &Event<'_>) -> Vec<u8> {
    let mut fields = Fields { format, message: String::new(), others: Vec::new() };
    event.record(&mut fields);
    let (target, level) = (event.metadata().target(), *event.metadata().level());
    let mut time = Vec::with_capacity(32);
    TimeText::default().push_rfc3339(unix_micros, &mut time);
    let mut out = Vec::with_capacity(256);
    match format {
        LogFormat::Text => {
            put(&mut out, &[&time[11..19], b" ", capitals(level), b" "]);
            push_readable(&fields.message, &mut out);
            put(&mut out, &[&fields.others, b"\n"]);
        }
        LogFormat::KeyValue => {
            put(
                &mut out,
                &[b"time=", &time, b" level=", word(level), b" target=", target.as_bytes(), b" msg="],
            );
            push_value(&fields.message, &mut out);
            put(&mut out, &[&fields.others, b"\n"]);
        }
        LogFormat::Json => {
            put(&mut out, &[b"{\"time\":\"", &time, b"\",\"level\":\"", word(level), b"\",\"target\":\""]);
            push_json(target.as_bytes(), &mut out);
            put(&mut out, &[b"\",\"message\":\""]);
            push_json(fields.message.as_bytes(), &mut out);
            put(&mut out, &[b"\"", &fields.others, b"}\n"]);
        }
    }
    out
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn word(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"error",
        Level::WARN => b"warn",
        Level::INFO => b"info",
        Level::DEBUG => b"debug",
        Level::TRACE => b"trace",
    }
}

/// All of one width, so that what follows stands in a column.
fn capitals(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"ERROR",
        Level::WARN => b"WARN ",
        Level::INFO => b"INFO ",
        Level::DEBUG => b"DEBUG",
        Level::TRACE => b"TRACE",
    }
}

/// The fields of an event: the message, and the others as they stand in the line.
struct Fields {
    format: LogFormat,
    message: String,
    others: Vec<u8>,
}

impl Fields {
    fn text(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else if self.format == LogFormat::Json {
            self.key(field);
            self.others.push(b'"');
            push_json(value.as_bytes(), &mut self.others);
            self.others.push(b'"');
        } else {
            self.key(field);
            push_value(value, &mut self.others);
        }
    }

    /// What needs no quotes in any format.
    fn bare(&mut self, field: &Field, value: &str) {
        self.key(field);
        self.others.extend_from_slice(value.as_bytes());
    }

    fn key(&mut self, field: &Field) {
        let name = field.name().as_bytes();
        match self.format {
            LogFormat::Json => put(&mut self.others, &[b",\"", name, b"\":"]),
            LogFormat::Text | LogFormat::KeyValue => put(&mut self.others, &[b" ", name, b"="]),
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, &value.to_string());
    }

    /// JSON has no word for what is not finite (RFC 8259 section 6): that becomes text.
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field, &value.to_string());
        } else {
            self.text(field, &value.to_string());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, if value { "true" } else { "false" });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }
}
