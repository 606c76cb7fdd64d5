//! From a Document to a Snapshot. It reads the document and the files that this names, opens nothing and binds nothing; what the
//! previous snapshot knows of the same names is taken over.

mod access;
mod balance;
mod health;
mod listeners;
mod own_requests;
mod pipelines;
mod results;
mod retries;
mod routes;
mod stores;
mod tls;
mod upstreams;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maitred_config::{AccessLogFormat, Document, LogTarget};
use maitred_config::{Problems, Texts};
use maitred_policy::identity::Consumers;
use maitred_policy::{Catalog, IpLists, MakingResources, Means};
use maitred_telemetry::{AccessFormat, AccessShape, Metrics};
use maitred_wire::{Http2Limits, Limits};

use self::upstreams::AskedUpstreams;
use crate::kept::KeptShared;
use crate::snapshot::{AccessTarget, Snapshot};

/// What a compilation goes by.
#[derive(Clone, Copy)]
pub struct Compiler<'a> {
    /// What users wrote.
    pub document: &'a Document,
    /// The texts of its files, for places.
    pub texts: &'a Texts,
    /// Where the files are that it names, and a note of them: certificates, keys, schemas.
    pub means: Means<'a>,
    /// The time of day.
    pub now: SystemTime,
    /// The policies that there are.
    pub catalog: &'a Catalog,
    /// Where is counted.
    pub metrics: &'a Metrics,
    /// The snapshot that this one replaces.
    pub previous: Option<&'a Snapshot>,
}

impl std::fmt::Debug for Compiler<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compiler")
    }
}

/// Compiles a document. Problems go to `problems`, all of them; with an error among them there is no snapshot.
pub fn compile(compiler: Compiler<'_>, problems: &mut Problems) -> Option<Snapshot> {
    let before = problems.error_count();
    let document = compiler.document;
    let consumers = Arc::new(Consumers::with_plans(&document.consumers, &document.plans));
    let ip_lists = IpLists::compile(&document.ip_lists, compiler.means.files, problems);
    let asks_certificates = document.asks_certificates();
    let mut tls = tls::TlsCompiler::new(&compiler, problems);
    let stores = stores::compile(&compiler, &mut tls);
    let (tls, _) = tls.into_parts();
    let (consumers, issuers, ip_lists) = (&consumers, &document.issuers, &ip_lists);
    let means =
        Means { consumers, issuers, ip_lists, asks_certificates, stores: stores.open(), ..compiler.means };
    let compiler = Compiler { means, ..compiler };
    let limits = limits(document);
    let keys = balance::keys(document, problems);
    let mut tls = tls::TlsCompiler::going_on(&compiler, tls, problems);
    let listeners = listeners::compile(&compiler, &limits, &mut tls);
    let (upstreams, upstream_numbers) = upstreams::compile(&compiler, &limits, keys, &mut tls);
    let (tls, acme) = tls.into_parts();
    let asked = AskedUpstreams::new(&upstream_numbers, document);
    let resources = MakingResources::new(compiler.previous.map(|snapshot| &snapshot.resources));
    let means = Means { upstreams: &asked, resources: Some(&resources), ..compiler.means };
    let compiler = Compiler { means, ..compiler };
    let mut pipelines = pipelines::Pipelines::new(&compiler);
    let (logs, access_log) = access_log(document);
    let kept = kept(&compiler);
    let compiled = routes::compile(
        &compiler,
        &routes::Around {
            listeners: &listeners,
            upstream_numbers: &upstream_numbers,
            access_log,
            kept: kept.as_ref(),
        },
        &mut pipelines,
        problems,
    );
    let policies = pipelines.into_instances();
    let mut tls = tls::TlsCompiler::going_on(&compiler, tls, problems);
    let upstreams = asked.compile(&compiler, &limits, upstreams, &mut tls);
    let (tls, _) = tls.into_parts();
    let (router, routes) = compiled.filter(|_| problems.error_count() == before)?;
    access::check(&compiler, (&router, &routes), &listeners, problems);
    own_requests::check(&compiler, (&router, &routes), &listeners, problems)?;
    Some(Snapshot {
        router,
        routes,
        upstreams,
        policies,
        listeners,
        limits,
        acme,
        tls,
        files: compiler.means.seen.take(),
        drain_limit: document.limits.drain_timeout,
        lag_limit: lag_limit(document),
        logs,
        kept,
        resources: resources.finish(),
        stores,
    })
}

/// How late a worker may be, where that is limited.
fn lag_limit(document: &Document) -> Option<Duration> {
    document.limits.overload.on().and_then(|overload| overload.lag.on().copied())
}

/// Where good answers are kept, if a route keeps some: those that are kept already go on.
fn kept(compiler: &Compiler<'_>) -> Option<Arc<KeptShared>> {
    let mut steps = compiler.document.routes.iter().flat_map(|route| &route.value.degrade);
    let wants = steps.any(|step| step.cache.is_some());
    let before = compiler.previous.and_then(|snapshot| snapshot.kept.clone());
    wants.then(|| before.unwrap_or_default())
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
        http2: Http2Limits { streams: limits.streams.get(), ..Http2Limits::default() },
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
