//! Tests of the whole program: the real binary, real sockets, real clients.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(clippy::disallowed_types, reason = "scripts of services share what they saw")]

mod acme;
mod answers;
mod bodies;
mod corpora;
mod endpoints;
mod exhaustion;
mod forwarded;
mod grpc;
mod http2;
mod interim;
mod limits;
mod proxy_protocol;
mod proxying;
mod reload;
mod routing;
mod shutdown;
mod tls;
mod upgrade;
mod upstream_faults;

use maitred_tests::Gateway;

/// A gateway that sends everything to one address.
fn to(upstream: &str) -> Gateway {
    Gateway::start(&format!("routes: {{ app: {{ upstream: \"{upstream}\" }} }}\n"))
}
