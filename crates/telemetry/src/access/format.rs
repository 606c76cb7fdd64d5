//! The forms an access record can take, chosen when the configuration is compiled.
//! Not where it goes: that is `AccessLog` and the `LogWriter` behind it.

use super::common;
use super::json;
use super::record::AccessRecord;
use super::redact::QueryLogging;
use crate::timestamp::TimeText;

/// What a line of the access log looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessShape {
    /// One JSON object, with everything that is known.
    #[default]
    Json,
    /// The common log format.
    Common,
    /// The common log format with `Referer` and `User-Agent`.
    Combined,
}

/// How access records are written: a shape, and how much of queries is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccessFormat {
    /// The shape of a line.
    pub shape: AccessShape,
    /// What is shown of queries.
    pub query: QueryLogging,
}

impl AccessFormat {
    /// Appends the record as one line, its end included. Allocates nothing but the room that `out` lacks.
    pub fn encode(&self, record: &AccessRecord<'_>, time: &mut TimeText, out: &mut Vec<u8>) {
        match self.shape {
            AccessShape::Json => json::encode(record, self.query, time, out),
            AccessShape::Common => common::encode(record, self.query, time, out),
            AccessShape::Combined => common::encode_combined(record, self.query, time, out),
        }
    }
}

#[cfg(test)]
mod tests;
