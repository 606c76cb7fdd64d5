//! From a Document to a Snapshot. It may read nothing but the document, opens nothing and binds nothing; what the
//! previous snapshot knows of the same names is taken over.

mod listeners;
mod pipelines;
mod routes;
mod upstreams;

use maitred_config::{AccessLogFormat, Document, LogTarget};
use maitred_config::{Problems, Texts};
use maitred_policy::Catalog;
use maitred_telemetry::{AccessFormat, AccessShape, Metrics};
use maitred_wire::Limits;

use crate::snapshot::{AccessTarget, Snapshot};

/// What a compilation goes by.
#[derive(Clone, Copy, Debug)]
pub struct Compiler<'a> {
    /// What users wrote.
    pub document: &'a Document,
    /// The texts of its files, for places.
    pub texts: &'a Texts,
    /// The policies that there are.
    pub catalog: &'a Catalog,
    /// Where is counted.
    pub metrics: &'a Metrics,
    /// The snapshot that this one replaces.
    pub previous: Option<&'a Snapshot>,
}

/// Compiles a document. Problems go to `problems`, all of them; with an error among them there is no snapshot.
pub fn compile(compiler: Compiler<'_>, problems: &mut Problems) -> Option<Snapshot> {
    let before = problems.error_count();
    let document = compiler.document;
    let listeners = listeners::compile(&compiler);
    let (upstreams, upstream_numbers) = upstreams::compile(&compiler);
    let mut pipelines = pipelines::Pipelines::new(&compiler);
    let (logs, access_log) = access_log(document);
    let compiled = routes::compile(
        &compiler,
        &routes::Around { listeners: &listeners, upstream_numbers: &upstream_numbers, access_log },
        &mut pipelines,
        problems,
    );
    if problems.error_count() > before {
        return None;
    }
    let (router, routes) = compiled?;
    Some(Snapshot {
        router,
        routes,
        upstreams,
        policies: pipelines.into_instances(),
        listeners,
        limits: limits(document),
        drain_limit: document.limits.drain_timeout,
        logs,
    })
}

fn limits(document: &Document) -> Limits {
    let limits = &document.limits;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        head: size(limits.head.0),
        fields: size(u64::from(limits.fields.get())),
        uri: size(limits.uri.0),
        head_timeout: limits.head_timeout,
        idle_timeout: limits.idle_timeout,
        body_rate: limits.body_rate.on().map_or(0, |rate| rate.bytes_per_second),
        // Without a rate only silence ends a body.
        body_grace: if limits.body_rate.on().is_some() { limits.body_grace } else { limits.idle_timeout },
        buffered_body: limits.buffered_body.0,
    }
}

type RouteLog = Option<(usize, AccessFormat)>;

fn access_log(document: &Document) -> (Vec<AccessTarget>, RouteLog) {
    let Some(log) = document.telemetry.access_log.on() else { return (Vec::new(), None) };
    let shape = match log.format {
        AccessLogFormat::Json => AccessShape::Json,
        AccessLogFormat::Common => AccessShape::Common,
    };
    let format = AccessFormat { shape, ..AccessFormat::default() };
    (vec![AccessTarget::new(destination(&log.to))], Some((0, format)))
}

fn destination(target: &LogTarget) -> maitred_telemetry::Destination {
    match target {
        LogTarget::Stdout => maitred_telemetry::Destination::Stdout,
        LogTarget::Stderr => maitred_telemetry::Destination::Stderr,
        LogTarget::File(path) => maitred_telemetry::Destination::File(path.clone()),
    }
}
