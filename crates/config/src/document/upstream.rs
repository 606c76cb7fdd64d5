//! Upstreams: the services behind the gateway.
//! Endpoints, how they are spoken to, connections to them, and waits. Names are resolved by crate upstream, again and again.

use std::num::NonZeroU32;
use std::time::Duration;

use super::refuse_zero;
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Read, Reader, Shape, Spanned, TextShape, Toggle, default_value};
use crate::scalar::{EndpointUrl, HostPattern, ScalarProblem, host_pattern};
use crate::{config_map, config_words};

mod failures;
mod speech;
mod tls;

pub use failures::TryEnd;
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
        /// (`h1` unless written). The other schemes say it.
        protocols: Option<OneOrMany<UpstreamProtocol>>,
        /// Connections begin with a PROXY header of this version that names the client, and are not shared by clients.
        proxy_protocol: Option<ProxyProtocolVersion>,
        /// The `Host` that is sent: the `client`'s, the `endpoint`'s, or a name.
        host: HostSent = "client",
        /// Which endpoint is next.
        balance: Balance = "round_robin",
        /// How connections are used again; `false`: each request has its own.
        keepalive: Toggle<Keepalive> = true,
        /// How long is waited.
        timeouts: UpstreamTimeouts = true,
        /// How many connections may be open at once, over all endpoints. More requests answer 503.
        max_connections: Option<NonZeroU32>,
    }
}

config_map! {
    /// One place where a service is.
    pub struct Endpoint {
        /// The address: `http://host:port`, `https://…`, `h2c://…`, `grpc://…`, `grpcs://…` or `unix:/path`.
        #[main]
        url: Spanned<EndpointUrl>,
        /// Its share of the requests beside the others'; 0: none.
        weight: u32 = 1,
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
        /// From the first try to the head of the answer, over all tries.
        total: Option<Duration>,
    }
}

config_words! {
    /// How the next endpoint is chosen.
    pub enum Balance {
        /// Each in its turn, by weight.
        RoundRobin = "round_robin",
    }
    later: ["random", "p2c", "least_requests", "ewma", "ring_hash", "maglev", "sticky"]
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
        Self { endpoints: OneOrMany::one(Endpoint { url: url.clone(), weight: 1 }), ..usual }
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        self.check_speech(fields, reader);
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
