//! Why a request cannot be turned into a call, with the place in the request. What is answered, and how it looks, is
//! for whoever has the request.

use std::fmt;

use super::elements::ElementError;
use crate::json::JsonError;

/// Where in a request something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the JSON of the body: a JSON pointer (RFC 6901), empty for the whole.
    Body(String),
    /// In this parameter of the query.
    Query(String),
    /// In the part of the path that gives this field.
    Path(String),
}

/// Why a request cannot be turned into a call: the client's fault, 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// Where it is.
    pub place: Place,
    /// What is wrong and what was wanted, for people.
    pub problem: String,
}

impl RequestError {
    pub(super) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into() }
    }
}

impl From<JsonError> for RequestError {
    fn from(error: JsonError) -> Self {
        Self::new(Place::Body(error.pointer()), error.problem())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Body(pointer) if pointer.is_empty() => write!(f, "body: {}", self.problem),
            Place::Body(pointer) => write!(f, "body {pointer}: {}", self.problem),
            Place::Query(name) => write!(f, "query parameter {name}: {}", self.problem),
            Place::Path(name) => write!(f, "path {name}: {}", self.problem),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<ElementError> for RequestError {
    fn from(error: ElementError) -> Self {
        JsonError::from(error).into()
    }
}

impl From<ElementError> for JsonError {
    fn from(error: ElementError) -> Self {
        match error {
            ElementError::Truncated => Self::new("the list of messages does not end"),
            ElementError::Surplus => Self::new("there is more behind the list of messages"),
            ElementError::Missing { index } => Self::new("wanted a message").under(index.to_string()),
            ElementError::TooLarge(max) => Self::new(format!("a message has more than {max} bytes")),
        }
    }
}
