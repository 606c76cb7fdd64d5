//! Endpoints of a service that is named by records of SRV (RFC 2782): each record tells a host and a port, a share, and whether it
//! comes first or stands behind others.

use std::sync::Arc;

use super::{EMPTY, Place, Round, address_of, last_found};
use crate::cluster::{ClusterShared, EndpointSettings, host_and_port};
use crate::endpoint::{Endpoint, Service};
use crate::resolver::{Resolve, ServiceRecord};

/// How many records are followed: each is a question to the name server.
const MOST_RECORDS: usize = 256;

/// Adds the endpoints of the service `name`; all that was found last where it cannot be resolved.
pub(super) async fn resolve(
    round: &mut Round,
    cluster: &ClusterShared,
    resolver: &dyn Resolve,
    name: &Arc<str>,
    wanted: &EndpointSettings,
) {
    let (records, ttl) = match resolver.resolve_service(name).await {
        Ok(found) if !found.list.is_empty() => (in_order(found.list, cluster, name), found.ttl),
        answer => {
            let why = answer.err().map_or_else(|| EMPTY.to_owned(), |error| error.to_string());
            let kept = keep_last(round, cluster, name, wanted);
            tracing::warn!(upstream = %cluster.name, service = %name, kept, "cannot resolve: {why}");
            round.failed = true;
            return;
        }
    };
    round.ttl = round.ttl.min(ttl);
    let mut rank = 0;
    let mut priority = None;
    for record in &records {
        if priority.replace(record.priority).is_some_and(|last| last != record.priority) {
            rank += 1;
        }
        // A weight of 0 is a small share, and not none.
        let service = Service { name: Arc::clone(name), weight: u32::from(record.weight).max(1), rank };
        let authority = host_and_port(&record.target, record.port, wanted.protocol);
        let place = Place::new(authority, record.port, wanted, Some(service));
        round.resolve(cluster, resolver, &record.target, &place).await;
    }
}

/// Keeps the places that were found last, as users want them now. Answers how many that is.
fn keep_last(
    round: &mut Round,
    cluster: &ClusterShared,
    name: &Arc<str>,
    wanted: &EndpointSettings,
) -> usize {
    let is_of = |last: &Endpoint| last.service.as_ref().is_some_and(|service| service.name == *name);
    let last = last_found(cluster, is_of);
    for found in &last {
        if let Some(address) = address_of(found) {
            let (authority, service) = (Arc::clone(&found.authority), found.service.clone());
            round.add(Place::new(authority, address.port(), wanted, service).endpoint(address));
        }
    }
    last.len()
}

/// The records that name a place, those with the lowest priority first. One without a target says that there is none.
fn in_order(mut records: Vec<ServiceRecord>, cluster: &ClusterShared, name: &str) -> Vec<ServiceRecord> {
    records.retain(|record| !record.target.is_empty() && record.port > 0);
    records.sort_unstable();
    records.dedup();
    if records.len() > MOST_RECORDS {
        let count = records.len();
        tracing::warn!(upstream = %cluster.name, service = %name, count, "only {MOST_RECORDS} records are used");
        records.truncate(MOST_RECORDS);
    }
    records
}
