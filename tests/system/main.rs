//! Tests of the whole program: the real binary, real sockets, real clients.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(clippy::disallowed_types, reason = "scripts of services share what they saw")]

mod access;
mod acme;
mod answers;
mod any_of;
mod asking;
mod balancing;
mod bodies;
mod browser;
mod cache;
mod circuit_breaker;
mod corpora;
mod credentials;
mod deadlines;
mod degrade;
mod edges;
mod ejection;
mod endpoints;
mod events;
mod exchange;
mod exhaustion;
mod fault;
mod few_left;
mod floods;
mod forwarded;
mod grpc;
mod grpc_interop;
mod grpc_json;
mod grpc_reflection;
mod grpc_web;
mod h2spec;
mod health;
mod health_options;
mod hedging;
mod http2;
mod http3;
mod idempotency;
mod idempotency_tries;
mod interim;
mod introspection;
mod keycloak;
mod keycloak_tokens;
mod limits;
mod oidc_login;
mod overload;
mod proxies;
mod proxy_protocol;
mod proxying;
mod rate_limit;
mod refreshing;
mod refusals;
mod reload;
mod reload_state;
mod retries;
mod retries_of_routes;
mod routing;
mod secrets;
mod shared_cache;
mod shared_places;
mod shedding;
mod shutdown;
mod stored_quotas;
mod stores;
mod testssl;
mod tls;
mod tokens;
mod traffic;
mod upgrade;
mod upstream_faults;
mod websocket_peers;

use maitred_tests::Gateway;

/// A gateway that sends everything to one address.
fn to(upstream: &str) -> Gateway {
    Gateway::start(&format!("routes: {{ app: {{ upstream: \"{upstream}\" }} }}\n"))
}
