//! The router as the engine uses it: every sentence of the contract, a comparison with a matcher that does
//! everything the long way, and what a look-up may allocate.

#![expect(
    clippy::unwrap_used,
    reason = "tests say what they mean, also outside of the functions that are marked as tests"
)]

mod allocation;
mod ambiguity;
mod anything;
mod captures;
mod contract;
mod explain;
mod naive;
mod property;
mod words;
