//! Signed tokens as functions of bytes: compact JWS (RFC 7515) whose payload is a JWT (RFC 7519), and the keys that they are checked with
//! (RFC 7517, 7518, 8037). No sockets and no clock: the time is passed in.
//!
//! A token is hostile until it is found good, so all that is not needed of JOSE is not here: no JSON serialization, no encryption, no keys
//! that the token itself brings or names (`jwk`, `jku`, `x5c`, `x5u` are never looked at), no extensions (`crit`). What is here goes by
//! RFC 8725: the algorithm is a matter of the key, and the token only says which of the key's it used.

mod algorithm;
mod base64url;
mod claims;
mod jwk;
mod jws;
mod key;
mod key_set;
pub mod object;
mod pem;
mod refusal;
mod roca;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use claims::{Rules, Times, expiry, is_for, is_for_access};
pub use jws::{Jws, LONGEST};
pub use key::{Key, KeyError};
pub use key_set::KeySet;
pub use refusal::Refusal;
