//! The annotation `google.api.http` of a method, read from the encoded options, so that it does not matter whether the
//! descriptors have the annotation's own file.

use maitred_http::Method;
use prost::Message as _;
use prost_reflect::MethodDescriptor;

use crate::template::PathTemplate;

/// `google.protobuf.MethodOptions`, as far as the annotation goes.
#[derive(Clone, PartialEq, prost::Message)]
struct MethodOptions {
    #[prost(message, optional, tag = "72295728")]
    http: Option<HttpRule>,
}

/// `google.api.HttpRule`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpRule {
    #[prost(oneof = "Pattern", tags = "2, 3, 4, 5, 6, 8")]
    pattern: Option<Pattern>,
    #[prost(string, tag = "7")]
    pub body: String,
    #[prost(string, tag = "12")]
    pub response_body: String,
    #[prost(message, repeated, tag = "11")]
    additional_bindings: Vec<HttpRule>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Pattern {
    #[prost(string, tag = "2")]
    Get(String),
    #[prost(string, tag = "3")]
    Put(String),
    #[prost(string, tag = "4")]
    Post(String),
    #[prost(string, tag = "5")]
    Delete(String),
    #[prost(string, tag = "6")]
    Patch(String),
    #[prost(message, tag = "8")]
    Custom(CustomPattern),
}

/// `google.api.CustomHttpPattern`.
#[derive(Clone, PartialEq, prost::Message)]
struct CustomPattern {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

impl HttpRule {
    /// The annotation of a method; none where it has none.
    pub fn of(method: &MethodDescriptor) -> Result<Option<Self>, String> {
        let options = method.options().encode_to_vec();
        let options =
            MethodOptions::decode(&*options).map_err(|error| format!("google.api.http: {error}"))?;
        Ok(options.http)
    }

    /// The rule and its additional bindings, which have none of their own.
    pub fn flat(self) -> Vec<Result<Self, String>> {
        let additional = self.additional_bindings.clone().into_iter().map(|rule| {
            if rule.additional_bindings.is_empty() {
                Ok(rule)
            } else {
                Err("additional_bindings must not have additional_bindings".to_owned())
            }
        });
        std::iter::once(Ok(self)).chain(additional).collect()
    }

    /// The method, none for every one, and the path.
    pub fn pattern(&self) -> Result<(Option<Method>, PathTemplate), String> {
        let (method, path) = match self.pattern.as_ref().ok_or("the annotation has no path")? {
            Pattern::Get(path) => (Some(Method::Get), path),
            Pattern::Put(path) => (Some(Method::Put), path),
            Pattern::Post(path) => (Some(Method::Post), path),
            Pattern::Delete(path) => (Some(Method::Delete), path),
            Pattern::Patch(path) => (Some(Method::Patch), path),
            Pattern::Custom(custom) if custom.kind == "*" => (None, &custom.path),
            Pattern::Custom(custom) => {
                let method = Method::parse(custom.kind.as_bytes())
                    .map_err(|_| format!("{:?} is no method of HTTP", custom.kind))?;
                (Some(method), &custom.path)
            }
        };
        let template = PathTemplate::parse(path).map_err(|error| format!("the path {path:?}, {error}"))?;
        Ok((method, template))
    }
}
