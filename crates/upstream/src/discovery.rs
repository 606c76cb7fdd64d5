//! Keeps the endpoints of one upstream up to date: asks for its names again when their answers expire, and publishes
//! the list when it has changed. What was found last is kept while name servers are silent.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cluster::{ClusterShared, EndpointHost, at_once, authority};
use crate::endpoint::{Endpoint, EndpointAddress, Protocol, tier};
use crate::resolver::Resolve;

mod service;

/// Answers hold at least this long, whatever they say: a TTL of 0 must not become a flood of questions.
const SHORTEST: Duration = Duration::from_secs(1);
/// And at most this long, so that a mistake of a day is not one of a day here.
const LONGEST: Duration = Duration::from_mins(5);
/// How long to wait after a failure; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Starts looking for the endpoints of `cluster` on the current runtime, for as long as a snapshot holds it. The answer
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

async fn keep_current(cluster: Weak<ClusterShared>, resolver: Arc<dyn Resolve>, first: oneshot::Sender<()>) {
    let mut first = Some(first);
    let mut retry = FIRST_RETRY;
    loop {
        let Some(alive) = cluster.upgrade() else { return };
        let round = resolve_all(&alive, &*resolver).await;
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

struct Round {
    list: Vec<Endpoint>,
    ttl: Duration,
    failed: bool,
}

async fn resolve_all(cluster: &ClusterShared, resolver: &dyn Resolve) -> Round {
    let mut round = Round { list: Vec::new(), ttl: LONGEST, failed: false };
    for wanted in &cluster.wanted {
        if let Some(endpoint) = at_once(wanted) {
            round.list.push(endpoint);
            continue;
        }
        match &wanted.host {
            EndpointHost::Tcp { host, port } => {
                let place = Place {
                    authority: authority(&wanted.host, wanted.protocol),
                    port: *port,
                    weight: wanted.weight,
                    tier: tier(wanted.is_backup, 0),
                    protocol: wanted.protocol,
                    service: None,
                };
                round.resolve(cluster, resolver, host, &place).await;
            }
            EndpointHost::Srv(name) => service::resolve(&mut round, cluster, resolver, name, wanted).await,
            EndpointHost::Unix(_) => {}
        }
    }
    round
}

/// What the endpoints of one host have in common.
struct Place {
    authority: Arc<str>,
    port: u16,
    weight: u32,
    tier: u32,
    protocol: Protocol,
    /// The service by whose records it was found.
    service: Option<Arc<str>>,
}

impl Round {
    /// Adds every address of a host.
    async fn resolve(&mut self, cluster: &ClusterShared, resolver: &dyn Resolve, host: &str, place: &Place) {
        match resolver.resolve(host).await {
            Ok(found) if !found.list.is_empty() => {
                let mut addresses = found.list;
                addresses.sort_unstable();
                addresses.dedup();
                self.ttl = self.ttl.min(found.ttl);
                self.list.extend(addresses.into_iter().map(|ip| place.endpoint((ip, place.port).into())));
            }
            answer => {
                let why = answer.err().map_or_else(|| EMPTY.to_owned(), |error| error.to_string());
                let is_of =
                    |last: &Endpoint| last.authority == place.authority && last.service == place.service;
                let kept = self.keep_last(cluster, is_of);
                tracing::warn!(upstream = %cluster.name, host = %host, kept, "cannot resolve: {why}");
                self.failed = true;
            }
        }
    }

    /// Keeps what was found last for what cannot be resolved now. Answers how many endpoints that is.
    fn keep_last(&mut self, cluster: &ClusterShared, is_of: impl Fn(&Endpoint) -> bool) -> usize {
        let before = self.list.len();
        for last in cluster.last_lists() {
            let same = last.list.iter().map(|member| &member.endpoint).filter(|last| is_of(last));
            self.list.extend(same.cloned());
            if self.list.len() > before {
                break;
            }
        }
        self.list.len() - before
    }
}

const EMPTY: &str = "the answer is empty";

impl Place {
    fn endpoint(&self, address: std::net::SocketAddr) -> Endpoint {
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
