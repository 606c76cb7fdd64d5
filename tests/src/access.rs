//! A line of the access log, read.

use serde_json::Value;

/// One request as it was told.
#[derive(Clone, Debug)]
pub struct Access(Value);

impl Access {
    pub fn parse(line: &str) -> Self {
        Self(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// A field as text; numbers as they are written, absent ones empty.
    pub fn text(&self, field: &str) -> String {
        match &self.0[field] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    pub fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap_or_else(|| panic!("{field} is no number in {}", self.0))
    }
}
