//! Upstreams: their endpoints, how these are found, which one is next, and the connections to them.
//!
//! A [`Cluster`] is what the configuration says, and lives in the snapshot. What changes without a new configuration
//! (the addresses behind names) is published beside it. Each worker has a [`LocalCluster`] with connections of its
//! own; nothing but a count of open connections is shared between workers.

mod balance;
mod cluster;
mod discovery;
mod endpoint;
mod local;
mod permit;
mod resolver;
mod result;
mod visit;

pub use balance::RoundRobin;
pub use cluster::{
    Cluster, ClusterSettings, EndpointHost, EndpointSettings, HostHeader, Timeouts, Transport,
};
pub use discovery::discover;
pub use endpoint::{Endpoint, EndpointShared, Endpoints, Member, Protocol};
pub use local::{AcquireError, Call, Lease, LocalCluster, LocalEndpoint};
pub use permit::{CircuitOpen, Permit};
pub use resolver::{Addresses, DnsResolver, Resolve, ResolveError, Resolving};
pub use result::{ResultSet, TryResult};
pub use visit::{Visit, VisitError, Visited};
