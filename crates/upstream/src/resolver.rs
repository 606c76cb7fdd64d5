//! Asks name servers, on the control runtime and never on the way of a request.
//! When to ask again is the business of `discovery`.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::proto::rr::RData;

/// What a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Its addresses.
    pub list: Vec<IpAddr>,
    /// How long they hold.
    pub ttl: Duration,
}

/// What the name of a service resolves to (SRV, RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Its records.
    pub list: Vec<ServiceRecord>,
    /// How long they hold.
    pub ttl: Duration,
}

/// One record of SRV: where a service is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceRecord {
    /// Those with the lowest number come first; the others are for when these are not available.
    pub priority: u16,
    /// The share of the requests among those of the same priority.
    pub weight: u16,
    /// The name of the host, without the dot at its end; empty where the record says that there is no such service.
    pub target: String,
    /// The port.
    pub port: u16,
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveError(pub String);

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ResolveError {}

/// An answer that comes later.
pub type Resolving<'a, T = Addresses> = Pin<Box<dyn Future<Output = Result<T, ResolveError>> + Send + 'a>>;

/// Turns names into addresses.
pub trait Resolve: Send + Sync + 'static {
    /// Looks a name up.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;

    /// Looks the name of a service up. Who knows hosts alone says so.
    fn resolve_service<'a>(&'a self, name: &'a str) -> Resolving<'a, Services> {
        let _ = name;
        Box::pin(std::future::ready(Err(ResolveError("records of SRV are not known here".to_owned()))))
    }
}

/// The name servers of the system: `/etc/resolv.conf` and `/etc/hosts`.
#[derive(Debug)]
pub struct DnsResolver(TokioResolver);

impl DnsResolver {
    /// Reads the system's configuration. To be called on the control runtime.
    pub fn from_system() -> Result<Self, ResolveError> {
        let failed = |error: hickory_resolver::net::NetError| ResolveError(error.to_string());
        let mut builder = TokioResolver::builder_tokio().map_err(failed)?;
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // Answers are kept by who asked, who asks again when they expire.
        options.cache_size = 0;
        Ok(Self(builder.build().map_err(failed)?))
    }
}

impl Resolve for DnsResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = self.0.lookup_ip(name).await.map_err(|error| ResolveError(error.to_string()))?;
            Ok(Addresses { list: found.iter().collect(), ttl: until(found.valid_until()) })
        })
    }

    fn resolve_service<'a>(&'a self, name: &'a str) -> Resolving<'a, Services> {
        Box::pin(async move {
            let found = self.0.srv_lookup(name).await.map_err(|error| ResolveError(error.to_string()))?;
            let records = found.answers().iter().filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(ServiceRecord {
                    priority: srv.priority,
                    weight: srv.weight,
                    target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                    port: srv.port,
                }),
                _ => None,
            });
            Ok(Services { list: records.collect(), ttl: until(found.valid_until()) })
        })
    }
}

/// How long it is until then.
#[expect(clippy::disallowed_methods, reason = "the library tells until when an answer holds, as an instant")]
fn until(then: Instant) -> Duration {
    then.saturating_duration_since(Instant::now())
}
