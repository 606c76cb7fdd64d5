//! Upstreams: those with a name, and those that routes name by their URL.
//! No name is resolved here: that begins when the snapshot is applied.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::{self, Scheme};
use maitred_config::{
    HostSent, OneOrMany, ProxyProtocolVersion, Toggle, Upstream as Written, UpstreamProtocol, UpstreamRef,
    UpstreamTls,
};
use maitred_net::ClientTls;
use maitred_upstream::{
    Cluster, ClusterSettings, EndpointHost, EndpointSettings, HostHeader, Protocol, Timeouts, Transport,
};
use maitred_wire::{Limits, proxy_protocol};

use super::Compiler;
use super::tls::TlsCompiler;
use crate::snapshot::Upstream;

/// Which number an upstream has: by its name, or by its URL.
pub(super) type UpstreamNumbers = HashMap<Arc<str>, usize>;

/// Compiles all upstreams. What the previous snapshot's know of the same endpoints goes on.
pub(super) fn compile(
    compiler: &Compiler<'_>,
    limits: &Limits,
    tls: &mut TlsCompiler<'_, '_>,
) -> (Vec<Upstream>, UpstreamNumbers) {
    let mut upstreams = Vec::new();
    let mut numbers = UpstreamNumbers::new();
    let old: HashMap<&str, &Upstream> = compiler
        .previous
        .iter()
        .flat_map(|snapshot| &snapshot.upstreams)
        .map(|upstream| (&*upstream.cluster.settings().name, upstream))
        .collect();
    let mut add = |settings: ClusterSettings, tls: Option<ClientTls>| {
        let name = Arc::clone(&settings.name);
        let previous = old.get(&*name).map(|upstream| &*upstream.cluster);
        numbers.insert(Arc::clone(&name), upstreams.len());
        let series = compiler.metrics.upstream(&name);
        upstreams.push(Upstream {
            cluster: Arc::new(Cluster::new(settings, Transport { tls, limits: limits.clone() }, previous)),
            series,
        });
    };
    for entry in &compiler.document.upstreams {
        let upstream = &entry.value;
        let speaks_tls = upstream.endpoints.iter().any(|endpoint| endpoint.url.value.scheme.is_tls());
        let own = upstream.tls.clone().unwrap_or_default();
        let tls = speaks_tls.then(|| tls.service(&own, upstream.protocols.as_ref(), entry.span)).flatten();
        add(named(&entry.name, upstream), tls);
    }
    let mut seen = std::collections::HashSet::new();
    for route in &compiler.document.routes {
        if let Some(UpstreamRef::Url(url)) = &route.value.upstream {
            let name: Arc<str> = url.value.to_string().into();
            if seen.insert(Arc::clone(&name)) {
                let usual = UpstreamTls::default();
                let tls = url.value.scheme.is_tls().then(|| tls.service(&usual, None, url.span)).flatten();
                add(named(&name, &Written::at(url)), tls);
            }
        }
    }
    (upstreams, numbers)
}

fn named(name: &str, upstream: &Written) -> ClusterSettings {
    let endpoints = upstream
        .endpoints
        .iter()
        .map(|endpoint| endpoint_settings(&endpoint.url.value, endpoint.weight, upstream.protocols.as_ref()))
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
            stream_idle: timeouts.stream_idle,
            total: timeouts.total,
        },
        idle: usize::try_from(idle).unwrap_or(usize::MAX),
        idle_timeout,
        max_requests,
        max_connections: upstream.max_connections.and_then(|most| usize::try_from(most.get()).ok()),
        proxy_protocol: upstream.proxy_protocol.map(|version| match version {
            ProxyProtocolVersion::V1 => proxy_protocol::Version::V1,
            ProxyProtocolVersion::V2 => proxy_protocol::Version::V2,
        }),
    }
}

fn endpoint_settings(
    url: &scalar::EndpointUrl,
    weight: u32,
    protocols: Option<&OneOrMany<UpstreamProtocol>>,
) -> EndpointSettings {
    let is_http2 = protocols.is_some_and(|protocols| protocols.contains(&UpstreamProtocol::H2));
    let protocol = match url.scheme {
        Scheme::Https | Scheme::Grpcs => Protocol::Tls,
        Scheme::Grpc | Scheme::H2c => Protocol::Http2,
        Scheme::Unix if is_http2 => Protocol::Http2,
        Scheme::Http | Scheme::Unix | Scheme::Srv => Protocol::Http1,
    };
    EndpointSettings { host: host(url), weight, protocol }
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
