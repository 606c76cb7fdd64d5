//! Telemetry: the gateway's own log, the access log, metrics.
//! Where lines go and how they look; they are written by crate telemetry.

use std::path::PathBuf;

use crate::node::Node;
use crate::problem::Problem;
use crate::read::{Fields, Read, Reader, Shape, TextShape, Toggle};
use crate::scalar::ScalarProblem;
use crate::{config_map, config_words};

config_map! {
    /// What the gateway tells of itself and of its requests.
    pub struct Telemetry {
        /// What the gateway says of itself, to stderr.
        log: Log = true,
        /// One line for each request; `false` for none. A route may say so too.
        access_log: Toggle<AccessLog> = true,
        /// The page of metrics on the admin listener; `false` for none.
        metrics: Toggle<Metrics> = true,
    }
}

config_map! {
    /// What the gateway says of itself.
    pub struct Log {
        /// From which weight on.
        #[main]
        level: LogLevel = "info",
    }
}

config_words! {
    /// The weight of what is logged.
    pub enum LogLevel {
        /// What does not work.
        Error = "error",
        /// What may stop working.
        Warn = "warn",
        /// What an operator wants to know.
        Info = "info",
        /// What helps to find a mistake.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

config_map! {
    /// One line for each request.
    pub struct AccessLog {
        /// Where the lines go: `stdout`, `stderr`, or the path of a file.
        #[main]
        to: LogTarget = "stdout",
        /// How a line looks.
        format: AccessLogFormat = "json",
    }
}

config_words! {
    /// How a line of the access log looks.
    pub enum AccessLogFormat {
        /// A JSON object.
        Json = "json",
        /// The common log format of web servers.
        Common = "common",
    }
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// The standard output.
    Stdout,
    /// The standard error output.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
}

static LOG_TARGET: TextShape = TextShape {
    name: "`stdout`, `stderr` or the path of a file",
    example: "/var/log/maitred/access.log",
    pattern: None,
};

impl Read for LogTarget {
    fn shape() -> Shape {
        Shape::Text(&LOG_TARGET)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let target = reader.scalar(node, &LOG_TARGET, |text| match text {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            path if path.contains('/') => Ok(Self::File(path.into())),
            other => Err(ScalarProblem::whole("this is neither `stdout` nor `stderr` nor a path", other)
                .help("a path has a slash: `./access.log`")),
        })?;
        Some(match target {
            Self::File(_) => Self::File(reader.resolve_path(node.as_text().unwrap_or_default(), node)),
            other => other,
        })
    }
}

config_map! {
    /// The page of metrics, as Prometheus reads it.
    #[check = Metrics::check]
    pub struct Metrics {
        /// Its path on the admin listener.
        #[main]
        path: String = "/metrics",
    }
}

impl Metrics {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if !self.path.starts_with('/') || self.path.contains(['?', '#', ' ']) {
            let problem = Problem::error("this is no path of a page").at(fields.value_span("path"));
            reader.problem(problem.help("write it like `/metrics`"));
        }
        let is_taken = ["/healthz", "/readyz", "/upstreams"].contains(&self.path.as_str());
        if is_taken || self.path.starts_with("/upstreams/") {
            let problem = Problem::error("the admin listener has another page there");
            reader.problem(problem.at(fields.value_span("path")).help("write it like `/metrics`"));
        }
    }
}
