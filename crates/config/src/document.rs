//! The Document: what the user wrote, typed, with every default filled in and every problem told.
//!
//! The sections are declared below and in `document/`; the declaration is at once the reader, the reference and the schema.
//! Policies stay raw nodes, because this crate does not know them; what `use` and `policies: false` mean is known. Compiling
//! a Document into a Snapshot is the engine's work.

use std::path::Path;

use crate::config_map;
use crate::files::{Environment, Files, Watched};
use crate::load::{Tree, load_tree};
use crate::node::Node;
use crate::problem::{Problem, Problems};
use crate::read::{Fields, Named, Read, Reader, Shape, Toggle};
use crate::texts::Texts;

mod action;
mod admin;
mod body;
mod check;
mod condition;
mod consumer;
mod effective;
mod ip_list;
mod issuer;
mod limits;
mod listener;
mod matching;
mod overload;
mod plain;
mod plan;
mod policies;
mod rate_limit;
mod route;
mod store;
mod telemetry;
#[cfg(test)]
mod tests;
mod upstream;

pub use action::{Redirect, RedirectStatus, Respond};
pub use admin::Admin;
pub use body::{ErrorBodies, JsonTemplate};
pub use condition::{Condition, TextMatch};
pub use consumer::{Consumer, ConsumerCertificate, TokenSubject};
pub use effective::{EffectivePolicy, Layer, Place};
pub use ip_list::IpList;
pub use issuer::{ClaimPaths, Issuer, IssuerTls, KeysFrom, TokenAlgorithm};
pub use limits::Limits;
pub use listener::{
    Acme, AcmeChallenge, AcmeHost, Certificate, ClientAuth, Listener, ListenerProxyProtocol,
    ListenerRedirect, ListenerTls, PathHandling, Protocol, RedirectTarget, TlsVersion,
};
pub use matching::Match;
pub use overload::{MemoryBound, Overload};
pub use plan::Plan;
pub use policies::{NoPolicies, PolicyEntry, PolicyMap, PolicyShapes};
pub use rate_limit::{LimitAlgorithm, RateLimit};
pub use route::{
    DegradeCache, DegradeRespond, DegradeStep, Mirror, PathPrefix, Ramp, Route, RouteTimeouts, Split,
    StickyCookie, StripPrefix, UpstreamRef, Variant, Weight,
};
pub use store::{DEFAULT_STORE, MemoryStore, RedisSentinel, RedisStore, Store};
pub use telemetry::{AccessLog, AccessLogFormat, Log, LogLevel, LogTarget, Metrics, Telemetry};
pub use upstream::{
    Backoff, Balance, CheckHost, CheckPath, CircuitBreaker, CookieName, Endpoint, ExpectedStatus, GrpcHealth,
    HealthCheck, HostSent, Keepalive, OutlierDetection, ProxyProtocolVersion, Retries, RouteRetries, Sticky,
    TryEnd, Upstream, UpstreamProtocol, UpstreamTimeouts, UpstreamTls,
};

config_map! {
    /// A configuration of the gateway.
    #[check = check::document]
    pub struct Document {
        /// The version of the configuration language: `1`.
        maitred: Version,
        /// Where clients connect. Without it, one listener `default` at `http://0.0.0.0:8080`.
        listeners: Named<Listener> = "{ default: 'http://0.0.0.0:8080' }",
        /// The admin API, health pages and metrics: an address, or `false` for none.
        admin: Toggle<Admin> = true,
        /// Sizes and times that a client may take up.
        limits: Limits = true,
        /// The services behind the gateway.
        upstreams: Named<Upstream>,
        /// Where is kept what requests share, by name. `default` is that of whoever names none; it is in memory unless it is written here.
        stores: Named<Store>,
        /// Who signs tokens.
        issuers: Named<Issuer>,
        /// What callers may use, by name: consumers have a plan, or tokens name it.
        plans: Named<Plan>,
        /// Whom the gateway knows by name.
        consumers: Named<Consumer>,
        /// Addresses and networks under a name, for the policy `ip`.
        ip_lists: Named<IpList>,
        /// Which requests go where.
        routes: Named<Route>,
        /// Policies of every route, and of requests that no route takes.
        policies: PolicyMap,
        /// Policies under a name, for routes to `use`.
        policy_sets: Named<PolicyMap>,
        /// The bodies of errors that the gateway answers itself; without it, `application/problem+json` (RFC 9457).
        errors: Toggle<ErrorBodies> = false,
        /// What the gateway tells of itself and of its requests.
        telemetry: Telemetry = true,
    }
}

/// The version of the configuration language. There is one: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version;

impl Read for Version {
    fn shape() -> Shape {
        Shape::Int { min: 1, max: 1 }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_text() == Some("1") {
            return Some(Self);
        }
        let problem = Problem::error("this version of the language is not known").at(reader.place(node));
        reader.problem(problem.help("this program reads version 1: write `maitred: 1`"));
        None
    }
}

/// The result of a load: as much as could be read, and all problems.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What was read. To be used only if there are no errors: see [`Loaded::usable`].
    pub document: Option<Document>,
    /// The tree that it was read from, the texts of its files, and what to watch for a reload.
    pub tree: Tree,
    /// Errors and warnings, in the order of their places.
    pub problems: Problems,
}

impl Loaded {
    /// The document, if nothing is wrong with it.
    pub fn usable(&self) -> Option<&Document> {
        self.document.as_ref().filter(|_| !self.problems.has_errors())
    }

    /// The texts of all files, for drawing problems.
    pub fn texts(&self) -> &Texts {
        &self.tree.texts
    }
}

impl Document {
    /// Whether a listener asks clients for certificates.
    pub fn asks_certificates(&self) -> bool {
        let mut tls = self.listeners.iter().filter_map(|listener| listener.value.tls.as_ref());
        tls.any(|tls| tls.client_auth.is_some())
    }
}

/// Loads a document: the file, what it includes, and what `${…}` names.
pub fn load(path: impl AsRef<Path>, files: &dyn Files, environment: &dyn Environment) -> Loaded {
    let mut problems = Problems::new();
    let mut tree = load_tree(path.as_ref(), files, environment, &mut problems);
    let unread = problems.has_errors() && tree.root.as_map().is_some_and(|map| map.entries.is_empty());
    // A file that could not be parsed is its own problem; that everything is missing in it is none.
    let mut reader = Reader::new(&tree.texts, &mut problems);
    let document = if unread { None } else { Document::read(&tree.root, &mut reader) };
    let named_files = reader.into_files();
    tree.watched.extend(named_files.iter().cloned().map(Watched::File));
    tree.named_files = named_files;
    problems.sort();
    Loaded { document, tree, problems }
}

/// Clients keep a cookie for whole seconds, and one of none not at all (RFC 6265 section 5.2.2).
fn refuse_short_cookie(max_age: std::time::Duration, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if max_age < std::time::Duration::from_secs(1) {
        let problem =
            Problem::error("clients keep a cookie for whole seconds").at(fields.value_span("max_age"));
        reader.problem(problem.help("write at least `1s`"));
    }
}

/// Refuses durations of zero among these keys: nothing would ever get through.
fn refuse_zero(times: &[(&str, Option<std::time::Duration>)], fields: &Fields<'_>, reader: &mut Reader<'_>) {
    for (key, time) in times {
        if time.is_some_and(|time| time.is_zero()) {
            let problem = Problem::error(format!("`{key}` cannot be zero")).at(fields.value_span(key));
            reader.problem(problem.help("a limit of zero lets nothing through"));
        }
    }
}
