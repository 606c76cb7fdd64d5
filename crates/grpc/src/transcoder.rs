//! JSON to gRPC and back by `google.api.http`: which call a request means, the messages that it sends, and the JSON of
//! those that answer. Framing, metadata and the call itself are the caller's.
//!
//! A request goes [`find`](Transcoder::find) → [`request`](Transcoder::request) or [`stream`](Transcoder::stream); an
//! answer [`response`](Transcoder::response) or, message by message, [`event`](Transcoder::event); an error
//! [`problem`](Transcoder::problem).

mod binding;
mod elements;
mod error;
mod http_rule;
mod problem;
mod query;
mod request;
mod response;
mod target;

use std::fmt;
use std::sync::Arc;

use maitred_http::Method;
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::descriptors::Descriptors;
use crate::json::JsonOptions;
use crate::table::PathTable;
use crate::template::PathTemplate;
use http_rule::HttpRule;

pub use binding::Binding;
pub use error::{Place, RequestError};
pub use problem::StatusProblem;
pub use request::RequestStream;
pub use response::EventFormat;

/// What is transcoded, and how.
#[derive(Clone, Debug)]
pub struct TranscoderOptions {
    /// Full names of services; empty: those of the descriptors.
    pub services: Vec<String>,
    /// How JSON is read and written.
    pub json: JsonOptions,
    /// Bytes that one JSON value in a stream of several may have.
    pub max_element: usize,
}

impl Default for TranscoderOptions {
    fn default() -> Self {
        Self { services: Vec::new(), json: JsonOptions::default(), max_element: 4 << 20 }
    }
}

/// Calls by method and path, and how their messages are JSON. Made once, used by many requests.
///
/// ```
/// use maitred_grpc::{Descriptors, Transcoder, TranscoderOptions};
/// use maitred_http::Method;
///
/// let source = r#"
///     syntax = "proto3";
///     package shop;
///     import "google/api/annotations.proto";
///     message ItemRequest { string sku = 1; bool fresh = 2; }
///     message Item { string sku = 1; int64 in_stock = 2; }
///     service Stock {
///         rpc Find(ItemRequest) returns (Item) { option (google.api.http) = { get: "/v1/stock/{sku}" }; }
///     }
/// "#;
/// let descriptors = Descriptors::from_sources(&["shop.proto"], |name| match name {
///     "shop.proto" => Ok(source.to_owned()),
///     _ => Err(std::io::ErrorKind::NotFound.into()),
/// })?;
/// let transcoder = Transcoder::new(&descriptors, TranscoderOptions::default()).unwrap();
///
/// let path = "/v1/stock/A-7";
/// let binding = transcoder.find(Method::Get, path).unwrap();
/// assert_eq!(binding.rpc_path(), "/shop.Stock/Find");
/// let message = transcoder.request(binding, path, Some("fresh=true"), b"").unwrap();
/// assert_eq!(message, b"\x10\x01\x0a\x03A-7");
///
/// let mut json = Vec::new();
/// transcoder.response(binding, b"\x0a\x03A-7\x10\x05", &mut json).unwrap();
/// assert_eq!(json, br#"{"sku":"A-7","inStock":"5"}"#);
/// # Ok::<_, maitred_grpc::LoadError>(())
/// ```
#[derive(Clone)]
pub struct Transcoder {
    pool: DescriptorPool,
    options: Arc<TranscoderOptions>,
    bindings: Vec<Binding>,
    /// Places in `bindings`.
    table: PathTable<usize>,
}

/// A service or an annotation that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingProblem {
    /// The full name of the service or of its method.
    pub rpc: String,
    /// What is wrong, for people.
    pub problem: String,
}

impl Transcoder {
    /// Compiles the annotations of the services, and for every method also `POST /package.Service/Method` with the
    /// message as its body. Everything that is wrong is told, not only the first.
    pub fn new(descriptors: &Descriptors, options: TranscoderOptions) -> Result<Self, Vec<BindingProblem>> {
        let mut problems = Vec::new();
        let mut services = options.services.clone();
        if services.is_empty() {
            services.extend(descriptors.services().map(str::to_owned));
        }
        let mut methods = Vec::new();
        for name in services {
            match descriptors.pool().get_service_by_name(&name) {
                Some(service) => methods.extend(service.methods()),
                None => problems.push(BindingProblem::new(&name, "there is no such service")),
            }
        }
        let pool = descriptors.pool().clone();
        let options = Arc::new(options);
        let mut compiled = Self { pool, options, bindings: Vec::new(), table: PathTable::default() };
        for method in &methods {
            compiled.bind_annotated(method, &mut problems);
        }
        for method in &methods {
            if let Err(problem) = compiled.bind_default(method) {
                problems.push(BindingProblem::new(method.full_name(), problem));
            }
        }
        if problems.is_empty() { Ok(compiled) } else { Err(problems) }
    }

    /// The call that a request means. HEAD means what GET means where it is not bound itself.
    pub fn find(&self, method: Method, path: &str) -> Option<&Binding> {
        self.table.find(method, path).map(|&at| &self.bindings[at])
    }

    /// The methods that are bound at a path, for `Allow`; empty where the path means nothing.
    pub fn allowed(&self, path: &str) -> Vec<Method> {
        self.table.allowed(path)
    }

    /// All bindings, in the order of the services and their methods; the default ones come last.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter()
    }

    fn bind_annotated(&mut self, method: &MethodDescriptor, problems: &mut Vec<BindingProblem>) {
        let told = |problem: String| BindingProblem::new(method.full_name(), problem);
        let rule = match HttpRule::of(method) {
            Ok(Some(rule)) => rule,
            Ok(None) => return,
            Err(problem) => return problems.push(told(problem)),
        };
        for rule in rule.flat() {
            let bound = rule.and_then(|rule| {
                let (verb, template) = rule.pattern()?;
                let binding = Binding::compile(method, verb, template, &rule.body, &rule.response_body)?;
                self.insert(binding)
            });
            if let Err(problem) = bound {
                problems.push(told(problem));
            }
        }
    }

    /// Binds the path of the call itself, unless an annotation of the same method has done so.
    fn bind_default(&mut self, method: &MethodDescriptor) -> Result<(), String> {
        let template = PathTemplate::literal(&[method.parent_service().full_name(), method.name()]);
        let binding = Binding::compile(method, Some(Method::Post), template, "*", "")?;
        let path = binding.rpc_path().to_owned();
        let is_bound = self
            .find(Method::Post, &path)
            .is_some_and(|bound| bound.rpc_path() == path && bound.has_literal_path());
        if is_bound { Ok(()) } else { self.insert(binding) }
    }

    fn insert(&mut self, binding: Binding) -> Result<(), String> {
        if let Err(&other) = self.table.insert(binding.method(), binding.template(), self.bindings.len()) {
            return Err(format!("{binding} is bound to {} as well", self.bindings[other].rpc_path()));
        }
        self.bindings.push(binding);
        Ok(())
    }
}

impl fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcoder").field("bindings", &self.bindings).finish_non_exhaustive()
    }
}

impl BindingProblem {
    fn new(rpc: &str, problem: impl Into<String>) -> Self {
        Self { rpc: rpc.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for BindingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rpc, self.problem)
    }
}

#[cfg(test)]
mod tests;
