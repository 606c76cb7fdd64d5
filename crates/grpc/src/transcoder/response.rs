//! The messages of an answer as JSON: one as the body, or several as a stream of events whose last may be an error.
//! Frames were taken off before.

use maitred_http::{Fields, Known, list_items};

use super::{Binding, Transcoder};
use crate::json::{JsonError, Printer};
use crate::status::Status;

/// How the messages of an answer follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFormat {
    /// Each on a line of its own (NDJSON).
    Ndjson,
    /// Each as the `data` of an event (Server-Sent Events).
    Sse,
}

impl EventFormat {
    /// Server-Sent Events where `Accept` names them, else lines.
    pub fn of_request(fields: &Fields) -> Self {
        let names_events = |item: &[u8]| {
            let media = item.split(|&byte| byte == b';').next().unwrap_or(item);
            media.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
        };
        let is_sse = fields.all_known(Known::Accept).flat_map(list_items).any(names_events);
        if is_sse { Self::Sse } else { Self::Ndjson }
    }

    /// The content type of the answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Sse => "text/event-stream",
        }
    }

    const fn frame(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Ndjson => (b"", b"\n"),
            Self::Sse => (b"data: ", b"\n\n"),
        }
    }
}

impl Transcoder {
    /// Writes a message of an answer as JSON at the end of `out`. An error means that the service's answer cannot be
    /// told (502): it is malformed, too large, or refers to types that nobody knows. Then `out` is as it was.
    pub fn response(&self, binding: &Binding, message: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
        let start = out.len();
        let mut printer = Printer::new(&self.options.json, out);
        let printed = match binding.response_body() {
            Some(slot) => printer.field(&binding.output(), slot, message),
            None => printer.message(&binding.output(), message),
        };
        if printed.is_err() {
            out.truncate(start);
        }
        printed
    }

    /// Writes a message of a stream.
    pub fn event(
        &self,
        binding: &Binding,
        format: EventFormat,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), JsonError> {
        let start = out.len();
        let (before, behind) = format.frame();
        out.extend_from_slice(before);
        if let Err(error) = self.response(binding, message, out) {
            out.truncate(start);
            return Err(error);
        }
        out.extend_from_slice(behind);
        Ok(())
    }

    /// Writes the last event of a stream that ends with an error, once the answer has begun and no HTTP status can tell
    /// it: `{"error": {…}}` with a `google.rpc.Status`.
    pub fn error_event(&self, format: EventFormat, status: &Status, out: &mut Vec<u8>) {
        let (before, behind) = format.frame();
        out.extend_from_slice(before);
        out.extend_from_slice(b"{\"error\":");
        self.push_status(status, out);
        out.push(b'}');
        out.extend_from_slice(behind);
    }
}
