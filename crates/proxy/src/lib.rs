//! The engine: compiles a Document into a Snapshot, and serves exchanges with it.
//!
//! Read [`exchange`] first: it is the way of a request. It names no policy; the program brings the catalogue.

mod abroad;
mod accept;
mod acme;
mod action;
mod background;
mod beside;
mod catch_panic;
mod chores;
mod client;
mod clock;
mod compile;
mod connection;
mod cookie;
mod error_format;
mod exchange;
mod explain;
mod gateway;
mod greet;
mod health;
mod jobs;
mod kept;
mod listener;
mod local;
mod overload;
mod pipeline;
mod place;
mod quic;
mod refresh;
mod refreshes;
mod retries;
mod rewrite;
mod snapshot;
mod stores;
mod streams;
mod tls;
mod worker;

pub use acme::{Acme, AcmeAccount, AcmeCertificate, ChallengeKind, TokenProof, TokensShared};
pub use catch_panic::CatchPanic;
pub use clock::{Clock, StoreClock};
pub use compile::{Compiler, compile};
pub use explain::{Caller, Explained, ExplainedPolicy, ExplainedRoute, explain};
pub use gateway::{Gateway, GatewayOptions};
pub use overload::{Hysteresis, OverloadShared};
pub use snapshot::Snapshot;
