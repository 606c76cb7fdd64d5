//! Upstreams: their endpoints, how these are found, which one is next, and the connections to them.
//!
//! A [`Cluster`] is what the configuration says, and lives in the snapshot. What changes without a new configuration
//! (the addresses behind names) is published beside it. Each worker has a [`LocalCluster`] with connections of its
//! own; workers share a count of busy connections, and what is known of each endpoint, where something goes by it.

mod balance;
mod breaker;
mod budget;
mod check;
mod cluster;
mod discovery;
mod ejection;
mod endpoint;
mod health;
mod local;
mod padded;
mod resolver;
mod result;
mod since;
mod status;
mod visit;

pub use balance::{Balance, CookieSecret, StickySettings, StickyValue, hash_key};
pub use breaker::{Breaker, BreakerSettings, BreakerStatus, CircuitOpen, Force, Shares};
pub use budget::RetryBudgetShared;
pub use check::{first_wait, keep_checking};
pub use cluster::{
    Cluster, ClusterSettings, EndpointHost, EndpointSettings, HostHeader, Timeouts, Transport,
};
pub use discovery::{discover, find_once};
pub use ejection::OutlierDetection;
pub use endpoint::{Endpoint, EndpointShared, Endpoints, Member, Protocol, Service};
pub use health::{BodyMatch, CheckFields, CheckKind, Health, HealthCheck, HttpCheck};
pub use local::{AcquireError, Call, Choice, Lease, LocalCluster, LocalEndpoint};
pub use resolver::{Addresses, DnsResolver, Resolve, ResolveError, Resolving, ServiceRecord, Services};
pub use result::{ResultSet, TryResult};
pub use status::{CheckCounts, ClusterStatus, EndpointStatus};
pub use visit::{Visit, VisitError, Visited};
