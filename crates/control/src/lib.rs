//! Operation of a running gateway: where its configuration comes from, when it is loaded again, signals, draining,
//! and the admin listener with health pages and metrics.
//!
//! Everything here runs on the control runtime, never on a worker. Start at [`Operation::run`].

#![forbid(unsafe_code)]

mod acme;
mod admin;
mod changes;
mod life;
mod memory;
mod operate;
mod orders;
mod overload;
mod reload;
mod report;
mod source;
mod watch;

pub use operate::{Operation, StartError, Stopped};
pub use orders::{Order, orders_from_signals};
pub use reload::Serving;
pub use source::Source;
