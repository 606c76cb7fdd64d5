//! The admin API of upstreams: where their endpoints are, how their circuits stand, and circuits forced open or closed.
//! It tells of the snapshot that serves; a reload shows it the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use maitred_config::{NoPolicies, Node, Read as _, Tree, Upstream, long_form};
use maitred_proxy::{Clock, Snapshot};
use maitred_upstream::{Breaker, Cluster, EndpointStatus, Force};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::problem::problem;
use super::words::json_of;

/// Bytes of a body. The one that is wanted has twenty.
const MAX_BODY: usize = 1 << 10;

/// What can be done to a circuit, by its word.
const FORCES: [(&str, Force); 3] = [("open", Force::Open), ("closed", Force::Closed), ("auto", Force::Auto)];
const WANTED: &str = r#"The body has to be {"force": "open"}, {"force": "closed"} or {"force": "auto"}"#;

/// What serves, as far as the pages tell of it.
#[derive(Debug)]
pub(super) struct Shown {
    snapshot: Arc<Snapshot>,
    /// The section `upstreams` of the document; nothing where there is none.
    written: Option<Node>,
    clock: Clock,
}

/// What serves now; nothing before the first configuration does.
pub(super) type NowServing = watch::Receiver<Option<Arc<Shown>>>;

/// The pages below `/upstreams`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(serving: NowServing) -> Router<S> {
    Router::new()
        .route("/upstreams", get(list))
        .route("/upstreams/{name}", get(one))
        .route("/upstreams/{name}/circuit", post(force))
        .with_state(serving)
}

async fn list(State(serving): State<NowServing>) -> Response {
    let Some(shown) = shown(&serving) else { return starting() };
    // There may be thousands: not on the control runtime's own thread.
    let listed = tokio::task::spawn_blocking(move || {
        let now = shown.clock.now();
        let all: Vec<Value> =
            shown.snapshot.upstreams().map(|cluster| shown.describe(cluster, now)).collect();
        json!({ "upstreams": all })
    });
    match listed.await {
        Ok(all) => told(&all),
        Err(error) => {
            tracing::error!("the list of upstreams failed: {error}");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
        }
    }
}

async fn one(State(serving): State<NowServing>, name: Result<Path<String>, PathRejection>) -> Response {
    let Some(shown) = shown(&serving) else { return starting() };
    match shown.find(name) {
        Some(cluster) => told(&shown.describe(cluster, shown.clock.now())),
        None => unknown(),
    }
}

/// Forces a circuit. A body of JSON is no simple request, so that no page of another site can have a browser send it unasked (Fetch
/// standard, CORS-safelisted request headers).
async fn force(
    State(serving): State<NowServing>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    if !is_json(request.headers()) {
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type has to be application/json");
    }
    let body = to_bytes(request.into_body(), MAX_BODY).await.unwrap_or_default();
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some((_, force)) = FORCES.iter().find(|(word, _)| wanted == json!({ "force": word })) else {
        return problem(StatusCode::BAD_REQUEST, WANTED);
    };
    let Some(shown) = shown(&serving) else { return starting() };
    let Some(cluster) = shown.find(name) else { return unknown() };
    let Some(breaker) = cluster.breaker() else {
        return problem(StatusCode::CONFLICT, "This upstream has no circuit breaker");
    };
    breaker.force(*force);
    told(&shown.describe(cluster, shown.clock.now()))
}

impl Shown {
    pub(super) fn new(snapshot: &Arc<Snapshot>, tree: &Tree, clock: Clock) -> Self {
        let written = tree.root.get("upstreams").cloned();
        Self { snapshot: Arc::clone(snapshot), written, clock }
    }

    fn find(&self, name: Result<Path<String>, PathRejection>) -> Option<&Cluster> {
        let Path(name) = name.ok()?;
        self.snapshot.upstreams().find(|cluster| *cluster.settings().name == *name)
    }

    fn describe(&self, cluster: &Cluster, now: Instant) -> Value {
        let name = &*cluster.settings().name;
        // One that a route names by its URL stands nowhere else.
        let written = self.written.as_ref().and_then(|written| written.get(name)).cloned();
        let written = written.unwrap_or_else(|| Node::string(name));
        let written = long_form(&written, &Upstream::shape(), &NoPolicies);
        let setting = |key: &str| written.get(key).map(json_of);
        let breaker = cluster.breaker();
        json!({
            "name": name,
            "balance": setting("balance"),
            "circuit_breaker": breaker.map(|breaker| circuit(breaker, setting("circuit_breaker").as_ref(), now)),
            "endpoints": cluster.status(now).endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        })
    }
}

fn circuit(breaker: &Breaker, settings: Option<&Value>, now: Instant) -> Value {
    let status = breaker.status(now);
    json!({
        "state": status.state.label(),
        "forced": status.is_forced,
        "failures": status.failures,
        "successes": status.successes,
        "retry_after_ms": status.open_for.map(millis),
        "settings": settings,
    })
}

fn endpoint(status: &EndpointStatus) -> Value {
    json!({
        "address": status.address,
        "weight": status.weight,
        "health": status.health.word(),
        "failure": status.failure.as_deref(),
        "ejected_for_ms": status.ejected_for.map(millis),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn shown(serving: &NowServing) -> Option<Arc<Shown>> {
    serving.borrow().clone()
}

pub(super) fn is_json(fields: &HeaderMap) -> bool {
    let kind = fields.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

pub(super) fn told(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn unknown() -> Response {
    problem(StatusCode::NOT_FOUND, "There is no upstream of this name")
}

fn starting() -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, "Starting")
}
