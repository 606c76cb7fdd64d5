//! A status as JSON: as the problem of an answer (RFC 9457), or as `google.rpc.Status` in a stream. The answer itself is
//! written by whoever has it.

use maitred_http::reason;

use super::Transcoder;
use crate::json::{JsonOptions, Printer, push_string};
use crate::status::Status;
use crate::wire::{Wire, WireReader};

/// The parts of a problem (RFC 9457) that tells a status. Who writes the answer adds what belongs to every one, such as
/// the id of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusProblem {
    /// The HTTP status.
    pub status: u16,
    /// Its reason phrase; for 499, which nobody has registered, the name that `google.rpc.Code` gives it.
    pub title: &'static str,
    /// The service's message; empty where it has none.
    pub detail: String,
    /// Further members by name, their values as JSON: `code` with the name of the code, and `details` where there are any.
    pub members: Vec<(&'static str, String)>,
}

impl Transcoder {
    /// The problem that tells a status to a client of HTTP.
    ///
    /// Details are written as `google.protobuf.Any` is; of a type that is not known there are `@type` and the bytes as
    /// base64 in `value`.
    pub fn problem(&self, status: &Status) -> StatusProblem {
        let http_status = status.code.http_status();
        let mut members = vec![("code", format!("\"{}\"", status.code.name()))];
        let mut details = Vec::new();
        if self.push_details(status, &mut details) {
            let details = String::from_utf8(details).expect("JSON that is written here is UTF-8");
            members.push(("details", details));
        }
        StatusProblem {
            status: http_status,
            title: if http_status == 499 { "Client Closed Request" } else { reason(http_status) },
            detail: status.message.clone(),
            members,
        }
    }

    /// Writes a `google.rpc.Status`.
    pub(super) fn push_status(&self, status: &Status, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{{\"code\":{}", status.code.number()).as_bytes());
        if !status.message.is_empty() {
            out.extend_from_slice(b",\"message\":");
            push_string(out, &status.message);
        }
        let start = out.len();
        out.extend_from_slice(b",\"details\":");
        if !self.push_details(status, out) {
            out.truncate(start);
        }
        out.push(b'}');
    }

    /// Writes the list of details. Whether there are any.
    fn push_details(&self, status: &Status, out: &mut Vec<u8>) -> bool {
        out.push(b'[');
        let mut is_empty = true;
        let mut reader = WireReader::new(&status.details);
        // Where the rest is malformed, what came before it is told.
        while let Ok(Some((number, value))) = reader.next() {
            let (3, Wire::Bytes(any)) = (number, value) else { continue };
            let start = out.len();
            if !is_empty {
                out.push(b',');
            }
            let options = JsonOptions { max_output: self.options.json.max_output, ..JsonOptions::default() };
            let (known, before) =
                (Printer::new(&options, out).any(&self.pool, any), start + usize::from(!is_empty));
            let is_told = known.is_ok() || {
                out.truncate(before);
                push_unknown(any, out)
            };
            if is_told {
                is_empty = false;
            } else {
                out.truncate(start);
            }
        }
        out.push(b']');
        !is_empty
    }
}

/// Writes the type and the bytes. Whether they could be found.
fn push_unknown(any: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok((url, value)) = Printer::any_parts(any) else { return false };
    out.extend_from_slice(b"{\"@type\":");
    push_string(out, url);
    out.extend_from_slice(b",\"value\":\"");
    crate::base64::push_encoded(out, value);
    out.extend_from_slice(b"\"}");
    true
}
