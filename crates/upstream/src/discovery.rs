//! Keeps the endpoints of one upstream up to date: asks for its names again when their answers expire, and publishes
//! the list when it has changed. What was found last is kept while name servers are silent.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cluster::{ClusterShared, EndpointHost, EndpointSettings, at_once, authority};
use crate::endpoint::{Endpoint, EndpointAddress};
use crate::resolver::Resolve;

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
        let EndpointHost::Tcp { host, port } = &wanted.host else { continue };
        match resolver.resolve(host).await {
            Ok(found) if !found.list.is_empty() => {
                let mut addresses = found.list;
                addresses.sort_unstable();
                addresses.dedup();
                round.ttl = round.ttl.min(found.ttl);
                round.list.extend(addresses.into_iter().map(|ip| endpoint(wanted, (ip, *port).into())));
            }
            answer => {
                let why =
                    answer.err().map_or_else(|| "the answer is empty".to_owned(), |error| error.to_string());
                let kept = keep_last(cluster, wanted, &mut round.list);
                tracing::warn!(upstream = %cluster.name, host = %host, kept, "cannot resolve: {why}");
                round.failed = true;
            }
        }
    }
    round
}

fn endpoint(wanted: &EndpointSettings, address: std::net::SocketAddr) -> Endpoint {
    Endpoint {
        addresses: [EndpointAddress::Tcp(address)].into(),
        authority: authority(&wanted.host, wanted.protocol),
        weight: wanted.weight,
        protocol: wanted.protocol,
    }
}

/// Keeps what was last found for a name that cannot be resolved now. Answers how many endpoints that is.
fn keep_last(cluster: &ClusterShared, wanted: &EndpointSettings, list: &mut Vec<Endpoint>) -> usize {
    let authority = authority(&wanted.host, wanted.protocol);
    let last = cluster.endpoints();
    let before = list.len();
    let same = last.list.iter().map(|member| &member.endpoint).filter(|last| last.authority == authority);
    list.extend(same.cloned());
    list.len() - before
}

#[cfg(test)]
mod tests;
