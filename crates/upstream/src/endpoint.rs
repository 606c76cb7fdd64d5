//! One address of an upstream, and the list of them at one moment.
//! Lists are published whole and never changed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use maitred_net::ConnectTo;

use crate::balance::Balance;
use crate::balance::ewma::Latency;
use crate::balance::maglev::Maglev;
use crate::balance::ring::Ring;
use crate::ejection::Ejection;
use crate::health::{EndpointHealth, Health};
use crate::padded::Padded;
use crate::since::SinceFirst;

/// One endpoint of an upstream: usually one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Where to connect: tried in order. Only `localhost` has more than one, since which of its two addresses a
    /// development server listens on is anybody's guess.
    pub addresses: Arc<[EndpointAddress]>,
    /// What `Host` says where it is to name the endpoint: host and port as configured.
    pub authority: Arc<str>,
    /// Its share of the requests, relative to the others'.
    pub weight: u32,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Its tier: it is used only while nobody with a lower number is available. See [`tier`].
    pub tier: u32,
    /// The service by whose records it was found (SRV).
    pub service: Option<Service>,
}

/// A service that is named by records of SRV, and what the record of an endpoint says of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    /// The name that the records are of.
    pub name: Arc<str>,
    /// The share that the record gives it, relative to those of the other records.
    pub weight: u32,
    /// How many priorities there are that come before the record's.
    pub rank: u32,
}

/// The tier of an endpoint: backups come behind all others, and among both the records of SRV in the order of their priorities,
/// of which `rank` is the number.
pub(crate) fn tier(is_backup: bool, rank: u32) -> u32 {
    const BACKUPS: u32 = 1 << 16;
    if is_backup { BACKUPS + rank } else { rank }
}

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1, in the clear.
    #[default]
    Http1,
    /// HTTP/2, in the clear: the service is known to speak it.
    Http2,
    /// Over TLS, which agrees on HTTP/2 or HTTP/1.1.
    Tls,
}

/// An address to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointAddress {
    /// An address of the network.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(Arc<Path>),
}

impl EndpointAddress {
    pub(crate) fn connect_to(&self) -> ConnectTo<'_> {
        match self {
            Self::Tcp(address) => ConnectTo::Tcp(*address),
            Self::Unix(path) => ConnectTo::Unix(path),
        }
    }
}

/// For logs: clients never see it.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.addresses.first() {
            Some(EndpointAddress::Tcp(address)) => address.fmt(f),
            Some(EndpointAddress::Unix(path)) => write!(f, "unix:{}", path.display()),
            None => f.write_str(&self.authority),
        }
    }
}

/// What the whole process knows of one endpoint, beside where it is. It goes on over reloads and over new answers of name
/// servers, for as long as the endpoint is one of the upstream's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct EndpointShared {
    pub(crate) health: EndpointHealth,
    pub(crate) ejection: Ejection,
    since: SinceFirst,
    /// Since when it serves, for slow start: nanoseconds after the first instant, or one of [`EVER`] and [`UNSEEN`].
    serves_since: AtomicU64,
    /// How long its answers take, where balancing goes by that.
    latency: Latency,
    /// Requests under way, where balancing goes by them.
    under_way: Padded,
}

/// It has served from the beginning.
const EVER: u64 = 0;
/// It is new, and no worker has seen it yet.
const UNSEEN: u64 = 1;

impl EndpointShared {
    /// Of an endpoint that joins others that serve already.
    fn joining() -> Self {
        Self { serves_since: AtomicU64::new(UNSEEN), ..Self::default() }
    }

    /// Tells that it serves from `now` on, after it did not: slow start begins anew.
    pub fn began_serving(&self, now: Instant) {
        self.serves_since.store(self.stamp(now), Ordering::Relaxed);
    }

    /// Notes that a worker has it in its list at `now`: one that is new serves from then on.
    #[inline]
    pub(crate) fn see(&self, now: Instant) {
        if self.serves_since.load(Ordering::Relaxed) == UNSEEN {
            let (stamp, begun) = (self.stamp(now), &self.serves_since);
            // Where another was faster, it was just now.
            let _ = begun.compare_exchange(UNSEEN, stamp, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// For how long it has served at `now`; none for as long as anybody knows.
    pub(crate) fn served_for(&self, now: Instant) -> Option<Duration> {
        self.see(now);
        let since = Some(self.serves_since.load(Ordering::Relaxed)).filter(|since| *since != EVER)?;
        Some(Duration::from_nanos(self.stamp(now).saturating_sub(since)))
    }

    /// An instant as a number above those with a meaning.
    fn stamp(&self, now: Instant) -> u64 {
        self.since.nanos(now).saturating_add(UNSEEN + 1)
    }

    /// Milliseconds at `now`, as the ejection counts them.
    pub(crate) fn millis(&self, now: Instant) -> u64 {
        self.since.millis(now)
    }

    /// Takes in how long an answer took.
    pub(crate) fn observe(&self, latency: Duration, now: Instant) {
        self.latency.observe(latency, self.millis(now));
    }

    /// How long its answers take, in seconds; 0 where nothing is known.
    pub(crate) fn latency(&self, now: Instant) -> f64 {
        self.latency.at(self.millis(now))
    }

    /// Requests under way, as far as they are counted.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.0.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_request(&self) {
        self.under_way.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_request(&self) {
        self.under_way.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An endpoint, and what is known of it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What is known of it.
    pub shared: Arc<EndpointShared>,
}

/// The endpoints of an upstream at one moment. A new list is published when names resolve differently.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// In the order of the configuration, addresses of one name in the order of their numbers.
    pub list: Vec<Member>,
    /// What hashes are looked up in, where balancing goes by them: made before the list is published, since that takes milliseconds.
    ring: OnceLock<Ring>,
    maglev: OnceLock<Maglev>,
}

impl EndpointShared {
    /// Whether requests are to be sent there at `now`: checks do not say otherwise, and it is not ejected.
    #[inline]
    pub fn is_available(&self, now: Instant) -> bool {
        !self.health.is_unhealthy() && (!self.ejection.is_ejected() || self.has_returned(now))
    }

    #[cold]
    fn has_returned(&self, now: Instant) -> bool {
        self.settle(now);
        !self.ejection.is_ejected()
    }

    /// Ends an ejection whose time is over.
    pub(crate) fn settle(&self, now: Instant) {
        if self.ejection.is_ejected()
            && self.ejection.end_if_over(self.millis(now))
            && !self.health.is_unhealthy()
        {
            self.began_serving(now);
        }
    }

    /// Forgets the failures of requests.
    pub(crate) fn forgive(&self, now: Instant) {
        if self.ejection.forgive() && !self.health.is_unhealthy() {
            self.began_serving(now);
        }
    }

    /// Puts what checks found in place: what it was before.
    pub(crate) fn find(&self, health: Health, failure: Option<String>, now: Instant) -> Health {
        let before = self.health.put(health, failure);
        if before == Health::Unhealthy && health != before && !self.ejection.is_ejected() {
            self.began_serving(now);
        }
        before
    }
}

impl Endpoint {
    /// What names it in every process that has the same configuration.
    pub(crate) fn identity(&self) -> String {
        format!("{self} {}", self.authority)
    }

    /// Whether it is the same place, spoken to in the same way: its weight may be another.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.addresses == other.addresses
            && self.authority == other.authority
            && self.protocol == other.protocol
    }
}

impl Endpoints {
    /// A list of these endpoints. What `known` tells of the same places goes on, in the lists that there were before. If these are
    /// the `first`, all have served from the beginning.
    pub(crate) fn new(found: Vec<Endpoint>, known: &[&Self], is_first: bool) -> Self {
        let fresh = || if is_first { EndpointShared::default() } else { EndpointShared::joining() };
        let member = |endpoint: Endpoint| {
            let mut before = known.iter().flat_map(|known| &known.list);
            let before = before.find(|member| member.endpoint.is_same_place(&endpoint));
            let shared = before.map_or_else(|| Arc::new(fresh()), |member| Arc::clone(&member.shared));
            shared.ejection.join();
            Member { endpoint, shared }
        };
        let list = found.into_iter().map(member).collect();
        Self { list, ..Self::default() }
    }

    /// How many of them requests are sent to, as far as their weights say.
    pub(crate) fn weighty(&self) -> usize {
        self.list.iter().filter(|member| member.endpoint.weight > 0).count()
    }

    /// The ring of these endpoints.
    pub(crate) fn ring(&self) -> &Ring {
        self.ring.get_or_init(|| Ring::new(&self.named()))
    }

    /// Maglev's table of these endpoints.
    pub(crate) fn maglev(&self) -> &Maglev {
        self.maglev.get_or_init(|| Maglev::new(&self.named()))
    }

    fn named(&self) -> Vec<(String, u32)> {
        let endpoints = self.list.iter().map(|member| &member.endpoint);
        endpoints.map(|endpoint| (endpoint.identity(), endpoint.weight)).collect()
    }

    /// Makes what this way of balancing looks up, so that no worker has to.
    pub(crate) fn prepare(&self, balance: &Balance) {
        match balance {
            Balance::RingHash => _ = self.ring(),
            Balance::Maglev => _ = self.maglev(),
            _ => {}
        }
    }

    /// The same list, without what was made to be looked up in it.
    pub(crate) fn without_lookups(&self) -> Self {
        Self { list: self.list.clone(), ..Self::default() }
    }

    /// Whether these are the endpoints that it lists, with these weights.
    pub(crate) fn is_of(&self, found: &[Endpoint]) -> bool {
        self.list.iter().map(|member| &member.endpoint).eq(found)
    }
}

#[cfg(test)]
mod tests;
