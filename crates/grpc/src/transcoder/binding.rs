//! One way to make a call with HTTP: a method, a path template, and which fields come from where. Requests are read with
//! it, not by it.

use std::fmt;
use std::sync::Arc;

use maitred_http::Method;
use prost_reflect::{MessageDescriptor, MethodDescriptor};

use super::target::{Given, Target};
use crate::json::Slot;
use crate::template::{PathTemplate, Segment};

/// One way to make a call with HTTP. Clones share it.
#[derive(Clone)]
pub struct Binding(Arc<Parts>);

struct Parts {
    rpc: MethodDescriptor,
    rpc_path: String,
    /// None: every method.
    method: Option<Method>,
    template: PathTemplate,
    /// The fields of the variables, in the order of the template.
    variables: Vec<Target>,
    body: Body,
    /// The field of the answer that is its body; none: the whole message.
    response_body: Option<Slot>,
}

/// What the body of a request is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// There is none: all fields come from the path and the query.
    None,
    /// The message, but for what the path says. There is no query.
    Whole,
    /// The value of this field.
    Field(Slot),
}

impl Binding {
    /// Checks that the annotation fits the messages.
    pub(super) fn compile(
        rpc: &MethodDescriptor,
        method: Option<Method>,
        template: PathTemplate,
        body: &str,
        response_body: &str,
    ) -> Result<Self, String> {
        let input = rpc.input();
        let variables = variables(&input, &template)?;
        let body = match body {
            "" => Body::None,
            "*" => Body::Whole,
            name => Body::Field(
                top_field(&input, name)
                    .ok_or_else(|| format!("body: message {} has no field {name:?}", input.full_name()))?,
            ),
        };
        let response_body = match response_body {
            "" => None,
            name => Some(top_field(&rpc.output(), name).ok_or_else(|| {
                format!("response_body: message {} has no field {name:?}", rpc.output().full_name())
            })?),
        };
        let rpc_path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        let rpc = rpc.clone();
        Ok(Self(Arc::new(Parts { rpc, rpc_path, method, template, variables, body, response_body })))
    }

    /// The path of the call over gRPC: `/package.Service/Method`.
    pub fn rpc_path(&self) -> &str {
        &self.0.rpc_path
    }

    /// The method of HTTP; none: every one.
    pub fn method(&self) -> Option<Method> {
        self.0.method
    }

    /// The path template.
    pub fn template(&self) -> &PathTemplate {
        &self.0.template
    }

    /// Whether a request sends several messages.
    pub fn is_client_streaming(&self) -> bool {
        self.0.rpc.is_client_streaming()
    }

    /// Whether an answer has several messages.
    pub fn is_server_streaming(&self) -> bool {
        self.0.rpc.is_server_streaming()
    }

    /// Whether a request may have a body.
    pub fn takes_body(&self) -> bool {
        !matches!(self.0.body, Body::None)
    }

    /// The fields of the variables, in the order of the template.
    pub(super) fn variables(&self) -> &[Target] {
        &self.0.variables
    }

    /// What the body of a request is.
    pub(super) fn body(&self) -> &Body {
        &self.0.body
    }

    /// The field of the answer that is its body; none: the whole message.
    pub(super) fn response_body(&self) -> Option<&Slot> {
        self.0.response_body.as_ref()
    }

    /// The type of the messages of a request.
    pub(super) fn input(&self) -> MessageDescriptor {
        self.0.rpc.input()
    }

    /// The type of the messages of an answer.
    pub(super) fn output(&self) -> MessageDescriptor {
        self.0.rpc.output()
    }

    /// Whether the path has nothing in it that varies.
    pub(super) fn has_literal_path(&self) -> bool {
        self.0.template.segments.iter().all(|segment| matches!(segment, Segment::Literal(_)))
    }
}

/// Fields of a path are single values, and no two of them overlap.
fn variables(input: &MessageDescriptor, template: &PathTemplate) -> Result<Vec<Target>, String> {
    let mut targets: Vec<Target> = Vec::new();
    let mut given = Given::default();
    for name in template.variables() {
        let told = |problem: String| format!("the variable {{{name}}}: {problem}");
        let target = Target::find(input, name).map_err(told)?;
        if target.slot.is_list() {
            return Err(told("a path has no room for a list".to_owned()));
        }
        if targets.iter().any(|other| other.overlaps(&target.numbers)) {
            return Err(told("the field is given twice".to_owned()));
        }
        given.add(&target, false).map_err(told)?;
        targets.push(target);
    }
    Ok(targets)
}

/// A field of the message itself, not of one inside it.
fn top_field(message: &MessageDescriptor, name: &str) -> Option<Slot> {
    message
        .get_field_by_name(name)
        .or_else(|| message.get_field_by_json_name(name))
        .map(|field| Slot::of(&field))
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} -> {}", self.0.rpc_path)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.method {
            Some(method) => write!(f, "{method} {}", self.0.template),
            None => write!(f, "* {}", self.0.template),
        }
    }
}
