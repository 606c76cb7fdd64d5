//! One check of one endpoint: a connection, and where that is not enough a question whose answer is judged.
//! When, and what follows from it, is decided in `rounds` and `health`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use maitred_grpc::{GRPC_CONTENT_TYPE, HEALTH_CHECK_PATH, NotServing, health_question, read_health};
use maitred_http::{FieldName, Known, Method, RequestHead};
use regex::bytes::{Regex, RegexBuilder};

use crate::cluster::Cluster;
use crate::endpoint::{Endpoint, EndpointAddress};
use crate::health::{BodyMatch, CheckFields, CheckKind, HealthCheck, HttpCheck};
use crate::local::{AcquireError, reach, without_port};
use crate::visit::{VisitError, Visited, ask_once};

/// How much of a body is looked at, in bytes.
const MAX_BODY: usize = 64 << 10;
/// How checks name themselves, unless the configuration says otherwise.
const USER_AGENT: &[u8] = b"maitred-health-check";

/// Why a check failed.
#[derive(Debug)]
pub(super) enum CheckFailure {
    /// It took longer than it may.
    Late(Duration),
    /// There is no connection.
    Connect(AcquireError),
    /// There is no answer.
    Visit(VisitError),
    /// The answer has this status.
    Status(u16),
    /// What is wanted is not in the body.
    Body,
    /// The service takes no calls.
    Grpc(NotServing),
    /// The gateway made a mistake.
    Mistake,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(limit) => write!(f, "it took longer than {limit:?}"),
            Self::Connect(error) => write!(f, "it cannot be connected to: {error}"),
            Self::Visit(error) => error.fmt(f),
            Self::Status(status) => write!(f, "it answered with status {status}"),
            Self::Body => f.write_str("its body has not in it what is expected"),
            Self::Grpc(why) => why.fmt(f),
            Self::Mistake => f.write_str("the gateway made a mistake"),
        }
    }
}

/// A check as it can be made again and again.
pub(super) struct Check {
    rules: HealthCheck,
    /// What finds what must be in bodies, where that is an expression.
    body: Option<Regex>,
}

impl Check {
    pub(super) fn new(rules: &HealthCheck) -> Self {
        let body = match &rules.kind {
            CheckKind::Http(HttpCheck { body: Some(BodyMatch::Regex(pattern)), .. }) => {
                // The configuration has been read: it is one, and how large it may be was judged there.
                RegexBuilder::new(pattern).size_limit(usize::MAX).build().ok()
            }
            _ => None,
        };
        Self { rules: rules.clone(), body }
    }

    /// Checks this endpoint.
    ///
    /// # Errors
    ///
    /// Why it cannot serve.
    pub(super) async fn ask(&self, cluster: &Cluster, endpoint: &Endpoint) -> Result<(), CheckFailure> {
        let moved = self.rules.port.map(|port| at_port(endpoint, port));
        let asked = self.ask_at(cluster, moved.as_ref().unwrap_or(endpoint));
        let limit = self.rules.timeout;
        tokio::time::timeout(limit, asked).await.unwrap_or(Err(CheckFailure::Late(limit)))
    }

    async fn ask_at(&self, cluster: &Cluster, endpoint: &Endpoint) -> Result<(), CheckFailure> {
        match &self.rules.kind {
            CheckKind::Tcp => {
                let reached = reach(cluster, endpoint, None).await;
                reached.map(drop).map_err(|error| CheckFailure::Connect(error.into()))
            }
            CheckKind::Http(check) => {
                let most = if check.body.is_some() { MAX_BODY } else { 0 };
                let visited = ask_once(cluster, endpoint, request(check), &[], most).await;
                self.judge(check, &visited.map_err(CheckFailure::Visit)?)
            }
            CheckKind::Grpc { service, sent } => {
                let (request, question) = (call(sent), health_question(service));
                let visited = ask_once(cluster, endpoint, request, &question, MAX_BODY).await;
                let Visited { head, body, trailers } = visited.map_err(CheckFailure::Visit)?;
                read_health(&head, &body, trailers.as_ref()).map_err(CheckFailure::Grpc)
            }
        }
    }

    fn judge(&self, check: &HttpCheck, visited: &Visited) -> Result<(), CheckFailure> {
        let status = visited.head.status;
        if !check.statuses.iter().any(|passing| passing.contains(&status)) {
            return Err(CheckFailure::Status(status));
        }
        let is_there = match &check.body {
            Some(BodyMatch::Text(text)) => has_text(&visited.body, text.as_bytes()),
            Some(BodyMatch::Regex(_)) => self.body.as_ref().is_none_or(|regex| regex.is_match(&visited.body)),
            None => true,
        };
        if is_there { Ok(()) } else { Err(CheckFailure::Body) }
    }
}

fn has_text(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

fn request(check: &HttpCheck) -> RequestHead {
    let mut request = RequestHead { method: check.method, ..RequestHead::default() };
    request.target.set_path(&check.path);
    request.target.set_query(check.query.as_deref());
    put(&mut request, &check.sent);
    request
}

fn call(sent: &CheckFields) -> RequestHead {
    let mut request = RequestHead { method: Method::Post, ..RequestHead::default() };
    request.target.set_path(HEALTH_CHECK_PATH);
    request.fields.set_known(Known::ContentType, GRPC_CONTENT_TYPE.as_bytes());
    request.fields.set_known(Known::Te, b"trailers");
    put(&mut request, sent);
    request
}

/// Puts the fields into the request that users want there.
fn put(request: &mut RequestHead, sent: &CheckFields) {
    request.fields.set_known(Known::UserAgent, USER_AGENT);
    if let Some(host) = &sent.host {
        request.fields.set_known(Known::Host, host.as_bytes());
    }
    for (name, value) in &sent.others {
        // The configuration has been read: every name is one.
        if let Ok(name) = FieldName::parse(name) {
            request.fields.set(&name, value.as_bytes());
        }
    }
}

/// The same endpoint at another port.
fn at_port(endpoint: &Endpoint, port: u16) -> Endpoint {
    let moved = |address: &EndpointAddress| match address {
        EndpointAddress::Tcp(address) => EndpointAddress::Tcp((address.ip(), port).into()),
        // The configuration refuses it.
        EndpointAddress::Unix(path) => EndpointAddress::Unix(Arc::clone(path)),
    };
    let host = without_port(&endpoint.authority);
    Endpoint {
        addresses: endpoint.addresses.iter().map(moved).collect(),
        authority: format!("{host}:{port}").into(),
        ..endpoint.clone()
    }
}
