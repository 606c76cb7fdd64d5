//! The way back: what a service answers to a call becomes JSON, whole or piece by piece, or a problem.
//! What is no answer of gRPC goes on as it came.

use std::sync::Arc;

use maitred_grpc::{Binding, EventFormat, FrameReader, Status, Transcoder};
use maitred_http::{Fields, Known, ResponseHead};
use maitred_policy::{BodyFilter, Facts, Fault, Reply, ResponseBody, WholeBody};

/// Bytes that one message of a service may have.
const MAX_MESSAGE: usize = 64 << 20;

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Call {
    binding: Binding,
    format: EventFormat,
}

impl Call {
    pub(super) fn new(binding: Binding, format: EventFormat) -> Self {
        Self { binding, format }
    }

    /// Makes an answer to the call one to the request. The answer is another one where the service refused.
    pub(super) fn answer(
        self,
        transcoder: &Arc<Transcoder>,
        response: &mut ResponseHead,
        body: &mut ResponseBody,
        facts: &Facts,
    ) -> Result<Option<Reply>, Fault> {
        let kind = response.fields.known(Known::ContentType).unwrap_or_default();
        let is_grpc = kind.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
        if response.status != 200 || !is_grpc {
            // The gateway's own, or something before the service: it is told as it came.
            return Ok(None);
        }
        if let Some(status) = Status::read(&response.fields).filter(|status| status.code.number() != 0) {
            return Ok(Some(problem(transcoder, &status, facts)));
        }
        let whole = body.whole.take();
        remove_grpc_fields(&mut response.fields);
        if self.binding.is_server_streaming() {
            response.fields.set_known(Known::ContentType, self.format.content_type().as_bytes());
            let Self { binding, format } = self;
            let transcoder = Arc::clone(transcoder);
            let frames = FrameReader::new(MAX_MESSAGE);
            body.filters.add(Box::new(Events { transcoder, binding, format, frames }));
            return Ok(None);
        }
        let whole = whole.map(|whole| *whole).unwrap_or_default();
        let status = whole.trailers.as_ref().and_then(Status::read).unwrap_or_else(|| Status::missing(200));
        if status.code.number() != 0 {
            return Ok(Some(problem(transcoder, &status, facts)));
        }
        let mut json = Vec::new();
        let message = only_message(&whole.bytes)?;
        transcoder.response(&self.binding, &message, &mut json).map_err(broken)?;
        response.fields.set_known(Known::ContentType, b"application/json");
        body.whole = Some(Box::new(WholeBody { bytes: json, trailers: None }));
        Ok(None)
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::bad_gateway("grpc_answer").source(error)
}

/// The message of an answer that has one.
fn only_message(mut bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut frames = FrameReader::new(MAX_MESSAGE);
    let message = frames.take(&mut bytes).map_err(broken)?;
    match message {
        Some(message) if bytes.is_empty() => Ok(message),
        _ => Err(Fault::bad_gateway("grpc_answer")),
    }
}

/// What only says something to clients of gRPC.
fn remove_grpc_fields(fields: &mut Fields) {
    fields.remove_where(|name| name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"grpc-")));
    fields.remove_known(Known::ContentLength);
    fields.remove_known(Known::Trailer);
}

/// A problem (RFC 9457) that tells a status.
fn problem(transcoder: &Transcoder, status: &Status, facts: &Facts) -> Reply {
    let told = transcoder.problem(status);
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut json = format!(
        r#"{{"type":"about:blank","title":{},"status":{},"detail":{},"request_id":{}"#,
        text(told.title),
        told.status,
        text(&told.detail),
        text(facts.request_id.as_str()),
    );
    for (name, value) in &told.members {
        // The members are JSON already.
        json.extend([",\"", name, "\":", value]);
    }
    json.push('}');
    let mut reply = Reply::new(told.status);
    reply.head.fields.append_known(Known::ContentType, b"application/problem+json");
    reply.body = json.into_bytes().into();
    reply
}

/// Messages as they come, each as a line or an event.
struct Events {
    transcoder: Arc<Transcoder>,
    binding: Binding,
    format: EventFormat,
    frames: FrameReader,
}

impl BodyFilter for Events {
    fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        while let Some(message) = self.frames.take(&mut piece).map_err(broken)? {
            self.transcoder.event(&self.binding, self.format, &message, out).map_err(broken)?;
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, out: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        let status = trailers.as_ref().and_then(Status::read).unwrap_or_else(|| Status::missing(200));
        if status.code.number() != 0 {
            self.transcoder.error_event(self.format, &status, out);
        } else {
            self.frames.finish().map_err(broken)?;
        }
        Ok(None)
    }
}
