//! Upstreams: the services behind the gateway.
//! Endpoints, how they are spoken to, connections to them, and waits. Names are resolved by crate upstream, again and again.

use std::num::NonZeroU32;
use std::time::Duration;

use super::refuse_zero;
use crate::config_map;
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{
    Fields, HeaderName, OneOrMany, Read, Reader, Shape, Spanned, TextShape, Toggle, default_value,
};
use crate::scalar::{EndpointUrl, HostPattern, Percent, ScalarProblem, host_pattern};
mod balance;
mod circuit_breaker;

mod failures;
mod health;
mod outliers;

mod retries;
mod speech;
mod tls;

pub use balance::{Balance, CookieName, Sticky};
pub use circuit_breaker::CircuitBreaker;
pub use failures::TryEnd;
pub use health::{CheckHost, CheckPath, ExpectedStatus, GrpcHealth, HealthCheck};
pub use outliers::OutlierDetection;
pub use retries::{Backoff, Retries, RouteRetries};
pub use speech::{ProxyProtocolVersion, UpstreamProtocol};
pub use tls::UpstreamTls;

config_map! {
    /// A service: where it is, and how it is talked to.
    #[check = Upstream::check]
    pub struct Upstream {
        /// Where it is. A name is resolved again by its TTL, and each of its addresses is an endpoint.
        #[main]
        endpoints: OneOrMany<Endpoint>,
        /// How TLS is spoken to `https` and `grpcs`.
        tls: Option<UpstreamTls>,
        /// The protocols that may be spoken to `https` (chosen by ALPN; both unless written), or the one that is spoken to `unix`
        /// and `srv` (`h1` unless written). The other schemes say it.
        protocols: Option<OneOrMany<UpstreamProtocol>>,
        /// Connections begin with a PROXY header of this version that names the client, and are not shared by clients.
        proxy_protocol: Option<ProxyProtocolVersion>,
        /// The `Host` that is sent: the `client`'s, the `endpoint`'s, or a name.
        host: HostSent = "client",
        /// Which endpoint is next: a word, or a map of one key, `{ ring_hash: header.X-User-ID }`.
        balance: Balance = "round_robin",
        /// How long an endpoint that is new or healthy again takes to get its full share; it begins with a tenth.
        slow_start: Option<Duration>,
        /// If a smaller share of the endpoints is available, all count as available: the few that are left must not take it all.
        panic_threshold: Percent = "0%",
        /// How connections are used again; `false`: each request has its own.
        keepalive: Toggle<Keepalive> = true,
        /// How long is waited.
        timeouts: UpstreamTimeouts = true,
        /// When a request is tried again; `false`: never. Without it, what could not be sent to one endpoint is sent to another, of which
        /// two more are tried.
        retries: Option<Toggle<Retries>>,
        /// How many connections may be in use at once, over all endpoints: idle ones do not count, and of HTTP/2 each request counts as
        /// one. More requests answer 503.
        max_connections: Option<NonZeroU32>,
        /// Whether each endpoint is asked now and then if it can serve: how, or the path that is asked for.
        health_check: Option<HealthCheck>,
        /// How endpoints that fail requests get none for a while; `false`: they get them all the same.
        outlier_detection: Toggle<OutlierDetection> = true,
        /// Sends it nothing for a while once it fails, and then tries it with one request at a time: `true`, or when.
        circuit_breaker: Option<CircuitBreaker>,
    }
}

config_map! {
    /// One place where a service is.
    pub struct Endpoint {
        /// The address: `http://host:port`, `https://…`, `h2c://…`, `grpc://…`, `grpcs://…`, `unix:/path` or `srv:NAME`.
        /// `srv` stands for the hosts and ports that a DNS record of SRV tells.
        #[main]
        url: Spanned<EndpointUrl>,
        /// Its share of the requests beside the others'; 0: none.
        weight: u32 = 1,
        /// Whether it is used only while no other endpoint is available.
        backup: bool = false,
    }
}

config_map! {
    /// How connections to a service are used again. The numbers are for the whole process.
    #[check = Keepalive::check]
    pub struct Keepalive {
        /// How many connections are kept without a request.
        idle: u32 = 64,
        /// How long one is kept without a request.
        idle_timeout: Duration = "60s",
        /// How many requests one carries at most.
        max_requests: NonZeroU32 = 10000,
    }
}

config_map! {
    /// How long a service may take.
    #[check = UpstreamTimeouts::check]
    pub struct UpstreamTimeouts {
        /// Until a connection is there.
        connect: Duration = "5s",
        /// From the end of the request to the head of the answer, for each try.
        response: Duration = "10s",
        /// Between two pieces of the answer.
        idle: Duration = "60s",
        /// How long a stream may be silent on both sides, in place of `idle`: a WebSocket or another tunnel, events (SSE), gRPC.
        stream_idle: Duration = "5m",
        /// From the request to the end of its answer, over all tries.
        total: Option<Duration>,
        /// The header that tells a service how many milliseconds it has left, where that is limited.
        header: Option<HeaderName>,
    }
}

/// The `Host` that a service is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostSent {
    /// What the client sent.
    Client,
    /// The host of the endpoint's URL.
    Endpoint,
    /// This one.
    Name(String),
}

impl Read for HostSent {
    fn shape() -> Shape {
        Shape::Text(&HOST_SENT)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &HOST_SENT, |text| match text {
            "client" => Ok(Self::Client),
            "endpoint" => Ok(Self::Endpoint),
            name => host(name),
        })
    }
}

static HOST_SENT: TextShape =
    TextShape { name: "`client`, `endpoint` or a host", example: "orders.internal", pattern: None };

/// A host, and a port behind it if one is written.
fn host(text: &str) -> Result<HostSent, ScalarProblem> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        let problem = ScalarProblem::new("this is no port", name.len() + 1..text.len());
        return Err(problem.help("write a host, or a host and a port: `orders.internal:8080`"));
    }
    match host_pattern::parse(name)? {
        HostPattern::Exact(host) => {
            Ok(HostSent::Name(port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))))
        }
        HostPattern::Below(_) => {
            Err(ScalarProblem::whole("one host is sent, not a pattern", text).help("write the host itself"))
        }
    }
}

impl Upstream {
    /// A service of one endpoint, with all defaults: what a URL means where the name of an upstream may stand.
    pub fn at(url: &Spanned<EndpointUrl>) -> Self {
        let usual: Self = default_value("http://localhost");
        Self { endpoints: OneOrMany::one(Endpoint { url: url.clone(), weight: 1, backup: false }), ..usual }
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        self.check_speech(fields, reader);
        self.check_balance(fields, reader);
        self.check_health(fields, reader);
        if self.endpoints.iter().all(|endpoint| endpoint.weight == 0) {
            let problem = Problem::error("every endpoint has the weight 0").at(fields.key_span("endpoints"));
            reader.problem(problem.help("nothing would be sent: give one a weight"));
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            if let Some(first) = self.endpoints[..index].iter().find(|other| other.url == endpoint.url) {
                reader.problem(
                    Problem::error("this endpoint is listed twice")
                        .label(endpoint.url.span, "again here")
                        .label(first.url.span, "first here")
                        .help("list it once, with a `weight` for a larger share"),
                );
            }
        }
    }
}

impl UpstreamTimeouts {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let times = [
            ("connect", Some(self.connect)),
            ("response", Some(self.response)),
            ("idle", Some(self.idle)),
            ("stream_idle", Some(self.stream_idle)),
            ("total", self.total),
        ];
        refuse_zero(&times, fields, reader);
    }
}

impl Keepalive {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_zero(&[("idle_timeout", Some(self.idle_timeout))], fields, reader);
        if self.idle == 0 {
            let problem = Problem::error("`idle: 0` keeps no connection").at(fields.value_span("idle"));
            reader.problem(problem.help("write `keepalive: false`"));
        }
    }
}
