//! The scalars of the configuration language: durations, sizes, rates, templates, patterns, addresses.
//!
//! Pure parsers from the text of one scalar to its meaning. Each module has `parse`, whose result prints back as the
//! language writes it. Nothing here knows of YAML, files or the Document: the typed reader calls these and turns a
//! [`ScalarProblem`] into a problem with a place in a file.

use std::fmt;
use std::ops::Range;

pub mod byte_rate;
pub mod cidr;
pub mod duration;
pub mod endpoint_url;
pub mod field_path;
pub mod fingerprint;
pub mod header_name;
pub mod header_value;
mod host;
pub mod host_pattern;
pub mod http_url;
pub mod https_url;
pub mod instant;
pub mod ip_entry;
pub mod key_hash;
pub mod listen_address;
pub mod match_line;
pub mod method;
pub mod nearest;
mod number;
pub mod path_pattern;
pub mod percent;
pub mod rate;
pub mod redis_url;
pub mod server_name;
pub mod size;
mod socket_path;
pub mod source;
pub mod status;
#[cfg(test)]
pub(crate) mod table;
pub mod template;
pub mod value_name;

pub use byte_rate::ByteRate;
pub use endpoint_url::{EndpointHost, EndpointTarget, EndpointUrl, Scheme};
pub use field_path::FieldPath;
pub use fingerprint::Fingerprint;
pub use host_pattern::HostPattern;
pub use http_url::HttpUrl;
pub use ip_entry::IpEntry;
pub use key_hash::KeyHash;
pub use listen_address::ListenAddress;
pub use match_line::{MatchLine, Piece};
pub use path_pattern::{PathKind, PathPattern, Segment, Tail};
pub use percent::Percent;
pub use rate::{Rate, Window};
pub use redis_url::{RedisTarget, RedisUrl};
pub use source::{Source, Sources};
pub use template::{Part, Template};
pub use value_name::ValueName;

/// What is wrong with the text of one scalar, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalarProblem {
    /// What is wrong, in one line; names in backticks are quoted from the text.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Which bytes of the scalar's text are meant.
    pub at: Range<usize>,
}

impl ScalarProblem {
    /// A problem with the bytes `at` of the scalar.
    pub fn new(message: impl Into<String>, at: Range<usize>) -> Self {
        Self { message: message.into(), help: None, at }
    }

    /// A problem with the scalar as a whole.
    pub fn whole(message: impl Into<String>, text: &str) -> Self {
        Self::new(message, 0..text.len())
    }

    /// The same problem, with a way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same problem, seen from a text in which this one begins at byte `by`.
    pub fn shifted(mut self, by: usize) -> Self {
        self.at = self.at.start + by..self.at.end + by;
        self
    }
}

impl fmt::Display for ScalarProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ScalarProblem {}

/// `text` in backticks for a message: control characters escaped, cut after 60 characters.
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut quoted = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            quoted.push('…');
            break;
        }
        if c.is_control() {
            quoted.extend(c.escape_default());
        } else {
            quoted.push(c);
        }
    }
    quoted.push('`');
    quoted
}

/// Refuses an empty text and white space around it, which no scalar with a grammar takes.
fn refuse_blank(text: &str, wanted: &str, example: &str) -> Result<(), ScalarProblem> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(ScalarProblem::whole(format!("{wanted} is missing here"), text)
            .help(format!("write it like `{example}`")));
    }
    if trimmed.len() != text.len() {
        return Err(ScalarProblem::whole(format!("{} has spaces around it", quote(text)), text)
            .help(format!("write {}", quote(trimmed))));
    }
    Ok(())
}

/// Refuses white space inside the text.
fn refuse_spaces(text: &str) -> Result<(), ScalarProblem> {
    if !text.contains(char::is_whitespace) {
        return Ok(());
    }
    let closed: String = text.split_whitespace().collect();
    Err(ScalarProblem::whole(format!("{} has a space in it", quote(text)), text)
        .help(format!("write {}", quote(&closed))))
}
