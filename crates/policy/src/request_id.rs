//! The id of one request, the same on the request, the response, in logs and traces.
//! Whether the client's is kept is decided by the policy `request_id`.

use std::fmt;

use smallvec::SmallVec;

/// A request id: one made by the gateway (a UUID of version 7, RFC 9562 section 5.7) or one taken from the client.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(SmallVec<[u8; 36]>);

impl RequestId {
    /// The longest id that is taken from a client.
    pub const MAX: usize = 128;

    /// A UUID of version 7: milliseconds since the Unix epoch, and ten random bytes.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&unix_millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = bytes[6] & 0x0f | 0x70;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        // Dashes stand after the fourth, sixth, eighth and tenth byte.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let mut text = [b'-'; 36];
        for (byte, place) in bytes.into_iter().zip(PLACES) {
            text[place] = hex(byte >> 4);
            text[place + 1] = hex(byte & 15);
        }
        Self(SmallVec::from_buf(text))
    }

    /// An id as a client sent it: 1 to [`MAX`](Self::MAX) letters, digits and `-_.~+/=:@`, so that it can stand in logs
    /// and headers as it is. None for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_plain = |byte: &u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=' | b':' | b'@')
        };
        ((1..=Self::MAX).contains(&text.len()) && text.iter().all(is_plain)).then(|| Self(text.into()))
    }

    /// The id as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id is ASCII")
    }
}

const fn hex(digit: u8) -> u8 {
    b"0123456789abcdef"[digit as usize]
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_uuids_of_version_7() {
        // The example of RFC 9562 appendix A.6.
        let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
        let id = RequestId::new(0x017f_22e2_79b0, random);
        assert_eq!(id.as_str(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn takes_plain_ids_only() {
        assert!(RequestId::parse(b"abc-123_/=").is_some());
        for bad in [&b""[..], b"a b", b"a\"b", b"a\nb", "ü".as_bytes(), &[b'a'; 129]] {
            assert!(RequestId::parse(bad).is_none());
        }
    }
}
