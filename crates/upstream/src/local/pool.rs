//! Connections to an endpoint: one that is there where it can take a request, else a new one; and back when the exchange is
//! over. Connections of HTTP/1 take one request at a time and wait idle for the next; those of HTTP/2 are shared.
//! Whether a request may be sent twice is not decided here.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_net::Stream;
use maitred_telemetry::UpstreamSeries;
use maitred_wire::ClientSide;
use maitred_wire::h2::{ClientConnection, ClientStream};

use super::open::{OpenError, Opened};
use super::{LocalCluster, LocalEndpoint};
use crate::cluster::ClusterShared;

/// A connection of HTTP/1 that waits for its next request.
#[derive(Debug)]
pub(crate) struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

/// A connection of HTTP/1, or a stream of HTTP/2.
#[derive(Debug)]
struct Connection {
    client: ClientSide<Stream>,
    requests: u64,
    /// A stream has no part in the count.
    _counted: Option<Counted>,
}

/// A connection of HTTP/2. Streams hold it open, also when it takes no further ones.
#[derive(Debug)]
pub(crate) struct SharedConnection {
    connection: ClientConnection,
    requests: u64,
    progress: u64,
    since: Instant,
    /// When the budgets of the service were filled the last time.
    renewed: Instant,
}

/// The interval for which budgets of control frames are.
const RENEWAL: Duration = Duration::from_secs(10);

/// Counts an open connection for as long as it lives.
#[derive(Debug)]
pub(super) struct Counted {
    series: Arc<UpstreamSeries>,
    worker: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.series.at(self.worker).connections.dec();
    }
}

/// Counts a busy connection, where there is a limit.
#[derive(Debug)]
struct Busy(Arc<ClusterShared>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end_one();
    }
}

impl Idle {
    /// Whether it can still be used: not idle for too long, not closed by the service, and silent.
    pub(crate) fn is_usable(&mut self, now: Instant, limit: Duration) -> bool {
        self.since.checked_add(limit).is_none_or(|end| now < end)
            && self.connection.client.as_http1().is_some_and(|(_, stream)| stream.is_quiet())
    }
}

impl SharedConnection {
    /// Whether it is to be kept: it takes requests, and was not without one for too long.
    pub(crate) fn is_usable(&mut self, now: Instant, limit: Duration) -> bool {
        if now.saturating_duration_since(self.renewed) >= RENEWAL {
            self.connection.renew();
            self.renewed = now;
        }
        let progress = self.connection.progress();
        if self.connection.streams() > 0 || progress != self.progress {
            (self.progress, self.since) = (progress, now);
        }
        self.connection.is_open() && now.saturating_duration_since(self.since) < limit
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum AcquireError {
    /// As many of the upstream's are busy as may be.
    Full,
    /// It could not be made.
    Connect(io::Error),
    /// TLS could not be agreed on.
    Tls(io::Error),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("max_connections is reached"),
            Self::Connect(error) => error.fmt(f),
            Self::Tls(error) => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for AcquireError {}

impl From<OpenError> for AcquireError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Connect(error) => Self::Connect(error),
            OpenError::Tls(error) => Self::Tls(error),
        }
    }
}

/// A connection in use, or a stream of one. Dropping it closes it; [`LocalCluster::release`] keeps it for the next request.
#[derive(Debug)]
pub struct Lease {
    // Boxed, because it moves through many hands in each exchange.
    connection: Box<Connection>,
    endpoint: Rc<LocalEndpoint>,
    is_reused: bool,
    _busy: Option<Busy>,
}

impl LocalCluster {
    /// Takes a place among the busy connections, where they are limited.
    fn begin(&self) -> Result<Option<Busy>, AcquireError> {
        let Some(most) = self.cluster().settings().max_connections else { return Ok(None) };
        if !self.shared().begin_one(most) {
            return Err(AcquireError::Full);
        }
        Ok(Some(Busy(Arc::clone(self.shared()))))
    }

    /// A connection to this endpoint that can take a request, if there is one. Asks nobody and waits for nothing.
    #[inline]
    pub fn take_idle(&self, endpoint: &Rc<LocalEndpoint>, now: Instant) -> Option<Lease> {
        if endpoint.is_shared.get()
            && let Some(lease) = self.take_shared(endpoint, now)
        {
            return Some(lease);
        }
        let limit = self.cluster().settings().idle_timeout;
        let mut idle = endpoint.idle.borrow_mut();
        // The one used last is the likeliest to be alive, and lets the others grow old and be closed.
        while let Some(mut candidate) = idle.pop() {
            if candidate.is_usable(now, limit) {
                let Ok(busy) = self.begin() else {
                    idle.push(candidate);
                    return None;
                };
                self.counts().reused.inc();
                let (connection, endpoint) = (candidate.connection, Rc::clone(endpoint));
                return Some(Lease { connection, endpoint, is_reused: true, _busy: busy });
            }
        }
        None
    }

    /// A stream of the connection of HTTP/2 that has the fewest.
    fn take_shared(&self, endpoint: &Rc<LocalEndpoint>, now: Instant) -> Option<Lease> {
        let most = self.cluster().settings().max_requests;
        let mut shared = endpoint.shared.borrow_mut();
        shared.retain(|shared| shared.connection.is_open() && shared.requests < most);
        let least = shared.iter_mut().min_by_key(|shared| shared.connection.streams())?;
        let busy = self.begin().ok()?;
        let stream = least.connection.open()?;
        (least.requests, least.since) = (least.requests + 1, now);
        self.counts().reused.inc();
        Some(Lease::of_stream(stream, endpoint, true, busy))
    }

    /// Opens a new connection to this endpoint. The time limit is the caller's. `ends` are those of the client's connection, for
    /// services that are told.
    pub async fn open(
        &self,
        endpoint: &Rc<LocalEndpoint>,
        ends: Option<(SocketAddr, SocketAddr)>,
        now: Instant,
    ) -> Result<Lease, AcquireError> {
        // Of many requests that come at once to a service that speaks HTTP/2, one opens the connection for all.
        let _turn = if endpoint.is_shared.get() { endpoint.turn.acquire().await.ok() } else { None };
        if let Some(lease) = self.take_shared(endpoint, now).filter(|_| endpoint.is_shared.get()) {
            return Ok(lease);
        }
        let busy = self.begin()?;
        self.counts().connections.inc();
        let counted = Counted { series: Arc::clone(self.series()), worker: self.worker() };
        let opened = super::open::open(self.cluster(), &endpoint.endpoint, ends).await?;
        self.counts().opened.inc();
        match opened {
            Opened::Http1(stream) => {
                let connection = Box::new(Connection {
                    client: ClientSide::http1(stream),
                    requests: 0,
                    _counted: Some(counted),
                });
                Ok(Lease { connection, endpoint: Rc::clone(endpoint), is_reused: false, _busy: busy })
            }
            Opened::Http2(connection, driver) => {
                tokio::task::spawn_local(async move {
                    if let Err(broken) = driver.await {
                        tracing::debug!("a connection to a service ended: {broken}");
                    }
                    drop(counted);
                });
                let broken = || AcquireError::Connect(io::ErrorKind::ConnectionReset.into());
                let stream = connection.open().ok_or_else(broken)?;
                let progress = connection.progress();
                if self.cluster().settings().proxy_protocol.is_none() && !endpoint.is_gone.get() {
                    endpoint.is_shared.set(true);
                    let shared =
                        SharedConnection { connection, requests: 1, progress, since: now, renewed: now };
                    endpoint.shared.borrow_mut().push(shared);
                }
                Ok(Lease::of_stream(stream, endpoint, false, busy))
            }
        }
    }

    /// Takes a connection back after its exchange, and keeps it if it can serve another: `now` is when it becomes idle.
    pub fn release(&self, lease: Lease, now: Instant) {
        let Lease { mut connection, endpoint, .. } = lease;
        connection.requests += 1;
        let settings = self.cluster().settings();
        let is_worn = connection.requests >= settings.max_requests || settings.proxy_protocol.is_some();
        let can_serve = connection.client.end_exchange() && connection.client.as_http1().is_some();
        if is_worn || endpoint.is_gone.get() || !can_serve {
            return;
        }
        let mut idle = endpoint.idle.borrow_mut();
        if idle.len() < self.idle_share() {
            idle.push(Idle { connection, since: now });
        }
    }
}

impl Lease {
    fn of_stream(
        stream: ClientStream,
        endpoint: &Rc<LocalEndpoint>,
        is_reused: bool,
        busy: Option<Busy>,
    ) -> Self {
        let client = ClientSide::Http2(Box::new(stream));
        let connection = Box::new(Connection { client, requests: 0, _counted: None });
        Self { connection, endpoint: Rc::clone(endpoint), is_reused, _busy: busy }
    }

    /// The service's side of the exchange.
    #[inline]
    pub fn client(&mut self) -> &mut ClientSide<Stream> {
        &mut self.connection.client
    }

    /// Whether it served a request before: then the service may have closed it just now.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Rc<LocalEndpoint> {
        &self.endpoint
    }
}
