//! TLS through the public ends of the crate: real handshakes over real sockets, between the two sides that are ours,
//! and with OpenSSL and curl where they are installed.

#![expect(clippy::unwrap_used, reason = "tests: a panic is how they fail")]

mod authority;
mod choice;
mod issued;
mod link;
mod memory;
mod mutual;
mod peers;
mod problems;
mod refusals;
mod resumption;
mod traffic;
