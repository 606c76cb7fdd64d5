//! What is told of an exchange when it is over: counts, and a line in the access log.
//! Step 6 of an exchange, and the only place that writes the access log.

use std::rc::Rc;
use std::time::{Duration, Instant};

use maitred_http::{Known, RequestHead, ResponseHead};
use maitred_policy::Outcome;
use maitred_telemetry::AccessRecord;
use maitred_upstream::LocalEndpoint;

use super::{Exchange, Sent};
use crate::action::Target;
use crate::clock::{micros, unix_micros};
use crate::connection::{Connection, Refused};
use crate::local::{Heads, LocalSnapshot};
use crate::worker::Worker;

/// What an exchange gathers on its way to be told at its end.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// One word for what went wrong; empty if nothing did.
    pub(crate) outcome: &'static str,
    /// The policy that refused the request.
    pub(crate) policy: Option<Box<str>>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) attempts: u32,
    pub(crate) upstream_started: Option<Instant>,
    pub(crate) upstream_ended: Option<Instant>,
    pub(crate) endpoint: Option<Rc<LocalEndpoint>>,
    /// The number of the variant that the request was dealt to.
    pub(crate) variant: Option<usize>,
}

/// Counts an exchange and writes it to the access log. Answers what policies are told at the end.
pub(crate) fn record(
    exchange: &Exchange<'_>,
    request: &RequestHead,
    response: &ResponseHead,
    sent: &Sent,
) -> Outcome {
    let Exchange { worker, snapshot, route, facts, started, record, .. } = exchange;
    let now = record.upstream_ended.unwrap_or_else(|| worker.clock.now());
    let duration = now.saturating_duration_since(*started);
    let (complete, status) = (!matches!(sent, Sent::Broken), response.status);
    if facts.is_refresh {
        // No client has asked: only what it cost the service is told, by its upstream.
        return Outcome { status, complete, duration };
    }

    let number = facts.route.number();
    let upstream_micros = record
        .upstream_started
        .map(|from| micros(record.upstream_ended.unwrap_or(now).saturating_duration_since(from)));
    count(exchange, status, duration, upstream_micros);

    if let Some((log, format)) = &route.access_log {
        let endpoint =
            record.endpoint.as_ref().map(|endpoint| endpoint.endpoint.to_string()).unwrap_or_default();
        let came = (&request.method, &request.target);
        let (method, target) = facts.asked.as_ref().map_or(came, |asked| (&asked.method, asked.told()));
        let line = AccessRecord {
            unix_micros: unix_micros(facts.received),
            request_id: facts.request_id.as_bytes(),
            client_ip: Some(facts.client),
            method: method.as_str().as_bytes(),
            host: request.authority.as_str().as_bytes(),
            path: target.path().as_bytes(),
            query: target.query().unwrap_or_default().as_bytes(),
            protocol: request.version.as_str(),
            status,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            duration_micros: micros(duration),
            upstream_micros,
            route: &facts.route.name,
            path_template: &snapshot.shared.routes[number].path,
            upstream: facts.upstream.as_deref().unwrap_or_default(),
            endpoint: &endpoint,
            variant: variant_of(exchange).map_or("", |(name, _)| name),
            attempts: record.attempts,
            consumer: facts.consumer.as_ref().map_or("", |consumer| &consumer.name),
            subject: facts.subject(),
            user_agent: request.fields.known(Known::UserAgent).unwrap_or_default(),
            referer: request.fields.known(Known::Referer).unwrap_or_default(),
            outcome: record.outcome,
            policy: record.policy.as_deref().unwrap_or_default(),
        };
        worker.log(&snapshot.shared, *log, *format, &line);
    }
    Outcome { status, complete, duration }
}

/// Counts an exchange for its route, its upstream and its variant.
fn count(exchange: &Exchange<'_>, status: u16, duration: Duration, upstream_micros: Option<u64>) {
    let Exchange { worker, snapshot, facts, record, .. } = exchange;
    let number = facts.route.number();
    let counts = snapshot.route_counts(number);
    counts.duration.record(micros(duration));
    counts.bytes_in.add(record.bytes_in);
    counts.bytes_out.add(record.bytes_out);
    let variant = variant_of(exchange);
    let requests = match variant {
        Some((_, target)) => target.requests.at(worker.index),
        None => snapshot.request_counts(number, upstream_micros.is_some()),
    };
    if let Some(counts) = variant.and_then(|(_, target)| target.counts.as_ref()) {
        counts.at(worker.index).requests(status).inc();
    }
    requests.requests(status).inc();
    if let Some(upstream_micros) = upstream_micros {
        requests.upstream_duration.record(upstream_micros);
    }
}

/// The variant that the request was dealt to, with its name.
fn variant_of<'e>(exchange: &'e Exchange<'_>) -> Option<(&'e str, &'e Target)> {
    exchange.record.variant.and_then(|number| exchange.route.action.variant(number))
}

/// Counts and logs what the wire refused: it belongs to the built-in route.
pub(crate) fn refused(
    worker: &Worker,
    snapshot: &LocalSnapshot,
    connection: &Connection,
    heads: &Heads,
    refused: Refused,
) {
    let route = &snapshot.shared.routes[snapshot.shared.unmatched()];
    snapshot.request_counts(snapshot.shared.unmatched(), false).requests(refused.status).inc();
    if let Some((log, format)) = &route.access_log {
        let request = &heads.request;
        let is_read = !request.target.path().is_empty();
        let line = AccessRecord {
            unix_micros: unix_micros(worker.wall(worker.clock.now())),
            client_ip: Some(connection.peer),
            method: if is_read { request.method.as_str().as_bytes() } else { b"" },
            host: request.authority.as_str().as_bytes(),
            path: request.target.path().as_bytes(),
            status: refused.status,
            route: &route.name,
            outcome: refused.cause,
            ..AccessRecord::default()
        };
        worker.log(&snapshot.shared, *log, *format, &line);
    }
}
