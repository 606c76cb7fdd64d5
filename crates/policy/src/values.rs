//! The values of a request at run time: what `{header.X-User-ID}` or `path.id` is for this request.
//!
//! `maitred-config` knows how values are written ([`maitred_config::scalar::Template`]); here they are compiled once,
//! when the configuration is, and then told for each request from a [`View`] of it. Texts are [`Template`]s, targets
//! of redirects and rewrites [`TargetTemplate`]s, JSON bodies [`BodyTemplate`]s. Conditions over the same values are
//! in `condition.rs`.

use maitred_http::{RequestHead, ResponseHead};

use crate::facts::Facts;

mod available;
mod body;
pub mod claim;
mod encode;
mod json;
mod target;
mod template;
#[cfg(test)]
pub(crate) mod testing;
mod value;

pub use available::Available;
pub use body::BodyTemplate;
pub use target::{AmbiguousPath, TargetTemplate};
pub use template::{Rendered, Template};
pub use value::{Kind, Value};

/// What values are taken from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The request, as it is at this step.
    pub request: &'a RequestHead,
    /// The response, once there is one.
    pub response: Option<&'a ResponseHead>,
    /// What else is known of the request.
    pub facts: &'a Facts,
    /// The error that is being answered, in the texts of `errors`.
    pub error: Option<ErrorView<'a>>,
}

/// An error that the gateway answers.
#[derive(Clone, Copy, Debug)]
pub struct ErrorView<'a> {
    /// Its status code.
    pub status: u16,
    /// What the status code means, as in RFC 9110.
    pub title: &'a str,
    /// The text that clients see.
    pub detail: &'a str,
}

impl<'a> View<'a> {
    /// On the way down.
    pub fn of_request(request: &'a RequestHead, facts: &'a Facts) -> Self {
        Self { request, response: None, facts, error: None }
    }

    /// On the way up.
    pub fn of_response(response: &'a ResponseHead, request: &'a RequestHead, facts: &'a Facts) -> Self {
        Self { request, response: Some(response), facts, error: None }
    }

    /// While an error is answered.
    pub fn of_error(error: ErrorView<'a>, request: &'a RequestHead, facts: &'a Facts) -> Self {
        Self { request, response: None, facts, error: Some(error) }
    }
}
