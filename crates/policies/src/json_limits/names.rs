//! What the name of a key says, however it is written: `"a"` and `"\u0061"` are the same name.
//! Kept is a number for it: two that are the same have the same, and hardly ever two others. A client that aims at these is
//! refused, and nobody else.

use std::hash::{DefaultHasher, Hasher as _};

/// A name that is being read.
#[derive(Debug, Default)]
pub(super) struct Name {
    hasher: DefaultHasher,
    /// The first half of a character that is written as two escapes.
    half: Option<u16>,
}

impl Name {
    /// Takes bytes as they stand there, or as an escape says them.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.settle();
        // One by one: how they come in pieces must make no difference.
        for &byte in bytes {
            self.hasher.write_u8(byte);
        }
    }

    /// Takes what `\uXXXX` says: a character, or half of one (RFC 8259 section 7).
    pub(super) fn push_unit(&mut self, unit: u16) {
        let pair = self.half.and_then(|half| char::decode_utf16([half, unit]).next()?.ok());
        if let Some(character) = pair.filter(|_| (0xdc00..0xe000).contains(&unit)) {
            self.half = None;
            self.push_char(character);
        } else if (0xd800..0xdc00).contains(&unit) {
            self.settle();
            self.half = Some(unit);
        } else if let Some(character) = char::from_u32(unit.into()) {
            self.push_char(character);
        } else {
            self.settle();
            self.hasher.write_u16(unit);
        }
    }

    fn push_char(&mut self, character: char) {
        self.push(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// A half whose other half did not come counts for itself.
    fn settle(&mut self) {
        if let Some(half) = self.half.take() {
            self.hasher.write_u16(half);
        }
    }

    /// The number of the whole name. The next one begins.
    pub(super) fn take(&mut self) -> u64 {
        self.settle();
        std::mem::take(&mut self.hasher).finish()
    }
}
