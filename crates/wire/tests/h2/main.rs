//! HTTP/2 against RFC 9113 and RFC 8441, through its public ends: with the library's own client and server, with hyper, with the
//! tools that are installed, and, for what no honest peer does, with frames written by hand.

#![expect(clippy::unwrap_used, reason = "tests: a panic is how they fail")]

mod answers;
mod bodies;
mod budgets;
mod client;
mod client_failures;
mod floods;
mod gateway;
mod hyper_peers;
mod raw;
mod requests;
mod resets;
mod shutdown;
mod sides;
mod tools;
mod tunnels;
