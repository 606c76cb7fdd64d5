//! Asks name servers, on the control runtime and never on the way of a request.
//! When to ask again is the business of `discovery`.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;

/// What a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Its addresses.
    pub list: Vec<IpAddr>,
    /// How long they hold.
    pub ttl: Duration,
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
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>>;

/// Turns names into addresses.
pub trait Resolve: Send + Sync + 'static {
    /// Looks a name up.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
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
            #[expect(
                clippy::disallowed_methods,
                reason = "the library tells until when an answer holds, as an instant"
            )]
            let now = Instant::now();
            Ok(Addresses {
                list: found.iter().collect(),
                ttl: found.valid_until().saturating_duration_since(now),
            })
        })
    }
}
