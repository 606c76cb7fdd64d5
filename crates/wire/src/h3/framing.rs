//! The frames of a request's stream (RFC 9114 section 7.1), as far as they matter for what `h3` is given: it takes an empty DATA
//! frame for the end of the body, and the end of the stream within a frame for the end of the message.

/// The type of a DATA frame.
const BODY: u64 = 0;
/// The most bytes that a type and a length have together.
const HEAD: usize = 16;

/// Where in the frames of a stream its bytes are.
#[derive(Debug, Default)]
pub(super) struct Framing {
    head: [u8; HEAD],
    /// How much of the head is there.
    len: usize,
    /// Bytes of the frame that are to come.
    left: u64,
}

impl Framing {
    /// Whether one frame has ended and no other has begun.
    pub(super) fn is_between(&self) -> bool {
        self.len == 0 && self.left == 0
    }

    /// The bytes without empty DATA frames. A head that is not whole yet is kept for the next time.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Box<[u8]> {
        let mut passed = Vec::with_capacity(bytes.len() + self.len);
        while !bytes.is_empty() {
            if self.left > 0 {
                let part = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                passed.extend_from_slice(&bytes[..part]);
                self.left -= part as u64;
                bytes = &bytes[part..];
                continue;
            }
            self.head[self.len] = bytes[0];
            self.len += 1;
            bytes = &bytes[1..];
            let head = &self.head[..self.len];
            let Some((kind, rest)) = var_int(head) else { continue };
            let Some((length, _)) = var_int(rest) else { continue };
            if kind != BODY || length > 0 {
                passed.extend_from_slice(head);
            }
            (self.len, self.left) = (0, length);
        }
        passed.into()
    }
}

/// A number of variable length (RFC 9000 section 16), and what follows it; none where it is not whole.
fn var_int(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    let (number, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let value = number.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    // Its first two bits are its length.
    Some((value & (u64::MAX >> (66 - 8 * number.len())), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_four_lengths() {
        // RFC 9000 appendix A.1.
        for (bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ] {
            assert_eq!(var_int(bytes), Some((value, &[][..])));
            assert_eq!(var_int(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn empty_frames_of_data_do_not_pass_however_they_come() {
        let stream = [&[1, 3][..], b"abc", &[0, 0, 0, 2], b"xy", &[0x40, 0, 0, 0x21, 0, 0, 1], b"z"].concat();
        let expected = [&[1, 3][..], b"abc", &[0, 2], b"xy", &[0x21, 0, 0, 1], b"z"].concat();
        for size in 1..stream.len() {
            let mut framing = Framing::default();
            let passed: Vec<u8> =
                stream.chunks(size).flat_map(|part| framing.pass(part).into_vec()).collect();
            assert_eq!(passed, expected, "in pieces of {size}");
            assert!(framing.is_between());
        }
    }

    #[test]
    fn an_end_within_a_frame_is_seen() {
        for part in [&[0][..], &[0, 5], &[0, 5, b'a'], &[0x40], &[1, 0x80, 0]] {
            let mut framing = Framing::default();
            framing.pass(part);
            assert!(!framing.is_between(), "{part:?}");
        }
    }
}
