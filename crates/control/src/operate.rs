//! A gateway from its start to its end: load and compile, bind, serve, reload, drain.
//! The loop at the end of it is all that happens on the control runtime between requests.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maitred_config::Loaded;
use maitred_policy::Catalog;
use maitred_proxy::{Gateway, GatewayOptions, Snapshot};
use maitred_telemetry::{
    CertificateExpiry, CheckTotals, EndpointGauges, Log, Measured, Metrics, UpstreamHealth,
};
use maitred_upstream::{ClusterStatus, EndpointStatus, Health};
use tokio::sync::{mpsc, watch};

use crate::acme::{self, Accounts};
use crate::admin::AdminListener;
use crate::life::{Life, Stage};
use crate::orders::{Order, Orders};
use crate::overload::OverloadWatch;
use crate::reload::{Cause, Reloader, Serving, Workshop};
use crate::report::log_problems;
use crate::source::Source;
use crate::watch::Watch;

/// How often workers are looked after and old snapshots dropped.
const TICK: Duration = Duration::from_secs(1);

/// What a gateway is run with.
pub struct Operation<'a> {
    /// Where its configuration comes from.
    pub source: Source<'a>,
    /// The policies that there are.
    pub catalog: &'a Catalog,
    /// Where is counted.
    pub metrics: Arc<Metrics>,
    /// What the engine needs.
    pub gateway: GatewayOptions,
    /// The log whose level the configuration says; none where it is not this program's to change.
    pub log: Option<&'a Log>,
}

impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("source", &self.source).finish_non_exhaustive()
    }
}

/// How a gateway ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everything that was under way ended by itself.
    Drained,
    /// `limits.drain_timeout` was over; what was still under way is cut off.
    CutOff,
    /// The second order to stop came; nothing was waited for.
    AtOnce,
}

/// Why a gateway does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has errors.
    Document(Box<Loaded>),
    /// An address cannot be bound, or a log not opened. The text says which, and why.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(_) => f.write_str("the configuration has errors"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl Operation<'_> {
    /// Runs the gateway until it is told to stop. To be called on the control runtime.
    ///
    /// `announce` is told what serves, once it does, and again after each reload.
    ///
    /// # Errors
    ///
    /// If it does not start. Once it has, nothing ends it but an order.
    pub async fn run(
        self,
        orders: mpsc::UnboundedReceiver<Order>,
        announce: &mut dyn FnMut(Serving<'_>),
    ) -> Result<Stopped, StartError> {
        let mut orders = Orders::new(orders);
        let (life, told) = watch::channel(Life::START);
        // Boxed: it holds the state of a whole reload.
        let started = tokio::select! {
            biased;
            () = orders.stop() => return Ok(Stopped::Drained),
            started = Box::pin(self.start(told)) => started?,
        };
        let mut reloader = started;
        reloader.accounts.adopt(reloader.gateway.current());
        look_after(&mut reloader, &life);
        life.send_modify(|life| life.stage = Stage::Serving);
        announce(reloader.serving());
        serve(&mut reloader, &mut orders, &life, announce).await;
        life.send_modify(|life| life.stage = Stage::Draining);
        // Nothing more is ordered. The admin listener stays, and tells that this gateway is not ready.
        let Reloader { gateway, admin: _admin, accounts, .. } = reloader;
        drop(accounts);
        drain(gateway, &mut orders).await
    }

    async fn start<'a>(self, life: watch::Receiver<Life>) -> Result<Reloader<'a>, StartError>
    where
        Self: 'a,
    {
        let Self { source, catalog, metrics, gateway: options, log } = self;
        let (clock, resolver) = (options.clock, Arc::clone(&options.resolver));
        let workshop = Workshop { source, catalog, metrics, clock, log };
        let mut loaded = workshop.source.load();
        let (Some(snapshot), Some(document)) = (workshop.compile(&mut loaded, None), loaded.document.clone())
        else {
            return Err(StartError::Document(Box::new(loaded)));
        };
        workshop.change_level(&document);
        log_problems(&loaded);
        let watch: Option<Watch> = workshop.watch(&loaded.tree.watched);
        let overload = Arc::clone(&options.overload);
        workshop.metrics.measure(&[], &(Arc::clone(&overload) as Arc<dyn Measured>));
        let mut admin = AdminListener::new(Arc::clone(&workshop.metrics), life, Arc::clone(&overload));
        let prepared = admin.prepare(&document).map_err(StartError::System)?;
        // From here on the health pages answer, also while names are being resolved.
        admin.put(prepared, &document);
        let gateway = Gateway::start(options, snapshot).await.map_err(StartError::System)?;
        admin.show(&gateway, &loaded.tree, clock);
        workshop.note_loaded();
        let accounts = Accounts::new(clock, Arc::clone(&workshop.metrics), fastrand::Rng::new(), resolver);
        let overload = OverloadWatch::start(overload);
        overload.adopt(&document);
        Ok(Reloader::new(workshop, (gateway, admin, accounts, overload), (document, loaded.tree), watch))
    }
}

/// What happens next.
enum Next {
    Ordered(Order),
    Changed,
    Tick,
}

/// Reloads, reopens logs and looks after the workers until it is told to stop.
async fn serve(
    reloader: &mut Reloader<'_>,
    orders: &mut Orders,
    life: &watch::Sender<Life>,
    announce: &mut dyn FnMut(Serving<'_>),
) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let next = tokio::select! {
            order = orders.next() => Next::Ordered(order),
            () = changed(&mut reloader.watch) => Next::Changed,
            _ = tick.tick() => Next::Tick,
        };
        let cause = match next {
            Next::Ordered(Order::Stop) => return,
            Next::Ordered(Order::ReopenLogs) => {
                reloader.gateway.reopen_logs();
                continue;
            }
            Next::Tick => {
                look_after(reloader, life);
                continue;
            }
            Next::Ordered(Order::Reload) => {
                reloader.gateway.reopen_logs();
                Cause::Order
            }
            Next::Changed => Cause::Change,
        };
        let is_new = tokio::select! {
            biased;
            () = orders.stop() => return,
            is_new = Box::pin(reloader.reload(cause)) => is_new,
        };
        if cause == Cause::Order {
            reloader.accounts.try_now();
        }
        if is_new {
            reloader.accounts.adopt(reloader.gateway.current());
            look_after(reloader, life);
            announce(reloader.serving());
        }
    }
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

fn look_after(reloader: &mut Reloader<'_>, life: &watch::Sender<Life>) {
    let gateway = &mut reloader.gateway;
    gateway.sweep();
    let snapshot = gateway.current();
    reloader.workshop.metrics.replace_certificates(expiries(snapshot));
    let status = snapshot.upstream_status(reloader.workshop.clock.now());
    reloader.workshop.metrics.replace_health(status.map(health).collect());
    let missing = acme::missing(snapshot);
    life.send_if_modified(|life| std::mem::replace(&mut life.missing, missing.clone()) != missing);
    let is_alive = gateway.is_alive();
    if !is_alive && life.borrow().is_alive {
        tracing::error!("a worker has ended; /healthz answers 503 from now on");
        life.send_modify(|life| life.is_alive = false);
    }
}

/// Until when certificates are valid, for the metrics.
fn expiries(snapshot: &Snapshot) -> Vec<CertificateExpiry> {
    let all = snapshot.certificates().map(|(listener, summary)| CertificateExpiry {
        listener: Arc::clone(listener),
        name: summary.names.into_iter().next().unwrap_or(summary.subject),
        key: summary.key,
        not_after: summary.not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
    });
    all.collect()
}

/// How an upstream is doing, for the metrics.
fn health(status: ClusterStatus) -> UpstreamHealth {
    let ClusterStatus { name, endpoints, checks, ejections } = status;
    let gauges = |endpoint: EndpointStatus| EndpointGauges {
        healthy: checks.map(|_| u64::from(endpoint.health != Health::Unhealthy)),
        ejected: ejections.map(|_| u64::from(endpoint.ejected_for.is_some())),
        endpoint: endpoint.address,
    };
    UpstreamHealth {
        upstream: name,
        ejections,
        checks: checks.map(|checks| CheckTotals { passed: checks.passed, failed: checks.failed }),
        endpoints: endpoints.into_iter().map(gauges).collect(),
    }
}

async fn drain(gateway: Gateway, orders: &mut Orders) -> Result<Stopped, StartError> {
    tracing::info!("stopping: no new connections; requests under way may end");
    let last = Arc::clone(gateway.current());
    let stopped = tokio::select! {
        biased;
        () = orders.stop() => Stopped::AtOnce,
        in_time = gateway.drain() => if in_time { Stopped::Drained } else { Stopped::CutOff },
    };
    last.save_stores();
    match stopped {
        Stopped::Drained => tracing::info!("stopped"),
        Stopped::CutOff => {
            tracing::warn!("stopped: `limits.drain_timeout` is over, and what was under way is cut off");
        }
        Stopped::AtOnce => tracing::warn!("stopped at once, as was asked for twice"),
    }
    Ok(stopped)
}
