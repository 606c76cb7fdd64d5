//! Forms: `application/x-www-form-urlencoded`, as providers are asked (RFC 6749 appendix B).
//! They are only written here, never read.

use std::fmt;

/// Fields that are sent in a body. Some are secrets: it is not shown.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Form(String);

impl Form {
    /// The same with one field more.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, &mut self.0);
        self.0.push('=');
        encode(value, &mut self.0);
        self
    }

    /// The same with one field more, if it has a value.
    pub(crate) fn field_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// As it is sent.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(***)")
    }
}

/// Appends a text as it stands in forms.
pub(crate) fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte.into()),
            b' ' => out.push('+'),
            _ => {
                let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xf)]);
                out.extend(['%', digit(byte >> 4), digit(byte)]);
            }
        }
    }
}
