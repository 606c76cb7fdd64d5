//! What encoded descriptors take in memory, told before anything is decoded: a message of two bytes on the wire becomes one of
//! hundreds. Needs no schema, so that options and what they hold count as well.

use crate::wire::{Wire, WireReader};

/// About the bytes that descriptors may take in memory at once; the largest public ones, of thousands of messages, take half.
const MAX_WEIGHT: usize = 128 << 20;
/// About what a text or a message takes, however short it is, with all that refers to it once it is in place.
const BYTES: usize = 1024;
/// About what a number takes, where nobody knows its field.
const NUMBER: usize = 64;
/// Messages are nested at most so deep; protobuf's own parsers refuse what is deeper.
const MAX_DEPTH: usize = 100;

/// It takes more than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooHeavy;

/// The weight of what has been looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weight(usize);

impl Weight {
    /// Adds an encoded message. Texts that could be messages count as such: that makes it more, and never less. Takes time for each
    /// field, and no memory.
    pub fn add(&mut self, message: &[u8]) -> Result<(), TooHeavy> {
        self.add_nested(message, MAX_DEPTH)
    }

    fn add_nested(&mut self, message: &[u8], depth: usize) -> Result<(), TooHeavy> {
        let mut reader = WireReader::new(message);
        // Parsers keep what came before the first mistake until they meet it.
        while let Ok(Some((_, value))) = reader.next() {
            self.0 += match value {
                Wire::Bytes(bytes) => {
                    if depth > 0 {
                        self.add_nested(bytes, depth - 1)?;
                    }
                    BYTES
                }
                // Not looked into: descriptors have none, and the shortest field has two bytes.
                Wire::Group(fields) => BYTES + fields.len() / 2 * NUMBER,
                Wire::Varint(_) | Wire::Fixed64(_) | Wire::Fixed32(_) => NUMBER,
            };
            if self.0 > MAX_WEIGHT {
                return Err(TooHeavy);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put;

    /// This many empty messages, as deep as that.
    fn messages(count: usize, depth: usize) -> Vec<u8> {
        let mut messages = b"\x22\x00".repeat(count);
        for _ in 0..depth {
            let mut outer = Vec::new();
            put(&mut outer, 3, Wire::Bytes(&messages));
            messages = outer;
        }
        messages
    }

    #[test]
    fn each_element_counts_wherever_it_is() {
        let most = MAX_WEIGHT / BYTES;
        for depth in [0, 1, 50] {
            assert_eq!(Weight::default().add(&messages(most - depth, depth)), Ok(()), "{depth}");
            assert_eq!(Weight::default().add(&messages(most + 1 - depth, depth)), Err(TooHeavy), "{depth}");
        }
        let mut both = Weight::default();
        assert_eq!(both.add(&messages(most / 2, 0)), Ok(()));
        assert_eq!(both.add(&messages(most / 2 + 1, 0)), Err(TooHeavy), "together they are too many");
        let numbers = b"\x08\x00".repeat(MAX_WEIGHT / NUMBER + 1);
        assert_eq!(Weight::default().add(&numbers), Err(TooHeavy));
        let group = [&b"\x0b"[..], &numbers, b"\x0c"].concat();
        assert_eq!(Weight::default().add(&group), Err(TooHeavy));
    }

    #[test]
    fn what_comes_before_a_mistake_counts() {
        let broken = [messages(MAX_WEIGHT / BYTES + 1, 0), b"\x07".to_vec()].concat();
        assert_eq!(Weight::default().add(&broken), Err(TooHeavy));
        assert_eq!(Weight::default().add(b"\x07"), Ok(()));
    }
}
