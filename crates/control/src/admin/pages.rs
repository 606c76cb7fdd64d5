//! What the admin listener answers: health, readiness, metrics, and problem+json for the rest. What it tells of upstreams is in
//! `upstreams`, what policies tell in `collections`.
//! Who may ask is checked before, in `guard`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maitred_proxy::OverloadShared;
use maitred_telemetry::{EXPOSITION_CONTENT_TYPE, Metrics};
use tokio::sync::watch;

use super::AdminSettings;
use super::collections::Collections;
use super::guard::Refused;
use super::problem::problem;
use super::upstreams::{self, NowServing};
use crate::life::{Life, Stage};

/// Pages that need no token.
const PUBLIC: [&str; 2] = ["/healthz", "/readyz"];

/// Everything that the pages tell of.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    pub(super) life: watch::Receiver<Life>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) overload: Arc<OverloadShared>,
    pub(super) settings: watch::Receiver<Arc<AdminSettings>>,
    pub(super) serving: NowServing,
    pub(super) collections: watch::Receiver<Arc<Collections>>,
}

impl Pages {
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(health))
            .route("/readyz", get(readiness))
            .merge(upstreams::routes(self.serving.clone()))
            .fallback(page)
            .method_not_allowed_fallback(|| async {
                problem(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            })
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self)
    }

    fn settings(&self) -> Arc<AdminSettings> {
        Arc::clone(&self.settings.borrow())
    }
}

async fn guard(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let is_public = PUBLIC.contains(&request.uri().path());
    let checked = pages.settings().guard.check(request.headers(), is_public);
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(Refused::Foreign) => problem(StatusCode::FORBIDDEN, "Host or Origin is not this machine"),
        Err(Refused::Token) => {
            let mut response = problem(StatusCode::UNAUTHORIZED, "Missing or invalid token");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn health(State(pages): State<Pages>) -> Response {
    let is_alive = pages.life.borrow().is_alive;
    told(if is_alive { Ok("alive\n".to_owned()) } else { Err("a worker has ended\n") })
}

async fn readiness(State(pages): State<Pages>) -> Response {
    let Life { stage, missing, .. } = pages.life.borrow().clone();
    told(match stage {
        Stage::Serving if pages.overload.is_everywhere() => Err("overloaded\n"),
        // What is missing is no reason to be sent no one: proofs for a certificate come as requests.
        Stage::Serving => Ok([&["ready".to_owned()], &missing[..]].concat().join("\n") + "\n"),
        Stage::Starting => Err("starting\n"),
        Stage::Draining => Err("draining\n"),
    })
}

fn told(state: Result<String, &'static str>) -> Response {
    match state {
        Ok(text) => text.into_response(),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
    }
}

/// The pages whose paths the document chooses: metrics, and what its policies show.
async fn page(State(pages): State<Pages>, request: Request) -> Response {
    if pages.settings().metrics_path.as_deref() != Some(request.uri().path()) {
        let collections = Arc::clone(&pages.collections.borrow());
        return collections.page(request).await;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    metrics(pages.metrics).await
}

/// With many routes the page takes a while to write: not on the control runtime's own thread.
async fn metrics(metrics: Arc<Metrics>) -> Response {
    let rendered = tokio::task::spawn_blocking(move || {
        let mut page = String::new();
        metrics.render(&mut page);
        page
    });
    match rendered.await {
        Ok(page) => ([(header::CONTENT_TYPE, EXPOSITION_CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            tracing::error!("the metrics page failed: {error}");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
        }
    }
}
