//! Upstreams: those with a name, and those that routes name by their URL.
//! No name is resolved here: that begins when the snapshot is applied.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maitred_config::{HostSent, Upstream as Written, UpstreamRef};
use maitred_config::{Toggle, scalar};
use maitred_upstream::{Cluster, ClusterSettings, EndpointHost, EndpointSettings, HostHeader, Timeouts};

use super::Compiler;
use crate::snapshot::Upstream;

/// Which number an upstream has: by its name, or by its URL.
pub(super) type UpstreamNumbers = HashMap<Arc<str>, usize>;

/// Compiles all upstreams. What the previous snapshot's know of the same endpoints goes on.
pub(super) fn compile(compiler: &Compiler<'_>) -> (Vec<Upstream>, UpstreamNumbers) {
    let mut upstreams = Vec::new();
    let mut numbers = UpstreamNumbers::new();
    let old: HashMap<&str, &Upstream> = compiler
        .previous
        .iter()
        .flat_map(|snapshot| &snapshot.upstreams)
        .map(|upstream| (&*upstream.cluster.settings().name, upstream))
        .collect();
    let mut add = |settings: ClusterSettings| {
        let name = Arc::clone(&settings.name);
        let previous = old.get(&*name).map(|upstream| &*upstream.cluster);
        numbers.insert(Arc::clone(&name), upstreams.len());
        let series = compiler.metrics.upstream(&name);
        upstreams.push(Upstream { cluster: Arc::new(Cluster::new(settings, previous)), series });
    };
    for entry in &compiler.document.upstreams {
        add(named(&entry.name, &entry.value));
    }
    let mut seen = std::collections::HashSet::new();
    for route in &compiler.document.routes {
        if let Some(UpstreamRef::Url(url)) = &route.value.upstream {
            let name: Arc<str> = url.value.to_string().into();
            if seen.insert(Arc::clone(&name)) {
                add(inline(name, &url.value));
            }
        }
    }
    (upstreams, numbers)
}

fn named(name: &str, upstream: &Written) -> ClusterSettings {
    let endpoints = upstream
        .endpoints
        .iter()
        .map(|endpoint| EndpointSettings { host: host(&endpoint.url.value), weight: endpoint.weight })
        .collect();
    let (idle, idle_timeout, max_requests) = match &upstream.keepalive {
        Toggle::On(keepalive) => {
            (keepalive.idle, keepalive.idle_timeout, u64::from(keepalive.max_requests.get()))
        }
        Toggle::Off => (0, Duration::ZERO, 1),
    };
    let timeouts = &upstream.timeouts;
    ClusterSettings {
        name: name.into(),
        endpoints,
        host: match &upstream.host {
            HostSent::Client => HostHeader::Client,
            HostSent::Endpoint => HostHeader::Endpoint,
            HostSent::Name(name) => HostHeader::Fixed(name.as_str().into()),
        },
        timeouts: Timeouts {
            connect: timeouts.connect,
            response: timeouts.response,
            idle: timeouts.idle,
            total: timeouts.total,
        },
        idle: usize::try_from(idle).unwrap_or(usize::MAX),
        idle_timeout,
        max_requests,
        max_connections: upstream.max_connections.and_then(|most| usize::try_from(most.get()).ok()),
    }
}

/// An upstream with one endpoint and all defaults.
fn inline(name: Arc<str>, url: &scalar::EndpointUrl) -> ClusterSettings {
    ClusterSettings {
        name,
        endpoints: vec![EndpointSettings { host: host(url), weight: 1 }],
        host: HostHeader::Client,
        timeouts: Timeouts::default(),
        idle: 64,
        idle_timeout: Duration::from_mins(1),
        max_requests: 10_000,
        max_connections: None,
    }
}

fn host(url: &scalar::EndpointUrl) -> EndpointHost {
    match &url.target {
        scalar::EndpointTarget::Host { host, port } => {
            let host = match host {
                scalar::EndpointHost::Name(name) => name.clone(),
                scalar::EndpointHost::Ip(address) => address.to_string(),
            };
            EndpointHost::Tcp { host: host.into(), port: *port }
        }
        scalar::EndpointTarget::Unix(path) => EndpointHost::Unix(std::path::Path::new(path).into()),
        scalar::EndpointTarget::Srv(name) => EndpointHost::Tcp { host: name.as_str().into(), port: 0 },
    }
}
