//! Whether bytes are UTF-8 (RFC 3629), in pieces that may end inside a character.
//! Whole pieces are left to the standard library; here is what hangs over their ends.

/// Where in a character it is.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// Bytes of the character that are still to come.
    left: usize,
    /// Between which the next of them has to be.
    low: u8,
    high: u8,
}

/// There is a byte that is no UTF-8.
#[derive(Debug)]
pub(super) struct NotUtf8;

impl Utf8 {
    /// Whether a character has begun and not ended.
    pub(super) fn is_inside(&self) -> bool {
        self.left > 0
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotUtf8> {
        while self.left > 0 {
            let Some((&byte, behind)) = bytes.split_first() else { return Ok(()) };
            if !(self.low..=self.high).contains(&byte) {
                return Err(NotUtf8);
            }
            (self.left, self.low, self.high) = (self.left - 1, 0x80, 0xbf);
            bytes = behind;
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                self.begin(&bytes[error.valid_up_to()..]);
                Ok(())
            }
            Err(_) => Err(NotUtf8),
        }
    }

    /// Takes the beginning of a character, as far as it is there. It is good so far.
    fn begin(&mut self, bytes: &[u8]) {
        let following;
        (following, self.low, self.high) = match bytes[0] {
            0xe0 => (2, 0xa0, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xf0 => (3, 0x90, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            _ => (1, 0x80, 0xbf),
        };
        if bytes.len() > 1 {
            (self.low, self.high) = (0x80, 0xbf);
        }
        self.left = following + 1 - bytes.len();
    }
}
