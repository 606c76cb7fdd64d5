//! The bodies of answers that the gateway makes itself: `application/problem+json` (RFC 9457), or what the document puts
//! in its place; a status to clients of gRPC.

use maitred_grpc::{Code, GRPC_CONTENT_TYPE, Status, is_grpc};
use maitred_http::{Known, RequestHead, ResponseHead, reason};
use maitred_policy::values::{BodyTemplate, ErrorView, View};
use maitred_policy::{Fault, Reply, ReplyBody};

/// How errors are told.
#[derive(Debug, Default)]
pub enum ErrorFormat {
    /// A problem detail with fixed public texts.
    #[default]
    Problem,
    /// A template of JSON.
    Json(BodyTemplate),
}

impl ErrorFormat {
    /// The answer to a fault. `view` is what templates may name.
    pub(crate) fn reply(&self, fault: &Fault, view: &View<'_>) -> Reply {
        let status = fault.status();
        if view.facts.speaks_grpc {
            return grpc_reply(fault, grpc_type(view.request).unwrap_or(GRPC_CONTENT_TYPE));
        }
        if let Some((head, body)) = fault.answer() {
            return Reply { head: head.clone(), body: body.clone().into() };
        }
        let mut head = ResponseHead { status, ..ResponseHead::default() };
        let error = ErrorView { status, title: reason(status), detail: fault.detail() };
        let body = match self {
            Self::Problem => {
                head.fields.append_known(Known::ContentType, b"application/problem+json");
                problem(&error, view.facts.request_id.as_str())
            }
            Self::Json(template) => {
                head.fields.append_known(Known::ContentType, b"application/json");
                let mut json = Vec::new();
                template.render(&View { error: Some(error), ..*view }, &mut json);
                json
            }
        };
        for (name, value) in fault.fields() {
            head.fields.append_bytes(name, value);
        }
        Reply { head, body: body.into() }
    }
}

/// The content type of a call of gRPC or gRPC-Web, whose clients look for errors in `grpc-status` alone.
pub(crate) fn grpc_type(request: &RequestHead) -> Option<&str> {
    let value = request.fields.known_str(Known::ContentType)?;
    let (kind, _) = value.split_once(';').unwrap_or((value, ""));
    is_grpc(value.as_bytes()).then_some(kind.trim())
}

fn grpc_reply(fault: &Fault, content_type: &str) -> Reply {
    let status = Status::new(Code::for_fault(fault.status()), fault.detail());
    let mut head = status.trailers_only(content_type);
    for (name, value) in fault.fields() {
        head.fields.append_bytes(name, value);
    }
    Reply { head, body: ReplyBody::default() }
}

/// A problem detail.
pub(crate) fn problem(error: &ErrorView<'_>, request_id: &str) -> Vec<u8> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut body = format!(
        r#"{{"type":"about:blank","title":{},"status":{},"detail":{}"#,
        text(error.title),
        error.status,
        text(error.detail)
    );
    if !request_id.is_empty() {
        body.push_str(r#","request_id":"#);
        body.push_str(&text(request_id));
    }
    body.push('}');
    body.into_bytes()
}
