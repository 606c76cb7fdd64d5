//! Connections to an endpoint: an idle one where there is one, else a new one; and back when the exchange is over.
//! Whether a request may be sent twice is not decided here.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use maitred_net::{Stream, connect};
use maitred_telemetry::UpstreamSeries;
use maitred_wire::h1::Client;

use super::{LocalCluster, LocalEndpoint};
use crate::cluster::ClusterShared;

/// A connection that waits for its next request.
#[derive(Debug)]
pub(crate) struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    client: Client,
    requests: u64,
    _counted: Counted,
}

/// Counts an open connection for as long as it lives.
#[derive(Debug)]
struct Counted {
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
    pub(crate) fn is_usable(&mut self, now: Instant, limit: std::time::Duration) -> bool {
        now.saturating_duration_since(self.since) < limit && self.connection.stream.is_quiet()
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum AcquireError {
    /// As many of the upstream's are busy as may be.
    Full,
    /// It could not be made.
    Connect(io::Error),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("max_connections is reached"),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AcquireError {}

/// A connection in use. Dropping it closes it; [`LocalCluster::release`] keeps it for the next request.
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

    /// An idle connection to this endpoint, if there is one. Asks nobody and waits for nothing.
    pub fn take_idle(&self, endpoint: &Rc<LocalEndpoint>, now: Instant) -> Option<Lease> {
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

    /// Opens a new connection to this endpoint. The time limit is the caller's.
    pub async fn open(&self, endpoint: &Rc<LocalEndpoint>) -> Result<Lease, AcquireError> {
        let busy = self.begin()?;
        self.counts().connections.inc();
        let counted = Counted { series: Arc::clone(self.series()), worker: self.worker() };
        let mut last = io::ErrorKind::AddrNotAvailable.into();
        for address in &*endpoint.endpoint.addresses {
            match connect(address.connect_to()).await {
                Ok(stream) => {
                    self.counts().opened.inc();
                    let client = Client::default();
                    let connection = Box::new(Connection { stream, client, requests: 0, _counted: counted });
                    let endpoint = Rc::clone(endpoint);
                    return Ok(Lease { connection, endpoint, is_reused: false, _busy: busy });
                }
                Err(error) => last = error,
            }
        }
        Err(AcquireError::Connect(last))
    }

    /// Takes a connection back after its exchange, and keeps it if it can serve another: `now` is when it becomes idle.
    pub fn release(&self, lease: Lease, now: Instant) {
        let Lease { mut connection, endpoint, .. } = lease;
        connection.requests += 1;
        let is_worn = connection.requests >= self.cluster().settings().max_requests;
        if is_worn || endpoint.is_gone.get() || !connection.client.end_exchange() {
            return;
        }
        let mut idle = endpoint.idle.borrow_mut();
        if idle.len() < self.idle_share() {
            idle.push(Idle { connection, since: now });
        }
    }
}

impl Lease {
    /// The socket and the protocol state on it.
    pub fn parts(&mut self) -> (&mut Client, &mut Stream) {
        (&mut self.connection.client, &mut self.connection.stream)
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
