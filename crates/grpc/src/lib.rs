//! gRPC as functions of bytes: messages in frames, the status of a call, gRPC-Web, the question for health,
//! and JSON to gRPC by `google.api.http`.
//!
//! Nothing here opens a socket, spawns a task or reads a clock. Who has the call gives the bytes and sends what comes
//! out. Everything that is read is bounded: messages by the limits that are given, nesting, descriptors and output by
//! limits of their own.

mod base64;
mod code;
mod content_type;
mod descriptors;
mod frame;
mod health;
mod json;
mod reflection;
#[cfg(test)]
mod sample;
mod status;
mod table;
mod template;
mod timeout;
mod transcoder;
mod web;
mod weight;
mod wire;

pub use code::Code;
pub use content_type::is_grpc;
pub use descriptors::{Descriptors, LoadError};
pub use frame::{FRAME_HEAD, FrameError, FrameReader, push_frame};
pub use health::{HEALTH_CHECK_PATH, NotServing, health_question, read_health};
pub use json::{JsonError, JsonOptions};
pub use reflection::{Reflection, ReflectionError, ReflectionVersion};
pub use status::{GRPC_CONTENT_TYPE, Status};
pub use table::PathTable;
pub use template::{PathTemplate, TemplateError};
pub use timeout::{format_timeout, parse_timeout};
pub use transcoder::{
    Binding, BindingProblem, EventFormat, Place, RequestError, RequestStream, StatusProblem, Transcoder,
    TranscoderOptions,
};
pub use web::{WebError, WebMode, WebRequest, WebResponse};
