//! The way back: what a service answers to a call becomes JSON, whole or piece by piece, or a problem.
//! What is no answer of gRPC goes on as it came.

use std::sync::Arc;

use maitred_grpc::{Binding, Code, EventFormat, FrameReader, Status, Transcoder};
use maitred_http::{Fields, Known, ResponseHead};
use maitred_policy::{BodyFilter, Facts, Fault, Reply, ResponseBody, WholeBody};

/// Bytes that one message of a service may have.
const MAX_MESSAGE: usize = 64 << 20;

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Call {
    /// What it was made with: its answer is read with the same, whatever was fetched since.
    pub(super) transcoder: Arc<Transcoder>,
    pub(super) binding: Binding,
    pub(super) format: EventFormat,
}

/// What becomes of an answer.
pub(super) enum Answered {
    /// It goes on, as the answer to the request.
    Goes,
    /// The service refused: this goes in its place.
    Refused(Code, Reply),
}

impl Call {
    /// Makes an answer to the call one to the request.
    pub(super) fn answer(
        self,
        response: &mut ResponseHead,
        body: &mut ResponseBody,
        facts: &Facts,
    ) -> Result<Answered, Fault> {
        let Self { transcoder, binding, format } = self;
        let kind = response.fields.known(Known::ContentType).unwrap_or_default();
        let is_grpc = kind.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
        if response.status != 200 || !is_grpc {
            // The gateway's own, or something before the service: it is told as it came.
            return Ok(Answered::Goes);
        }
        let refused = |status: &Status| Answered::Refused(status.code, problem(&transcoder, status, facts));
        if let Some(status) = Status::read(&response.fields).filter(|status| status.code.number() != 0) {
            return Ok(refused(&status));
        }
        let whole = body.whole.take();
        remove_grpc_fields(&mut response.fields);
        if binding.is_server_streaming() {
            response.fields.set_known(Known::ContentType, format.content_type().as_bytes());
            let frames = FrameReader::new(MAX_MESSAGE);
            body.filters.add(Box::new(Events { transcoder, binding, format, frames }));
            return Ok(Answered::Goes);
        }
        let whole = whole.map(|whole| *whole).unwrap_or_default();
        let status = whole.trailers.as_ref().and_then(Status::read).unwrap_or_else(|| Status::missing(200));
        if status.code.number() != 0 {
            return Ok(refused(&status));
        }
        let mut json = Vec::new();
        let message = only_message(&whole.bytes)?;
        transcoder.response(&binding, &message, &mut json).map_err(broken)?;
        response.fields.set_known(Known::ContentType, b"application/json");
        body.whole = Some(Box::new(WholeBody { bytes: json, trailers: None }));
        Ok(Answered::Goes)
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
