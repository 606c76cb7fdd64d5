//! The sample services of the demo: small servers on ports that the system chooses, with an answer for most things that one
//! would try. They stand for what users have already, and are no part of the gateway.
//!
//! All but `inventory`, which speaks gRPC, take `?delay=2s` (answer later) and `?status=500` (fail), and tell on `/echo` below their path what reached them.

mod inventory;
mod shelves;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use maitred_config::scalar::duration;
use maitred_http::query_pairs;
use serde_json::{Map, Value, json};

/// The service that speaks gRPC.
const INVENTORY: &str = "inventory";
/// The longest `?delay=`.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// The running sample services. They end with the process.
pub(super) struct Services {
    addresses: Vec<(&'static str, SocketAddr)>,
}

impl Services {
    /// Binds them all, and serves them on a thread of their own.
    pub(super) fn start() -> io::Result<Self> {
        let mut addresses = Vec::new();
        let mut bound = Vec::new();
        let shelves = shelves::all().into_iter().map(|(name, router)| (name, with_tricks(name, router)));
        for (name, router) in shelves.chain([(INVENTORY, inventory::router())]) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            addresses.push((name, listener.local_addr()?));
            bound.push((listener, router));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("demo-services".to_owned())
            .spawn(move || runtime.block_on(serve(bound)))?;
        Ok(Self { addresses })
    }

    /// The name and the address of each.
    pub(super) fn addresses(&self) -> &[(&'static str, SocketAddr)] {
        &self.addresses
    }

    /// The URL of the service whose name is this, in capitals.
    pub(super) fn url(&self, capitals: &str) -> Option<String> {
        let (name, address) = self.addresses.iter().find(|(name, _)| name.eq_ignore_ascii_case(capitals))?;
        let scheme = if *name == INVENTORY { "grpc" } else { "http" };
        Some(format!("{scheme}://{address}"))
    }
}

/// Never ends by itself.
async fn serve(bound: Vec<(TcpListener, Router)>) {
    for (listener, router) in bound {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                tokio::spawn(async move { axum::serve(listener, router).await });
            }
            Err(error) => tracing::error!("a sample service does not serve: {error}"),
        }
    }
    std::future::pending::<()>().await;
}

/// A service as all are: with an echo, a health page, and the queries that make it slow or broken.
fn with_tricks(name: &'static str, router: Router) -> Router {
    let echo = any(move |request: Request| async move { Json(echo(name, &request)) });
    router
        .route(&format!("/{name}/echo"), echo.clone())
        .route(&format!("/{name}/echo/{{*rest}}"), echo)
        .route("/healthz", any(async || "OK"))
        .fallback(async || problem(StatusCode::NOT_FOUND, "the service has no such page"))
        .layer(middleware::from_fn(tricks))
}

/// `?delay=2s` and `?status=500`.
async fn tricks(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let asked = |wanted: &str| {
        query_pairs(&query).find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
    };
    if let Some(delay) = asked("delay").and_then(|text| duration::parse(&text).ok()) {
        tokio::time::sleep(delay.min(LONGEST_DELAY)).await;
    }
    let status = asked("status").and_then(|text| StatusCode::from_bytes(text.as_bytes()).ok());
    match status.filter(|status| status.as_u16() >= 200) {
        Some(status) => problem(status, "the service was asked to answer so"),
        None => next.run(request).await,
    }
}

/// A request as it reached the service.
fn echo(service: &str, request: &Request) -> Value {
    let fields: Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    json!({
        "service": service,
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "headers": fields,
    })
}

fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "error": detail }))).into_response()
}
