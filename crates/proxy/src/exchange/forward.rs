//! The action of a route with an upstream: prepares the request, tries endpoints, and hands the answer on. Retries live
//! here and nowhere else.

mod affinity;
pub(crate) mod attempt;
mod headers;
pub(crate) mod pump;
pub(crate) mod tunnel;

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use maitred_grpc::{format_timeout, parse_timeout};
use maitred_http::{BodyLength, Known, Method, RequestHead, ResponseHead};
use maitred_policy::{Fault, RequestBody, Retry};
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::{AcquireError, Call, CircuitOpen, Lease, LocalCluster, LocalEndpoint, TryResult};
use smallvec::SmallVec;

use self::attempt::{Attempt, Failed};
use self::pump::{Pump, PumpError, PumpState, RateGuard};
use super::filtered::{Filtered, Filtering};
use super::{Body, Exchange};
use crate::action::ForwardSettings;
use crate::connection::Connection;
use crate::local::Heads;

/// How often a request that was never sent is tried, the first time counted.
const MOST_ATTEMPTS: usize = 3;

/// A service's answer whose head was read: the rest of it comes from here.
pub(crate) struct Forwarded {
    pub(crate) lease: Lease,
    pub(crate) call: Call,
    pub(crate) cluster: Rc<LocalCluster>,
    pub(crate) length: BodyLength,
    /// The request's body, which may still be on its way.
    pub(crate) upload: Upload,
    pub(crate) timeouts: maitred_upstream::Timeouts,
    /// How long neither side may say anything.
    pub(crate) idle: Duration,
}

/// The request's body on its way to the service.
pub(crate) struct Upload {
    pub(crate) pump: Pump,
    pub(crate) guard: RateGuard,
    /// What goes in place of what the client sends.
    changed: Option<Box<Filtering>>,
}

impl Upload {
    fn new(exchange: &Exchange<'_>, body: &mut RequestBody) -> Self {
        let limits = &exchange.snapshot.shared.limits;
        let filters = std::mem::take(&mut body.filters);
        // What was read whole was within the limit, and may have become something else since.
        let limit = exchange.facts.body_limit.filter(|_| body.whole.is_none());
        let changed = match body.whole.take() {
            Some(whole) => Some(Filtering::of_whole(*whole, filters)),
            None if filters.is_empty() => None,
            None => Some(Filtering::new(filters)),
        };
        Self {
            pump: Pump { limit, ..Pump::default() },
            guard: RateGuard::new(limits.body_rate, limits.body_grace),
            changed: changed.map(Box::new),
        }
    }

    /// Its length, where the client announced this one.
    fn length(&self, announced: BodyLength) -> BodyLength {
        match &self.changed {
            None => announced,
            Some(filtering) => filtering.length().map_or(BodyLength::Unknown, BodyLength::Known),
        }
    }

    /// How many bytes of it came from the client since it began; those that were read whole before came earlier.
    pub(crate) fn received(&self) -> u64 {
        self.changed.as_ref().map_or(self.pump.moved, |filtering| filtering.taken)
    }

    /// Moves what can be moved now.
    pub(crate) fn poll_on(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>> {
        let (mut source, mut sink) = (connection.client.body(), lease.client().body());
        match &mut self.changed {
            None => self.pump.poll(cx, &mut source, &mut sink),
            Some(filtering) => self.pump.poll(cx, &mut Filtered { filtering, source }, &mut sink),
        }
    }

    /// The same while the answer is read: once that is there, it no longer matters what becomes of the request.
    pub(crate) fn poll_beside_answer(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection,
        lease: &mut Lease,
    ) {
        if !self.pump.is_over() && matches!(self.poll_on(cx, connection, lease), Poll::Ready(Err(_))) {
            self.pump.state = PumpState::Abandoned;
        }
    }

    /// What a filter could not take.
    fn take_fault(&mut self) -> Option<Fault> {
        self.changed.as_mut()?.fault.take()
    }
}

/// Sends the request to the route's upstream and reads the head of the answer into `heads.response`.
pub(crate) async fn forward(
    exchange: &mut Exchange<'_>,
    settings: &ForwardSettings,
    connection: &mut Connection,
    heads: &mut Heads,
    body: &mut RequestBody,
) -> Result<Body, Fault> {
    let cluster = Rc::clone(&exchange.snapshot.clusters[settings.upstream]);
    exchange.facts.upstream = Some(Rc::clone(&exchange.snapshot.names[settings.upstream]));
    let mut now = exchange.worker.clock.now();
    exchange.record.upstream_started = Some(now);
    exchange.deadline = deadline(exchange, settings, &mut heads.request);
    headers::prepare(&mut heads.request, &exchange.facts);
    let upgrade = headers::upgrade(exchange, &settings.upgrades, &mut heads.request)?;

    if body.whole.is_some() {
        // It is here already.
        heads.request.fields.remove_known(Known::Expect);
    }
    let mut upload = Upload::new(exchange, body);
    let mut choice = affinity::choice(exchange, settings, &cluster, &heads.request, now);
    let mut tried: SmallVec<[Rc<LocalEndpoint>; 3]> = SmallVec::new();
    let mut again: Option<Rc<LocalEndpoint>> = None;
    let mut failed: Option<Fault> = None;
    loop {
        // A connection that was found closed says nothing against its endpoint: a new one to it comes first.
        let fresh = again.is_some();
        let Some(endpoint) = again.take().or_else(|| cluster.next(&tried, &choice)) else {
            return Err(failed.unwrap_or_else(|| no_endpoint(&cluster)));
        };
        let is_retry = exchange.record.attempts > 0;
        if is_retry {
            now = exchange.worker.clock.now();
        }
        let permit = match cluster.permit(now) {
            Ok(permit) => permit,
            // What failed before it tells more than that the circuit is open by now.
            Err(open) => return Err(failed.unwrap_or_else(|| circuit_open(&cluster, open))),
        };
        exchange.record.attempts += 1;
        if is_retry {
            cluster.counts().retries.inc();
        }
        exchange.record.endpoint = Some(Rc::clone(&endpoint));
        let mut call = Call::begin(&cluster, &endpoint, permit, now);
        let mut attempt = Attempt {
            exchange: &*exchange,
            cluster: &cluster,
            settings,
            upgrade: upgrade.as_deref(),
            upload: &mut upload,
            now,
        };
        let answered = attempt.run(&endpoint, fresh, connection, heads).await;
        let asked = attempt.now;
        let Failed { fault, result } = match answered {
            Ok((lease, length)) => {
                call.heard(asked, || exchange.worker.clock.now());
                affinity::stick(exchange, &cluster, &endpoint, choice.cookie, &mut heads.response);
                let (status, is_stream) = (heads.response.status, is_stream(&heads.response));
                if is_stream || status >= 400 || call.is_trial() {
                    call.tell(TryResult::Status(status), exchange.worker.clock.now());
                }
                let timeouts = settings.timeouts;
                let idle = if is_stream { timeouts.stream_idle } else { timeouts.idle };
                let forwarded = Forwarded { lease, call, cluster, length, upload, timeouts, idle };
                let body = Box::new(forwarded);
                return Ok(if status == 101 { Body::Tunnel(body) } else { Body::Stream(body) });
            }
            Err(failed) => failed,
        };
        if let Some(result) = result {
            call.tell(result, exchange.worker.clock.now());
        }
        drop(call);
        if !may_try_again(&fault, heads.request.method, &upload) {
            return Err(fault);
        }
        if fault.retry_allowed() == Retry::IfReused && !fresh {
            again = Some(Rc::clone(&endpoint));
        } else {
            tried.push(endpoint);
            if tried.len() >= MOST_ATTEMPTS {
                return Err(fault);
            }
        }
        tracing::debug!(upstream = %cluster.cluster().settings().name, "trying again: {fault}");
        failed = Some(fault);
        now = exchange.worker.clock.now();
        choice.now = now;
        // Nothing of the body was taken from the client: it begins anew.
        upload.pump.state = PumpState::default();
    }
}

/// When the exchange must be over: the route's limit, or the deadline of a call of gRPC, whichever comes first. The service is
/// told what is left of it.
fn deadline(
    exchange: &Exchange<'_>,
    settings: &ForwardSettings,
    request: &mut RequestHead,
) -> Option<Instant> {
    let mut total = settings.timeouts.total;
    if let Some(wanted) = request.fields.known(Known::GrpcTimeout).and_then(parse_timeout) {
        total = Some(total.map_or(wanted, |total| total.min(wanted)));
        let spent = exchange.worker.clock.now().saturating_duration_since(exchange.started);
        let left = total.unwrap_or(wanted).saturating_sub(spent);
        request.fields.set_known(Known::GrpcTimeout, format_timeout(left).as_bytes());
    }
    total.and_then(|total| exchange.started.checked_add(total))
}

/// Whether an answer goes on for as long as somebody has something to say: events (SSE), gRPC, another protocol.
fn is_stream(response: &ResponseHead) -> bool {
    let kind = response.fields.known(Known::ContentType).unwrap_or_default();
    let begins = |name: &[u8]| kind.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    response.status == 101 || begins(b"text/event-stream") || begins(b"application/grpc")
}

/// Only what cannot have had an effect is sent twice, and only while its body is still whole here.
fn may_try_again(fault: &Fault, method: Method, upload: &Upload) -> bool {
    upload.pump.moved == 0
        && match fault.retry_allowed() {
            Retry::Safe => true,
            Retry::IfReused => method.is_idempotent(),
            Retry::Never => false,
        }
}

fn no_endpoint(cluster: &LocalCluster) -> Fault {
    cluster.counts().failures(UpstreamFailure::NoEndpoint).inc();
    Fault::unavailable("no_endpoint").field(b"Retry-After", b"1")
}

fn circuit_open(cluster: &LocalCluster, open: CircuitOpen) -> Fault {
    cluster.counts().failures(UpstreamFailure::CircuitOpen).inc();
    let seconds = open.retry_after.as_millis().div_ceil(1000).max(1);
    Fault::unavailable("circuit_open").field(b"Retry-After", seconds.to_string().as_bytes())
}

/// What the failure to get a connection is to the client, and in the counts.
fn acquire_fault(cluster: &LocalCluster, error: AcquireError) -> Fault {
    match error {
        AcquireError::Full => {
            cluster.counts().failures(UpstreamFailure::ConnectionLimit).inc();
            Fault::unavailable("upstream_connections").field(b"Retry-After", b"1").source(AcquireError::Full)
        }
        AcquireError::Tls(error) => {
            cluster.counts().failures(UpstreamFailure::Tls).inc();
            Fault::bad_gateway("upstream_tls").source(AcquireError::Tls(error)).retry(Retry::Safe)
        }
        AcquireError::Connect(error) => {
            cluster.counts().failures(UpstreamFailure::Connect).inc();
            Fault::bad_gateway("upstream_connect").source(error).retry(Retry::Safe)
        }
    }
}
