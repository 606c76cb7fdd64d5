//! What the demo prints: where everything is, and requests to paste.
//! Each is a whole `curl` line with a word what it shows; the tests run every one of them.

use std::fmt;

use maitred_control::Serving;

use super::services::Services;
use crate::run;

/// How to use a demo that runs.
pub(super) struct Guide {
    /// The URL of the listener `web`, and of `internal`.
    web: String,
    internal: String,
    /// The URL of the admin listener.
    pub(super) admin: String,
    services: Vec<String>,
}

fn tried(shows: &'static str, line: String) -> Try {
    Try { shows, line }
}

/// A request to paste.
#[derive(Debug)]
pub(super) struct Try {
    /// What it shows.
    pub(super) shows: &'static str,
    /// The whole line.
    pub(super) line: String,
}

impl Guide {
    pub(super) fn of(serving: &Serving<'_>, services: &Services) -> Self {
        let listeners = run::addresses(serving.gateway);
        let url = |name: &str| {
            listeners
                .iter()
                .find(|(listener, _)| listener == name)
                .map(|(_, url)| url.clone())
                .unwrap_or_default()
        };
        Self {
            web: url("web"),
            internal: url("internal"),
            admin: format!("http://{}", serving.admin.unwrap_or_default()),
            services: services
                .addresses()
                .iter()
                .map(|(name, address)| format!("{name} {address}"))
                .collect(),
        }
    }

    /// The requests, in the order in which they are best tried.
    pub(super) fn tries(&self) -> Vec<Try> {
        let metrics = tried("metrics for Prometheus", format!("curl -s {}/metrics", self.admin));
        [self.of_routes(), self.of_policies(), self.of_grpc(), vec![metrics]].into_iter().flatten().collect()
    }

    fn of_routes(&self) -> Vec<Try> {
        let Self { web, internal, .. } = self;
        vec![
            tried(
                "a service behind a shorter path: /api/v1 is stripped",
                format!("curl -i {web}/api/v1/users/7"),
            ),
            tried("a parameter of the path in another path", format!("curl -i {web}/api/products/42")),
            tried(
                "another route for a version in a header",
                format!("curl -i -H 'API-Version: v2' {web}/api/users/8"),
            ),
            tried(
                "what the service sees: headers set and removed",
                format!("curl -s -H 'Cookie: session=secret' {web}/api/v1/orders/echo"),
            ),
            tried(
                "a CORS preflight, answered by the gateway",
                format!(
                    "curl -i -X OPTIONS -H 'Origin: https://shop.example' -H 'Access-Control-Request-Method: PUT' {web}/api/v1/users/7"
                ),
            ),
            tried("a redirect", format!("curl -i {web}/old/users")),
            tried("an answer without a service", format!("curl -i {web}/health")),
            tried(
                "no route: 404 as problem+json, with CORS headers",
                format!("curl -i -H 'Origin: https://shop.example' {web}/nowhere"),
            ),
            tried("a method that no route takes: 405", format!("curl -i -X DELETE {web}/api/v1/orders/1001")),
            tried("an address that may not come: 403", format!("curl -i {web}/api/admin/users")),
            tried(
                "the same service for operators, at the internal listener",
                format!("curl -i {internal}/ops/users"),
            ),
        ]
    }

    fn of_policies(&self) -> Vec<Try> {
        let web = &self.web;
        vec![
            tried(
                "the same answer twice: from the service, and from the cache",
                format!("curl -i '{web}/api/products/42?twice' '{web}/api/products/42?twice'"),
            ),
            tried(
                "more than five payments in a minute: 429, and when to come again",
                format!("curl -i -X POST '{web}/api/v1/payments/[1-6]'"),
            ),
            tried(
                "a service that takes too long: 504 after two seconds",
                format!("curl -i '{web}/api/v1/users/7?delay=5s'"),
            ),
            tried(
                "a service that fails: its answer passes through",
                format!("curl -i '{web}/api/v1/users/7?status=500'"),
            ),
        ]
    }

    fn of_grpc(&self) -> Vec<Try> {
        let web = &self.web;
        vec![
            tried(
                "JSON for a service that speaks gRPC, by the annotations in examples/protos/inventory.proto",
                format!("curl -i {web}/api/v1/stock/teapot"),
            ),
            tried(
                "the same with a body; the service has no more than 12, and says so",
                format!("curl -i -d '{{\"count\": 13}}' {web}/api/v1/stock/teapot:reserve"),
            ),
            tried(
                "a stream of messages: a line of JSON for each, as it comes",
                format!("curl -sN {web}/api/v1/stock/teapot:watch"),
            ),
            tried(
                "the same as events for browsers",
                format!("curl -sN -H 'Accept: text/event-stream' {web}/api/v1/stock/teapot:watch"),
            ),
        ]
    }
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nThe gateway serves examples/shop.yaml at {}", self.web)?;
        writeln!(f, "  admin     {}  (/healthz, /readyz, /metrics)", self.admin)?;
        writeln!(f, "  internal  {}", self.internal)?;
        writeln!(f, "  services  {}\n", self.services.join(", "))?;
        writeln!(f, "Paste these into another terminal:\n")?;
        for Try { shows, line } in self.tries() {
            writeln!(f, "# {shows}\n{line}\n")?;
        }
        writeln!(f, "Each request is a line of the access log below. Ctrl-C stops the demo.\n")
    }
}
