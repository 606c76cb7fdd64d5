//! What the configuration says of an upstream, and the little that its workers share.
//! What a worker owns of it is in `local`.

mod health;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use maitred_net::ClientTls;
use maitred_wire::{Limits, proxy_protocol};

use crate::balance::Balance;
use crate::balance::sticky::CookieKey;
use crate::breaker::Breaker;
use crate::budget::RetryBudgetShared;
use crate::ejection::OutlierDetection;
use crate::endpoint::{Endpoint, EndpointAddress, Endpoints, Protocol, tier};
use crate::health::{HealthCheck, HealthShared};
use crate::padded::Padded;

/// What users wrote of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Its name; for an address written into a route, that address.
    pub name: Arc<str>,
    /// Its endpoints, at least one.
    pub endpoints: Vec<EndpointSettings>,
    /// What the `Host` field of requests says.
    pub host: HostHeader,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Idle connections to keep, in the whole process.
    pub idle: usize,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Requests after which a connection is closed.
    pub max_requests: u64,
    /// Connections that may be busy at once, in the whole process; none for no limit. Idle ones do not count: they may be
    /// another worker's, which cannot be taken, and must not keep a request from a service that has nothing to do. Of HTTP/2 each
    /// request counts as one.
    pub max_connections: Option<usize>,
    /// Whether each connection begins by telling for which client it is, in this version of the PROXY protocol. Then it serves
    /// that client's request and no other.
    pub proxy_protocol: Option<proxy_protocol::Version>,
    /// How the next endpoint is chosen.
    pub balance: Balance,
    /// How long an endpoint that begins to serve takes to have its full weight; none for no time.
    pub slow_start: Option<Duration>,
    /// If fewer endpoints than this are available, all count as available; in millionths of all.
    pub panic_threshold: u32,
    /// How endpoints are checked; none for not at all.
    pub health_check: Option<HealthCheck>,
    /// When endpoints are ejected that fail requests; none for never.
    pub outlier_detection: Option<OutlierDetection>,
}

/// What connections to the endpoints are made with, compiled.
#[derive(Clone, Debug)]
pub struct Transport {
    /// How TLS is spoken to the endpoints that need it; without it they cannot be reached.
    pub tls: Option<ClientTls>,
    /// Limits of what services send.
    pub limits: Limits,
}

/// An endpoint as users wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Where it is.
    pub host: EndpointHost,
    /// Its share of the requests, relative to the others'.
    pub weight: u32,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Whether it is used only while no other is available.
    pub is_backup: bool,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointHost {
    /// A name, or an address as text, and a port. Every address that a name has is an endpoint.
    Tcp {
        /// Name or address; IPv6 without brackets.
        host: Arc<str>,
        /// Port.
        port: u16,
    },
    /// A Unix socket.
    Unix(Arc<Path>),
    /// The name of a record of SRV (RFC 2782), which tells hosts and ports. Every address of these is an endpoint.
    Srv(Arc<str>),
}

/// What `Host` says to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// What the client sent.
    Client,
    /// The endpoint's host and port.
    Endpoint,
    /// Always this.
    Fixed(Arc<str>),
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// For a connection to be made.
    pub connect: Duration,
    /// From the request sent to the head of its response.
    pub response: Duration,
    /// Between two pieces of a body, in either direction.
    pub idle: Duration,
    /// The same where a body goes on for as long as somebody has something to say, and for tunnels.
    pub stream_idle: Duration,
    /// For the whole exchange, all tries together; none for no limit.
    pub total: Option<Duration>,
}

impl ClusterSettings {
    /// An upstream of these endpoints, with what holds where users write nothing else.
    pub fn new(name: Arc<str>, endpoints: Vec<EndpointSettings>) -> Self {
        Self {
            name,
            endpoints,
            host: HostHeader::Client,
            timeouts: Timeouts::default(),
            idle: 64,
            idle_timeout: Duration::from_mins(1),
            max_requests: 10_000,
            max_connections: None,
            proxy_protocol: None,
            balance: Balance::default(),
            slow_start: None,
            panic_threshold: 0,
            health_check: None,
            outlier_detection: Some(OutlierDetection::default()),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            stream_idle: Duration::from_mins(5),
            total: None,
        }
    }
}

impl Transport {
    /// Whether connections made with one may be used where the other is in force.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        }
    }
}

/// An upstream in a snapshot.
#[derive(Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    transport: Transport,
    shared: Arc<ClusterShared>,
    /// What cookies are made with, where balancing goes by one.
    cookie_key: Option<CookieKey>,
    breaker: Option<Breaker>,
}

/// What outlives a snapshot: the endpoints that were found, the count of busy connections, and the budget of retries.
#[derive(Debug)]
pub struct ClusterShared {
    pub(crate) name: Arc<str>,
    pub(crate) wanted: Vec<EndpointSettings>,
    endpoints: ArcSwap<Endpoints>,
    /// The list of the upstream that was here before, with other endpoints: what it knows of places goes on when their names
    /// are resolved.
    inherited: Arc<Endpoints>,
    /// How the next endpoint is chosen where it is in force, so that what is looked up for that is made with each list.
    balance: ArcSwap<Balance>,
    /// Whether no list was found yet, and none was there before.
    is_first: AtomicBool,
    /// Whether another upstream took its place, which looks for endpoints itself.
    is_replaced: AtomicBool,
    /// Counts the lists that were published, for workers to see that there is another without touching it.
    generation: AtomicU64,
    busy: Padded,
    pub(crate) health: Arc<HealthShared>,
    retry_budget: Arc<RetryBudgetShared>,
}

impl Cluster {
    /// Compiles an upstream. What `previous` knows of the same endpoints is taken over: addresses that were found, the count of
    /// busy connections, and the key of cookies, if that was made here. Its budget of retries is, whatever its endpoints were.
    pub fn new(settings: ClusterSettings, transport: Transport, previous: Option<&Self>) -> Self {
        let same = previous.filter(|old| old.shared.wanted == settings.endpoints);
        let shared = same.map_or_else(
            || {
                let inherited = previous.map(|old| old.endpoints().without_lookups()).unwrap_or_default();
                let at_once = known_at_once(&settings.endpoints);
                let endpoints = Endpoints::new(at_once, &[&inherited], previous.is_none());
                Arc::new(ClusterShared {
                    name: Arc::clone(&settings.name),
                    wanted: settings.endpoints.clone(),
                    endpoints: ArcSwap::from_pointee(endpoints),
                    inherited: Arc::new(inherited),
                    balance: ArcSwap::from_pointee(settings.balance.clone()),
                    is_first: AtomicBool::new(previous.is_none()),
                    is_replaced: AtomicBool::new(false),
                    generation: AtomicU64::new(0),
                    busy: Padded::default(),
                    health: previous.map_or_else(
                        || Arc::new(HealthShared::new(&settings.name)),
                        |old| Arc::clone(&old.shared.health),
                    ),
                    retry_budget: previous
                        .map(|old| Arc::clone(&old.shared.retry_budget))
                        .unwrap_or_default(),
                })
            },
            |old| Arc::clone(&old.shared),
        );
        shared.endpoints().prepare(&settings.balance);
        let cookie_key = settings.balance.sticky().map(|sticky| match &sticky.secret {
            Some(secret) => CookieKey::of(secret),
            None => previous
                .and_then(|old| old.cookie_key.clone().filter(|key| key.is_made))
                .unwrap_or_else(CookieKey::make),
        });
        Self { settings, transport, shared, cookie_key, breaker: None }
    }

    /// What cookies are made with, where balancing goes by one.
    pub(crate) fn cookie_key(&self) -> Option<&CookieKey> {
        self.cookie_key.as_ref()
    }

    /// The same with a circuit breaker, or without.
    pub fn with_breaker(self, breaker: Option<Breaker>) -> Self {
        Self { breaker, ..self }
    }

    /// Its circuit breaker, if it has one.
    #[inline]
    pub fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// What its connections are made with.
    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What users wrote of it.
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// What its workers share.
    pub fn shared(&self) -> &Arc<ClusterShared> {
        &self.shared
    }

    /// Its endpoints now.
    pub fn endpoints(&self) -> Arc<Endpoints> {
        self.shared.endpoints()
    }
}

impl ClusterShared {
    /// Whether it has names that a name server must be asked for.
    pub fn needs_discovery(&self) -> bool {
        self.wanted.iter().any(|endpoint| at_once(endpoint).is_none())
    }

    /// Whether another upstream took its place.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }

    /// Its endpoints now.
    pub fn endpoints(&self) -> Arc<Endpoints> {
        self.endpoints.load_full()
    }

    /// The lists that were found last: this upstream's, and that of the one which it took the place of.
    pub(crate) fn last_lists(&self) -> [Arc<Endpoints>; 2] {
        [self.endpoints(), Arc::clone(&self.inherited)]
    }

    /// Puts another list in place, if it is another. What is known of those that stay goes on.
    pub(crate) fn publish(&self, found: Vec<Endpoint>) {
        let before = self.endpoints();
        if !before.is_of(&found) {
            tracing::debug!(upstream = %self.name, endpoints = found.len(), "endpoints changed");
            let is_first = self.is_first.swap(false, Ordering::Relaxed);
            let known = [&*before, &*self.inherited];
            let next = Endpoints::new(found, &known, is_first);
            next.prepare(&self.balance.load());
            let after = Arc::new(next);
            self.leave_to(&after);
            self.endpoints.store(after);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// What may be tried again of its requests.
    pub fn retry_budget(&self) -> &RetryBudgetShared {
        &self.retry_budget
    }

    /// Which list is in place: another number, another list.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Counts one busy connection more, unless there are `most`.
    pub(crate) fn begin_one(&self, most: usize) -> bool {
        let before = self.busy.0.fetch_add(1, Ordering::Relaxed);
        if before >= most {
            self.end_one();
            return false;
        }
        true
    }

    pub(crate) fn end_one(&self) {
        self.busy.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn known_at_once(wanted: &[EndpointSettings]) -> Vec<Endpoint> {
    wanted.iter().filter_map(at_once).collect()
}

/// The endpoint, where it can be told without asking a name server.
pub(crate) fn at_once(wanted: &EndpointSettings) -> Option<Endpoint> {
    let addresses: Arc<[EndpointAddress]> = match &wanted.host {
        EndpointHost::Unix(path) => [EndpointAddress::Unix(Arc::clone(path))].into(),
        EndpointHost::Tcp { host, port } if host.eq_ignore_ascii_case("localhost") => {
            // RFC 6761 section 6.3: always the loopback addresses.
            [format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
                .into_iter()
                .filter_map(|address| address.parse().ok().map(EndpointAddress::Tcp))
                .collect()
        }
        EndpointHost::Tcp { host, port } => {
            [EndpointAddress::Tcp((host.parse::<std::net::IpAddr>().ok()?, *port).into())].into()
        }
        EndpointHost::Srv(_) => return None,
    };
    Some(Endpoint {
        addresses,
        authority: authority(&wanted.host, wanted.protocol),
        weight: wanted.weight,
        protocol: wanted.protocol,
        tier: tier(wanted.is_backup, 0),
        service: None,
    })
}

/// `host:port` as `Host` says it: without the port where it is the default one.
pub(crate) fn authority(host: &EndpointHost, protocol: Protocol) -> Arc<str> {
    match host {
        EndpointHost::Unix(_) => "localhost".into(),
        EndpointHost::Tcp { host, port } => host_and_port(host, *port, protocol),
        EndpointHost::Srv(name) => Arc::clone(name),
    }
}

/// The same of a host that was found.
pub(crate) fn host_and_port(host: &str, port: u16, protocol: Protocol) -> Arc<str> {
    let usual = if protocol == Protocol::Tls { 443 } else { 80 };
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == usual { host.into() } else { format!("{host}:{port}").into() }
}
