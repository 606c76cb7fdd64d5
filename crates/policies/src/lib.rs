//! The built-in policies: one file or folder each, and [`catalog()`], which names them all.
//!
//! A policy implements the contract of `maitred-policy`; nothing outside its folder knows it but one line in `catalog.rs`.
//! Its user page is the `//!` of its file, from which, its keys and its `example.yaml`, [`reference()`] makes the pages under
//! `docs/policies/`.

mod any_of;
mod api_key;
mod asking;
mod authorize;
mod basic_auth;
mod bot_filter;
mod cache;
mod catalog;
mod claims;
mod client_certificate;
mod client_credentials;
mod concurrency_limit;
mod cors;
mod csrf;
mod edits;
mod ext_authz;
mod fault;
mod forward_auth;
mod grpc_json;
mod grpc_web;
mod hmac_signature;
mod idempotency;
mod introspection;
mod ip;
mod json_limits;
mod jwt;
mod limiting;
mod oidc_login;
mod origins;
mod provider;
mod quota;
mod rate_limit;
mod reference;
mod request_id;
mod request_size;
mod security_headers;
mod shown;
mod single_flight;
mod token_exchange;
mod transform_request;
mod transform_response;

pub use basic_auth::hash_password;
pub use catalog::catalog;
pub use reference::reference;
