//! The engine: compiles a Document into a Snapshot, and serves exchanges with it.
//!
//! Read [`exchange`] first: it is the way of a request. It names no policy; the program brings the catalogue.

mod action;
mod admission;
mod choose;
mod clock;
mod compile;
mod connection;
mod error_format;
mod exchange;
mod explain;
mod forward;
mod gateway;
mod identify;
mod local;
mod pipeline;
mod record;
mod respond;
mod rewrite;
mod snapshot;
mod worker;

pub use clock::Clock;
pub use compile::{Compiler, compile};
pub use explain::{Explained, ExplainedPolicy, ExplainedRoute, explain};
pub use gateway::{Gateway, GatewayOptions};
pub use snapshot::Snapshot;
