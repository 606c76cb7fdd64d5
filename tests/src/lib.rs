//! What tests of the whole program need: the program itself in a folder of its own, services behind it, clients before it.
//!
//! A service is a real one ([`Origin`]) wherever it behaves; [`Fake`] plays only those that do not. Everything waits for
//! events, with a deadline, and never for a time to pass. Nothing here knows the engine: it sees what users see.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(
    clippy::disallowed_types,
    reason = "threads of a test share what they saw; nothing here serves requests"
)]
#![allow(clippy::print_stderr, reason = "what the program said belongs to a failure")]
#![allow(missing_docs, reason = "read by the tests beside it, and named for them")]

mod access;
mod authority;
mod browser;
mod curl;
mod fake;
mod folder;
mod forwarder;
pub mod frames;
mod gateway;
mod head;
mod http3;
mod installed;
mod keycloak;
mod lines;
mod metrics;
mod origin;
mod patience;
mod pattern;
mod pebble;
mod peer;
mod port;
mod realm;
mod redis;
mod server;
mod skip;
mod tunnel;
mod websocket;
mod websocket_peer;
mod wire;

pub use access::Access;
pub use authority::{Authority, Signed};
pub use browser::Browser;
pub use curl::{Curl, curl, curl_with};
pub use fake::{Fake, GRPC_ANSWER};
pub use folder::Folder;
pub use forwarder::Forwarder;
pub use gateway::{Gateway, Traces, program};
pub use head::Head;
pub use http3::{Http3Client, http3};
pub use installed::installed;
pub use lines::Lines;
pub use metrics::Metrics;
pub use origin::{Echo, Origin};
pub use patience::{PATIENCE, eventually, within};
pub use pattern::{checksum, pattern};
pub use pebble::Pebble;
pub use peer::{Peer, peer_file, run_interop, run_node, run_python};
pub use port::Port;
pub use realm::{Realm, Tokens, claims};
pub use redis::{Redis, RedisCluster, RedisSentinels};
pub use server::Server;
pub use skip::skipped;
pub use tunnel::Tunnel;
pub use websocket::{open_websocket, websocket_echo};
pub use websocket_peer::{WebSocketClient, WebSocketService};
pub use wire::{Answer, Wire};
