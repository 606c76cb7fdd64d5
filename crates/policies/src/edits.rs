//! What `transform_request` and `transform_response` share: edits of header fields and of queries.
//!
//! The edits run in one order: remove, keep, rename, set, add, default. Values in texts are those of the message as it came
//! to the policy, before the first edit.

mod config;
mod fields;
pub(crate) mod query;
mod texts;

pub(crate) use config::{FieldEditsConfig, QueryEditsConfig};
pub(crate) use fields::{FieldEdits, Message};
pub(crate) use query::QueryEdits;
pub(crate) use texts::Scratch;
