//! Upstreams: those with a name, and those that routes name by their URL.
//! No name is resolved here: that begins when the snapshot is applied.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::nearest::nearest;
use maitred_config::scalar::{self, EndpointUrl, Scheme};
use maitred_config::{
    CircuitBreaker, Document, Endpoint, HostSent, OneOrMany, Problem, ProxyProtocolVersion, Spanned, Toggle,
    Upstream as Written, UpstreamProtocol, UpstreamRef, UpstreamTimeouts, UpstreamTls,
};
use maitred_net::ClientTls;
use maitred_policy::values::Value;
use maitred_policy::{Outbound, Upstreams};
use maitred_upstream::{
    Breaker, BreakerSettings, Cluster, ClusterSettings, EndpointHost, EndpointSettings, HostHeader, Protocol,
    Shares, Timeouts, Transport,
};
use maitred_wire::{Limits, proxy_protocol};

use super::Compiler;
use super::health::{health_check, outlier_detection};
use super::results::results;
use super::tls::TlsCompiler;
use crate::snapshot::Upstream;

/// Which number an upstream has: by its name, or by its URL.
pub(super) type UpstreamNumbers = HashMap<Arc<str>, usize>;

/// Compiles the upstreams with a name, which are balanced by these keys, and those that routes name by their URL. What the previous
/// snapshot's know of the same endpoints goes on.
pub(super) fn compile(
    compiler: &Compiler<'_>,
    limits: &Limits,
    keys: Vec<Option<Value>>,
    tls: &mut TlsCompiler<'_, '_>,
) -> (Vec<Upstream>, UpstreamNumbers) {
    let mut upstreams = Compiling::new(compiler, limits, Vec::new());
    for (entry, key) in compiler.document.upstreams.iter().zip(keys) {
        let upstream = &entry.value;
        let speaks_tls = upstream.endpoints.iter().any(|endpoint| endpoint.url.value.scheme.is_tls());
        let own = upstream.tls.clone().unwrap_or_default();
        let tls = speaks_tls.then(|| tls.service(&own, upstream.protocols.as_ref(), entry.span)).flatten();
        upstreams.add(named(&entry.name, upstream), tls, upstream.circuit_breaker.as_ref(), key);
    }
    let mut seen = HashSet::new();
    for route in &compiler.document.routes {
        for upstream in route.value.upstreams() {
            let UpstreamRef::Url(url) = upstream else { continue };
            if seen.insert(&url.value) {
                upstreams.add_url(url, tls);
            }
        }
    }
    let names = upstreams.done.iter().map(|upstream| Arc::clone(&upstream.cluster.settings().name));
    let numbers = names.enumerate().map(|(number, name)| (name, number)).collect();
    (upstreams.done, numbers)
}

/// Upstreams on their way.
struct Compiling<'a> {
    compiler: &'a Compiler<'a>,
    limits: &'a Limits,
    old: HashMap<&'a str, &'a Cluster>,
    done: Vec<Upstream>,
}

impl<'a> Compiling<'a> {
    fn new(compiler: &'a Compiler<'a>, limits: &'a Limits, done: Vec<Upstream>) -> Self {
        let old = compiler.previous.iter().flat_map(|snapshot| snapshot.upstreams());
        let old = old.map(|cluster| (&*cluster.settings().name, cluster)).collect();
        Self { compiler, limits, old, done }
    }

    /// Adds the one that is meant by a URL: a service of one endpoint, with what holds where nothing else is written.
    fn add_url(&mut self, url: &Spanned<EndpointUrl>, tls: &mut TlsCompiler<'_, '_>) {
        let usual = UpstreamTls::default();
        let tls = url.value.scheme.is_tls().then(|| tls.service(&usual, None, url.span)).flatten();
        self.add(named(&url.value.to_string(), &Written::at(url)), tls, None, None);
    }

    fn add(
        &mut self,
        settings: ClusterSettings,
        tls: Option<ClientTls>,
        breaker: Option<&CircuitBreaker>,
        key: Option<Value>,
    ) {
        let name = Arc::clone(&settings.name);
        let metrics = self.compiler.metrics;
        let previous = self.old.get(&*name).copied();
        let series = metrics.upstream(&name);
        let breaker = breaker.map(|written| {
            let previous = previous.and_then(Cluster::breaker);
            let settings = breaker_settings(written, &settings.timeouts);
            Breaker::new(&name, settings, metrics.circuit(&name), previous)
        });
        let cluster = Cluster::new(settings, Transport { tls, limits: self.limits.clone() }, previous);
        self.done.push(Upstream { cluster: Arc::new(cluster.with_breaker(breaker)), series, key });
    }
}

/// The upstreams that policies ask: those that there are, and more by their URLs. They have numbers as soon as they are named, and
/// are compiled when all policies are.
pub(super) struct AskedUpstreams<'a> {
    numbers: &'a UpstreamNumbers,
    document: &'a Document,
    more: RefCell<Vec<Spanned<EndpointUrl>>>,
}

impl<'a> AskedUpstreams<'a> {
    pub(super) fn new(numbers: &'a UpstreamNumbers, document: &'a Document) -> Self {
        Self { numbers, document, more: RefCell::default() }
    }

    /// Compiles those that are named beyond these.
    pub(super) fn compile(
        &self,
        compiler: &Compiler<'_>,
        limits: &Limits,
        upstreams: Vec<Upstream>,
        tls: &mut TlsCompiler<'_, '_>,
    ) -> Vec<Upstream> {
        let mut compiling = Compiling::new(compiler, limits, upstreams);
        for url in &*self.more.borrow() {
            compiling.add_url(url, tls);
        }
        compiling.done
    }

    /// The name of the upstream that is this place and no other: what is written of it holds for those who name the place.
    fn at(&self, url: &EndpointUrl) -> Option<Arc<str>> {
        let mut upstreams = self.document.upstreams.iter();
        let is_at = |upstream: &Written| {
            let mut endpoints = upstream.endpoints.iter();
            endpoints.next().is_some_and(|only| only.url.value == *url) && endpoints.next().is_none()
        };
        upstreams.find(|entry| is_at(&entry.value)).map(|entry| Arc::from(&*entry.name))
    }

    /// Whether HTTP/2 can be spoken to the upstream of this name, or else to where the URL leads.
    fn speaks_http2(&self, name: &str, url: Option<&EndpointUrl>) -> bool {
        let written = self.document.upstreams.get(name).map(Written::speaks_http2);
        written.unwrap_or_else(|| url.is_some_and(|url| url.scheme.is_http2()))
    }

    fn unknown(&self, name: &Spanned<String>) -> Problem {
        let problem = Problem::error(format!("there is no upstream `{}`", name.value)).at(name.span);
        let known: Vec<&str> = self.document.upstreams.names().collect();
        match nearest(&name.value, known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None if known.is_empty() => problem.help("no upstream is defined: write one, or a URL here"),
            None => problem.help("write the name of an upstream, or a URL"),
        }
    }
}

impl Upstreams for AskedUpstreams<'_> {
    fn find(&self, meant: &UpstreamRef) -> Result<Outbound, Problem> {
        let url = match meant {
            UpstreamRef::Name(name) => {
                let known = self.numbers.get_key_value(name.value.as_str());
                let (name, number) = known.ok_or_else(|| self.unknown(name))?;
                return Ok(Outbound::new(*number, Arc::clone(name), self.speaks_http2(name, None)));
            }
            UpstreamRef::Url(url) => url,
        };
        let name = self.at(&url.value).unwrap_or_else(|| url.value.to_string().into());
        let speaks_http2 = self.speaks_http2(&name, Some(&url.value));
        if let Some(number) = self.numbers.get(&name) {
            return Ok(Outbound::new(*number, name, speaks_http2));
        }
        let mut more = self.more.borrow_mut();
        let at = more.iter().position(|known| known.value == url.value).unwrap_or_else(|| {
            more.push(url.clone());
            more.len() - 1
        });
        Ok(Outbound::new(self.numbers.len() + at, name, speaks_http2))
    }
}

fn named(name: &str, upstream: &Written) -> ClusterSettings {
    let endpoints = upstream
        .endpoints
        .iter()
        .map(|endpoint| endpoint_settings(endpoint, upstream.protocols.as_ref()))
        .collect();
    let (idle, idle_timeout, max_requests) = match &upstream.keepalive {
        Toggle::On(keepalive) => {
            (keepalive.idle, keepalive.idle_timeout, u64::from(keepalive.max_requests.get()))
        }
        Toggle::Off => (0, Duration::ZERO, 1),
    };
    ClusterSettings {
        name: name.into(),
        endpoints,
        host: match &upstream.host {
            HostSent::Client => HostHeader::Client,
            HostSent::Endpoint => HostHeader::Endpoint,
            HostSent::Name(name) => HostHeader::Fixed(name.as_str().into()),
        },
        timeouts: timeouts(&upstream.timeouts),
        idle: usize::try_from(idle).unwrap_or(usize::MAX),
        idle_timeout,
        max_requests,
        max_connections: upstream.max_connections.and_then(|most| usize::try_from(most.get()).ok()),
        proxy_protocol: upstream.proxy_protocol.map(|version| match version {
            ProxyProtocolVersion::V1 => proxy_protocol::Version::V1,
            ProxyProtocolVersion::V2 => proxy_protocol::Version::V2,
        }),
        balance: super::balance::rule(&upstream.balance),
        slow_start: upstream.slow_start,
        panic_threshold: upstream.panic_threshold.millionths,
        health_check: health_check(upstream),
        outlier_detection: upstream.outlier_detection.on().map(outlier_detection),
    }
}

/// How long requests of an upstream may take, where routes say nothing else.
pub(super) fn timeouts(written: &UpstreamTimeouts) -> Timeouts {
    Timeouts {
        connect: written.connect,
        response: written.response,
        idle: written.idle,
        stream_idle: written.stream_idle,
        total: written.total,
    }
}

fn breaker_settings(written: &CircuitBreaker, timeouts: &Timeouts) -> BreakerSettings {
    let shares = Shares {
        window: written.window,
        min_calls: written.min_calls.get(),
        failed: written.error_rate.map(|rate| rate.millionths),
        slow: written.slow_call.map(|slow| (slow, written.slow_rate.millionths)),
    };
    BreakerSettings {
        failures: written.failures.on().map(|failures| failures.get()),
        // The check of the document has seen to it that it fits.
        successes: u16::try_from(written.successes.get()).unwrap_or(u16::MAX),
        open_for: written.open_for,
        // A service that hangs has told so by then; a slow client must not hold up all others for longer.
        trial_for: written.open_for.max(timeouts.connect.saturating_add(timeouts.response)),
        failure_on: results(&written.failure_on),
        shares: (shares.failed.is_some() || shares.slow.is_some()).then_some(shares),
    }
}

fn endpoint_settings(
    endpoint: &Endpoint,
    protocols: Option<&OneOrMany<UpstreamProtocol>>,
) -> EndpointSettings {
    let url = &endpoint.url.value;
    let is_http2 = protocols.is_some_and(|protocols| protocols.contains(&UpstreamProtocol::H2));
    let protocol = match url.scheme {
        Scheme::Https | Scheme::Grpcs => Protocol::Tls,
        Scheme::Grpc | Scheme::H2c => Protocol::Http2,
        Scheme::Unix | Scheme::Srv if is_http2 => Protocol::Http2,
        Scheme::Http | Scheme::Unix | Scheme::Srv => Protocol::Http1,
    };
    EndpointSettings { host: host(url), weight: endpoint.weight, protocol, is_backup: endpoint.backup }
}

fn host(url: &EndpointUrl) -> EndpointHost {
    match &url.target {
        scalar::EndpointTarget::Host { host, port } => {
            let host = match host {
                scalar::EndpointHost::Name(name) => name.clone(),
                scalar::EndpointHost::Ip(address) => address.to_string(),
            };
            EndpointHost::Tcp { host: host.into(), port: *port }
        }
        scalar::EndpointTarget::Unix(path) => EndpointHost::Unix(std::path::Path::new(path).into()),
        scalar::EndpointTarget::Srv(name) => EndpointHost::Srv(name.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use maitred_config::{Memory, NoEnvironment, load};

    use super::*;

    #[test]
    fn who_asks_in_grpc_learns_whether_http2_is_spoken() {
        let text = "maitred: 1\nroutes: { a: { upstream: h1 } }\nupstreams:\n  h1: http://a\n  h2: h2c://a\n  mixed: [http://a, h2c://a]\n  \
             grpc: grpc://a\n  tls: https://a\n  old: { endpoints: https://b, protocols: h1 }\n  \
             socket: unix:/run/a\n  new: { endpoints: unix:/run/b, protocols: h2 }\n";
        let files = Memory::new().with("maitred.yaml", text);
        let loaded = load("maitred.yaml", &files, &NoEnvironment);
        let document = loaded.usable().unwrap();
        let names = document.upstreams.names().enumerate();
        let numbers: UpstreamNumbers = names.map(|(number, name)| (Arc::from(name), number)).collect();
        let asked = AskedUpstreams::new(&numbers, document);
        let speaks = |name: &str| {
            let name =
                Spanned { value: name.to_owned(), span: document.upstreams.iter().next().unwrap().span };
            asked.find(&UpstreamRef::Name(name)).unwrap().speaks_http2()
        };
        for (name, is) in [("h1", false), ("h2", true), ("mixed", false), ("grpc", true), ("tls", true)] {
            assert_eq!(speaks(name), is, "{name}");
        }
        assert_eq!(["old", "socket", "new"].map(speaks), [false, false, true]);
    }

    #[test]
    fn a_breaker_goes_by_the_shares_that_are_written() {
        let text = "maitred: 1\nupstreams: { a: { endpoints: http://a, circuit_breaker: BREAKER } }\nroutes: { a: { upstream: a } }\n";
        let shares = |breaker: &str| {
            let text = text.replace("BREAKER", breaker);
            let files = Memory::new().with("maitred.yaml", text.as_str());
            let loaded = load("maitred.yaml", &files, &NoEnvironment);
            let upstream = &loaded.usable().unwrap().upstreams.get("a").unwrap();
            let settings = |breaker: &CircuitBreaker| breaker_settings(breaker, &Timeouts::default());
            let shares = upstream.circuit_breaker.as_ref().map(settings).unwrap().shares?;
            Some((shares.window, shares.min_calls, shares.failed, shares.slow))
        };
        let minute = Duration::from_mins(1);
        assert_eq!(shares("true"), None);
        let written = "{ slow_call: 2s, slow_rate: 60%, min_calls: 7, window: 1m }";
        assert_eq!(shares(written), Some((minute, 7, None, Some((Duration::from_secs(2), 600_000)))));
        let written = "{ error_rate: 30%, min_calls: 7, window: 1m }";
        assert_eq!(shares(written), Some((minute, 7, Some(300_000), None)));
    }
}
