//! Stores on real servers: what the contract of crate `store` promises, in Redis as Debian has it, also while that is killed, paused, failed
//! over and emptied.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(clippy::disallowed_types, reason = "threads of a test share what they saw")]

mod channels;
mod cluster;
mod exact;
mod login;
mod sentinel;
mod single;
mod slow;
mod stage;
mod tls;
