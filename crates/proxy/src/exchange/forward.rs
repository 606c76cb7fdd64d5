//! The action of a route with an upstream: prepares the request, tries endpoints, and hands the answer on. Retries live
//! here and nowhere else.

mod attempt;
mod headers;
pub(crate) mod pump;
pub(crate) mod tunnel;

use std::rc::Rc;

use maitred_http::{BodyLength, Method};
use maitred_policy::{Fault, Retry};
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::{AcquireError, Lease, LocalCluster, LocalEndpoint};
use smallvec::SmallVec;

use self::attempt::Attempt;
use self::pump::{Pump, PumpState, RateGuard};
use super::{Body, Exchange};
use crate::action::ForwardSettings;
use crate::connection::Connection;
use crate::local::Heads;

/// How often a request that was never sent is tried, the first time counted.
const MOST_ATTEMPTS: usize = 3;

/// A service's answer whose head was read: the rest of it comes from here.
pub(crate) struct Forwarded {
    pub(crate) lease: Lease,
    pub(crate) cluster: Rc<LocalCluster>,
    pub(crate) length: BodyLength,
    /// The request's body, which may still be on its way.
    pub(crate) upload: Upload,
    pub(crate) timeouts: maitred_upstream::Timeouts,
}

/// The request's body on its way to the service.
pub(crate) struct Upload {
    pub(crate) pump: Pump,
    pub(crate) guard: RateGuard,
}

/// Sends the request to the route's upstream and reads the head of the answer into `heads.response`.
pub(crate) async fn forward(
    exchange: &mut Exchange<'_>,
    settings: &ForwardSettings,
    connection: &mut Connection,
    heads: &mut Heads,
) -> Result<Body, Fault> {
    let cluster = Rc::clone(&exchange.snapshot.clusters[settings.upstream]);
    exchange.facts.upstream = Some(Rc::clone(&exchange.snapshot.names[settings.upstream]));
    let mut now = exchange.worker.clock.now();
    exchange.record.upstream_started = Some(now);
    headers::prepare(&mut heads.request, &exchange.facts);
    let upgrade = headers::upgrade(exchange, &settings.upgrades, &heads.request)?;

    let limits = &exchange.snapshot.shared.limits;
    let mut upload = Upload {
        pump: Pump { limit: exchange.facts.body_limit, ..Pump::default() },
        guard: RateGuard::new(limits.body_rate, limits.body_grace),
    };
    let mut tried: SmallVec<[Rc<LocalEndpoint>; 3]> = SmallVec::new();
    let mut again: Option<Rc<LocalEndpoint>> = None;
    let mut failed: Option<Fault> = None;
    loop {
        // A connection that was found closed says nothing against its endpoint: a new one to it comes first.
        let fresh = again.is_some();
        let Some(endpoint) = again.take().or_else(|| cluster.next(&tried)) else {
            return Err(failed.unwrap_or_else(|| no_endpoint(&cluster)));
        };
        exchange.record.attempts += 1;
        if exchange.record.attempts > 1 {
            cluster.counts().retries.inc();
            now = exchange.worker.clock.now();
        }
        exchange.record.endpoint = Some(Rc::clone(&endpoint));
        let mut attempt = Attempt {
            exchange: &*exchange,
            cluster: &cluster,
            settings,
            upgrade: upgrade.as_deref(),
            upload: &mut upload,
            now,
        };
        let fault = match attempt.run(&endpoint, fresh, connection, heads).await {
            Ok((lease, length)) => {
                let is_switch = heads.response.status == 101;
                let forwarded = Forwarded { lease, cluster, length, upload, timeouts: settings.timeouts };
                let body = Box::new(forwarded);
                return Ok(if is_switch { Body::Tunnel(body) } else { Body::Stream(body) });
            }
            Err(fault) => fault,
        };
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
        // Nothing of the body was taken from the client: it begins anew.
        upload.pump.state = PumpState::default();
    }
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

/// What the failure to get a connection is to the client, and in the counts.
fn acquire_fault(cluster: &LocalCluster, error: AcquireError) -> Fault {
    match error {
        AcquireError::Full => {
            cluster.counts().failures(UpstreamFailure::ConnectionLimit).inc();
            Fault::unavailable("upstream_connections").field(b"Retry-After", b"1").source(AcquireError::Full)
        }
        AcquireError::Connect(error) => {
            cluster.counts().failures(UpstreamFailure::Connect).inc();
            Fault::bad_gateway("upstream_connect").source(error).retry(Retry::Safe)
        }
    }
}
