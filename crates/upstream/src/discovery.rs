//! Keeps the endpoints of one upstream up to date: asks for its names again when their answers expire, and publishes
//! the list when it has changed. What was found last is kept while name servers are silent.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cluster::{ClusterShared, EndpointHost, EndpointSettings, at_once, authority};
use crate::endpoint::{Endpoint, EndpointAddress, Endpoints, Protocol, Service, tier};
use crate::resolver::Resolve;

mod service;

/// Answers hold at least this long, whatever they say: a TTL of 0 must not become a flood of questions.
const SHORTEST: Duration = Duration::from_secs(1);
/// And at most this long, so that a mistake of a day is not one of a day here.
const LONGEST: Duration = Duration::from_mins(5);
/// How long to wait after a failure; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Starts looking for the endpoints of `cluster` on the current runtime, for as long as a snapshot holds it and no other upstream
/// took its place. The answer
/// comes once every name was asked for the first time, whatever came of it; at once where there is no name.
pub fn discover(cluster: &Arc<ClusterShared>, resolver: Arc<dyn Resolve>) -> oneshot::Receiver<()> {
    let (first, asked) = oneshot::channel();
    if cluster.needs_discovery() {
        tokio::spawn(keep_current(Arc::downgrade(cluster), resolver, first));
    } else {
        // The receiver may be gone already, which is all the same.
        let _ = first.send(());
    }
    asked
}

/// Looks for the endpoints of `cluster` once, and puts in place what was found.
pub async fn find_once(cluster: &ClusterShared, resolver: &dyn Resolve) {
    if cluster.needs_discovery() {
        cluster.publish(resolve_all(cluster, resolver).await.list);
    }
}

async fn keep_current(cluster: Weak<ClusterShared>, resolver: Arc<dyn Resolve>, first: oneshot::Sender<()>) {
    let mut first = Some(first);
    let mut retry = FIRST_RETRY;
    loop {
        let Some(alive) = cluster.upgrade() else { return };
        let round = resolve_all(&alive, &*resolver).await;
        // What it would let go of now may be among the endpoints of the other.
        if alive.is_replaced() {
            return;
        }
        let wait = if round.failed {
            let wait = retry;
            retry = (retry * 2).min(LONGEST_RETRY);
            wait
        } else {
            retry = FIRST_RETRY;
            round.ttl.clamp(SHORTEST, LONGEST)
        };
        alive.publish(round.list);
        drop(alive);
        if let Some(first) = first.take() {
            let _ = first.send(());
        }
        tokio::time::sleep(wait).await;
    }
}

/// What came of asking for all names once.
struct Round {
    list: Vec<Endpoint>,
    ttl: Duration,
    failed: bool,
}

async fn resolve_all(cluster: &ClusterShared, resolver: &dyn Resolve) -> Round {
    let mut round = Round { list: Vec::new(), ttl: LONGEST, failed: false };
    for wanted in &cluster.wanted {
        if let Some(endpoint) = at_once(wanted) {
            round.add(endpoint);
            continue;
        }
        match &wanted.host {
            EndpointHost::Tcp { host, port } => {
                let place = Place::new(authority(&wanted.host, wanted.protocol), *port, wanted, None);
                round.resolve(cluster, resolver, host, &place).await;
            }
            EndpointHost::Srv(name) => service::resolve(&mut round, cluster, resolver, name, wanted).await,
            EndpointHost::Unix(_) => {}
        }
    }
    round
}

impl Round {
    /// Adds an endpoint, unless the same place is among them: several names and records may lead to it. The first counts.
    fn add(&mut self, endpoint: Endpoint) {
        if !self.list.iter().any(|other| other.is_same_place(&endpoint)) {
            self.list.push(endpoint);
        }
    }

    /// Adds every address of a host; those that were found last where it cannot be resolved.
    async fn resolve(&mut self, cluster: &ClusterShared, resolver: &dyn Resolve, host: &str, place: &Place) {
        let mut addresses = match resolver.resolve(host).await {
            Ok(found) if !found.list.is_empty() => {
                self.ttl = self.ttl.min(found.ttl);
                found.list
            }
            answer => {
                let why = answer.err().map_or_else(|| EMPTY.to_owned(), |error| error.to_string());
                let last = last_found(cluster, |last| place.is_place_of(last));
                // How they are spoken to, and what their share is, may be another by now.
                let addresses: Vec<_> = last.iter().filter_map(address_of).map(|last| last.ip()).collect();
                tracing::warn!(upstream = %cluster.name, host = %host, kept = addresses.len(), "cannot resolve: {why}");
                self.failed = true;
                addresses
            }
        };
        addresses.sort_unstable();
        addresses.dedup();
        for ip in addresses {
            self.add(place.endpoint((ip, place.port).into()));
        }
    }
}

const EMPTY: &str = "the answer is empty";

/// What was found last for what cannot be resolved now: by this upstream, or else by the one that it took the place of.
fn last_found(cluster: &ClusterShared, is_of: impl Fn(&Endpoint) -> bool) -> Vec<Endpoint> {
    let of = |last: &Endpoints| -> Vec<Endpoint> {
        let endpoints = last.list.iter().map(|member| &member.endpoint);
        endpoints.filter(|last| is_of(last)).cloned().collect()
    };
    let lists = cluster.last_lists();
    lists.iter().map(|last| of(last)).find(|same| !same.is_empty()).unwrap_or_default()
}

/// The address of an endpoint that was found under a name: it has one.
fn address_of(endpoint: &Endpoint) -> Option<SocketAddr> {
    match endpoint.addresses.first()? {
        EndpointAddress::Tcp(address) => Some(*address),
        EndpointAddress::Unix(_) => None,
    }
}

/// What the endpoints of one host have in common.
struct Place {
    authority: Arc<str>,
    port: u16,
    weight: u32,
    tier: u32,
    protocol: Protocol,
    service: Option<Service>,
}

impl Place {
    /// A place as users want it; of a service, with the share and the rank that its record tells.
    fn new(authority: Arc<str>, port: u16, wanted: &EndpointSettings, service: Option<Service>) -> Self {
        let (share, rank) = service.as_ref().map_or((1, 0), |service| (service.weight, service.rank));
        Self {
            authority,
            port,
            weight: wanted.weight.saturating_mul(share),
            tier: tier(wanted.is_backup, rank),
            protocol: wanted.protocol,
            service,
        }
    }

    /// Whether this endpoint was found here, however it was spoken to.
    fn is_place_of(&self, last: &Endpoint) -> bool {
        let of = |service: &Service| last.service.as_ref().is_some_and(|last| last.name == service.name);
        last.authority == self.authority && self.service.as_ref().map_or(last.service.is_none(), of)
    }

    fn endpoint(&self, address: SocketAddr) -> Endpoint {
        Endpoint {
            addresses: [EndpointAddress::Tcp(address)].into(),
            authority: Arc::clone(&self.authority),
            weight: self.weight,
            protocol: self.protocol,
            tier: self.tier,
            service: self.service.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
