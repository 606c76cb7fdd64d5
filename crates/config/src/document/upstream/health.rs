//! Active checks: whether each endpoint is asked now and then if it can serve, and how.
//! Asking and judging is the work of crate upstream.

use std::num::{NonZeroU16, NonZeroU32};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::action::check_header_names;
use super::super::refuse_zero;
use super::{Endpoint, HostSent, Upstream, UpstreamProtocol, failures, host};
use crate::config_map;
use crate::document::TextMatch;
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{
    Fields, HeaderValue, Method, Named, OneOrMany, Read, Reader, Shape, TextShape, default_value,
};
use crate::scalar::{EndpointTarget, Percent, ScalarProblem, Scheme, quote};

config_map! {
    /// Asks each endpoint now and then whether it can serve. One that cannot gets no requests.
    #[check = HealthCheck::check]
    pub struct HealthCheck {
        /// The path that is asked for, with a query if it needs one. Without it `/`; endpoints of gRPC are asked by gRPC then.
        #[main]
        path: Option<CheckPath>,
        /// Asks gRPC's health service (`grpc.health.v1`): `true` for the server as a whole, or the name of a service.
        grpc: Option<GrpcHealth>,
        /// Only connects, and agrees on TLS where the endpoint speaks it.
        tcp: bool = false,
        /// From one check of an endpoint to the next.
        interval: Duration = "5s",
        /// How long a check may take.
        timeout: Duration = "1s",
        /// How many checks must fail in a row until an endpoint gets no requests.
        unhealthy_after: NonZeroU32 = 3,
        /// How many must pass in a row until it gets them again.
        healthy_after: NonZeroU32 = 2,
        /// By how much each interval is longer or shorter at most, so that checks do not come all at once.
        jitter: Percent = "10%",
        /// The port that is asked, in place of the endpoint's.
        port: Option<NonZeroU16>,
        /// The `Host` that is sent, in place of the one that requests have; of the `client`, whom checks have not, the endpoint's.
        host: Option<CheckHost>,
        /// The method.
        method: Method = "GET",
        /// Header fields that are sent.
        headers: Named<HeaderValue>,
        /// The statuses that pass, and classes of them.
        expect_status: OneOrMany<ExpectedStatus> = "[2xx, 3xx]",
        /// What must be in the first 64 KiB of the body: a text, or behind `~` a regular expression.
        expect_body: Option<TextMatch>,
    }
}

/// A path, and a query behind it: `/healthz?deep=1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPath(pub String);

static CHECK_PATH: TextShape = TextShape { name: "path", example: "/healthz", pattern: Some("^/") };

impl Read for CheckPath {
    fn shape() -> Shape {
        Shape::Text(&CHECK_PATH)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &CHECK_PATH, check_path)
    }
}

fn check_path(text: &str) -> Result<CheckPath, ScalarProblem> {
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Ok(CheckPath(text.to_owned()));
    }
    let problem = ScalarProblem::whole(format!("{} is no path", quote(text)), text);
    Err(problem.help("write it like `/healthz`; other characters are percent-encoded"))
}

/// Which service of an endpoint is asked for by gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcHealth {
    /// `true`: the server as a whole.
    Server,
    /// This service: `shop.v1.Inventory`.
    Service(String),
}

static GRPC_SERVICE: TextShape =
    TextShape { name: "name of a service of gRPC", example: "shop.v1.Inventory", pattern: None };

impl Read for GrpcHealth {
    fn shape() -> Shape {
        Shape::OneOf(vec![Shape::Bool, Shape::Text(&GRPC_SERVICE)])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_bool() == Some(true) {
            return Some(Self::Server);
        }
        reader.scalar(node, &GRPC_SERVICE, |text| {
            let is_name = !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
            let problem = || ScalarProblem::whole(format!("{} is no name of a service", quote(text)), text);
            if is_name {
                Ok(Self::Service(text.to_owned()))
            } else {
                Err(problem().help("write it like `shop.v1.Inventory`, or `true` for the server as a whole"))
            }
        })
    }
}

/// A host that is sent, and a port behind it if one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckHost(pub String);

static CHECK_HOST: TextShape = TextShape { name: "host", example: "orders.internal", pattern: None };

impl Read for CheckHost {
    fn shape() -> Shape {
        Shape::Text(&CHECK_HOST)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &CHECK_HOST, |text| match host(text)? {
            HostSent::Name(name) => Ok(Self(name)),
            HostSent::Client | HostSent::Endpoint => Err(ScalarProblem::whole("a host is wanted here", text)),
        })
    }
}

/// A status that passes, or a class of them: `200`, `2xx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedStatus(pub RangeInclusive<u16>);

static EXPECTED_STATUS: TextShape = TextShape {
    name: "status or class of statuses",
    example: "2xx",
    pattern: Some("^[1-5](xx|[0-9][0-9])$"),
};

impl Read for ExpectedStatus {
    fn shape() -> Shape {
        Shape::Text(&EXPECTED_STATUS)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &EXPECTED_STATUS, |text| {
            failures::statuses(text).map(Self).ok_or_else(|| {
                ScalarProblem::whole(format!("{} is no status", quote(text)), text)
                    .help("write a status as `200`, or a class as `2xx`")
            })
        })
    }
}

/// What only a check by HTTP has.
const OF_HTTP: [&str; 4] = ["path", "method", "expect_status", "expect_body"];
/// What a check by HTTP and one by gRPC have.
const OF_REQUESTS: [&str; 2] = ["host", "headers"];

impl HealthCheck {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_zero(&[("interval", Some(self.interval)), ("timeout", Some(self.timeout))], fields, reader);
        check_header_names(&self.headers, reader);
        if self.expect_body == Some(TextMatch::Exact(String::new())) {
            let problem = Problem::error("every body has an empty text in it");
            reader.problem(problem.at(fields.value_span("expect_body")));
        }
        if self.tcp && self.grpc.is_some() {
            reader.problem(
                Problem::error("a check is by gRPC or by connecting alone")
                    .label(fields.key_span("grpc"), "this asks")
                    .label(fields.key_span("tcp"), "this only connects")
                    .help("leave one of them out"),
            );
            return;
        }
        let (kind, without): (&str, &[&[&str]]) = match (self.tcp, &self.grpc) {
            (true, _) => ("tcp", &[&OF_HTTP, &OF_REQUESTS]),
            (false, Some(_)) => ("grpc", &[&OF_HTTP]),
            (false, None) => return,
        };
        // The long form writes what would hold by HTTP, and means nothing by it.
        let usual: Self = default_value("true");
        let says = |key: &&&str| match **key {
            "method" => self.method != usual.method,
            "expect_status" => self.expect_status != usual.expect_status,
            key => fields.has(key),
        };
        for key in without.iter().copied().flatten().filter(says) {
            reader.problem(
                Problem::error(format!("`{key}` is not for checks with `{kind}`"))
                    .label(fields.key_span(key), "")
                    .label(fields.key_span(kind), "")
                    .help("leave one of them out"),
            );
        }
    }
}

impl Upstream {
    /// What a check needs of the endpoints.
    pub(super) fn check_health(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let Some(check) = &self.health_check else { return };
        let place = fields.key_span("health_check");
        let is_socket = |target: &EndpointTarget| matches!(target, EndpointTarget::Unix(_));
        if check.port.is_some()
            && let Some(socket) = self.endpoints.iter().find(|endpoint| is_socket(&endpoint.url.target))
        {
            reader.problem(
                Problem::error("a socket has no port that could be asked")
                    .label(place, "this names a `port`")
                    .label(socket.url.span, "a socket"),
            );
        }
        let is_http2 = self.protocols.as_ref().map(|listed| listed.contains(&UpstreamProtocol::H2));
        let speaks_http1 = |endpoint: &&Endpoint| match endpoint.url.scheme {
            Scheme::Http => true,
            Scheme::Unix | Scheme::Srv => is_http2 != Some(true),
            // Unless the configuration says otherwise, both are offered.
            Scheme::Https | Scheme::Grpcs => is_http2 == Some(false),
            Scheme::Grpc | Scheme::H2c => false,
        };
        if check.grpc.is_some()
            && let Some(other) = self.endpoints.iter().find(speaks_http1)
        {
            reader.problem(
                Problem::error("an endpoint of HTTP/1.1 cannot be asked by gRPC")
                    .label(place, "this asks by gRPC")
                    .label(other.url.span, "HTTP/1.1")
                    .help(match other.url.scheme {
                        Scheme::Http => "write `grpc://…` or `h2c://…`, or ask for a `path`",
                        _ => "write `protocols: h2`, or ask for a `path`",
                    }),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read_text;

    #[test]
    fn the_short_forms_are_the_long_one() {
        let long = "{ path: /healthz, tcp: false, interval: 5s, timeout: 1s, unhealthy_after: 3, healthy_after: 2, jitter: 10%, method: GET, expect_status: [2xx, 3xx] }";
        let long: HealthCheck = read_text(long).unwrap();
        assert_eq!(read_text("/healthz"), Ok(long.clone()));
        let usual: HealthCheck = read_text("true").unwrap();
        assert_eq!(usual, HealthCheck { path: None, ..long });
        assert_eq!(read_text::<Option<HealthCheck>>("false"), Ok(None));
    }

    #[test]
    fn what_passes_is_read() {
        let check = "{ grpc: shop.v1.Stock, port: 9000, host: 'a.internal:81', headers: { X-Probe: 1 } }";
        let check: HealthCheck = read_text(check).unwrap();
        assert_eq!(check.grpc, Some(GrpcHealth::Service("shop.v1.Stock".to_owned())));
        assert_eq!(
            (check.port.map(NonZeroU16::get), check.host),
            (Some(9000), Some(CheckHost("a.internal:81".to_owned())))
        );
        assert_eq!(check.headers.get("X-Probe"), Some(&HeaderValue("1".to_owned())));
        let check = "{ grpc: true, expect_status: [] }";
        assert_eq!(
            read_text::<HealthCheck>(check).unwrap_err(),
            "this list is empty: at least one is needed"
        );
        let check: HealthCheck = read_text("{ expect_status: [401, 2xx], expect_body: ~^OK }").unwrap();
        let passing: Vec<_> = check.expect_status.iter().map(|status| status.0.clone()).collect();
        assert_eq!(passing, [401..=401, 200..=299]);
        assert_eq!(check.expect_body, Some(TextMatch::Regex("^OK".to_owned())));
    }
}
