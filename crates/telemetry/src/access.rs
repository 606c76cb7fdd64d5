//! The access log: the record of one request, its forms, and how a worker gets it to the thread that writes.
//! The last step of a request (record); which requests are logged, and where to, the engine decides.

mod common;
mod format;
mod json;
mod log;
mod record;
mod redact;

pub use self::format::{AccessFormat, AccessShape};
pub use self::log::AccessLog;
pub use self::record::AccessRecord;
pub use self::redact::QueryLogging;
