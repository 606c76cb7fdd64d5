//! Base64 of JOSE (RFC 7515 section 2): the alphabet for URLs, no padding, no blanks, and no bits that mean nothing, so that each value
//! is written in one way only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that a text means; none if it is not written as it has to be.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_in_one_way() {
        assert_eq!(decode(b""), Some(vec![]));
        assert_eq!(decode(b"-_8").as_deref(), Some(&[0xfb, 0xff][..]));
        for wrong in ["-_9", "-_8=", "+/8", " -_8", "-_8\n", "-_ 8", "-", "-_8A_", "é"] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
