//! Base64 (RFC 4648) as gRPC and proto3 JSON use it: which alphabet and padding is taken where, in one place. Text that
//! comes in pieces is cut into blocks by who reads it.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};

const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const UNPADDED: GeneralPurposeConfig = ANY_PADDING.with_encode_padding(false);

static PADDED_ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, ANY_PADDING);
static UNPADDED_ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, UNPADDED);
static URL_SAFE_ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, ANY_PADDING);
/// Blocks of four characters, with their padding and nothing behind it.
static STRICT_ENGINE: GeneralPurpose = base64::engine::general_purpose::STANDARD;

/// Reads the value of a binary header (`-bin`), padded or not.
pub fn decode_header(text: &[u8]) -> Option<Vec<u8>> {
    PADDED_ENGINE.decode(text).ok()
}

/// Writes the value of a binary header, without padding as gRPC asks.
pub fn encode_header(bytes: &[u8]) -> String {
    UNPADDED_ENGINE.encode(bytes)
}

/// Reads `bytes` of proto3 JSON: either alphabet, padded or not, and bits behind the last byte mean nothing.
pub fn decode_json(text: &str) -> Option<Vec<u8>> {
    let is_url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    if is_url_safe { URL_SAFE_ENGINE.decode(text).ok() } else { PADDED_ENGINE.decode(text).ok() }
}

/// Writes padded base64 at the end of `out`.
pub fn push_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written =
        STRICT_ENGINE.encode_slice(bytes, &mut out[start..]).expect("the room for padded base64 was made");
    out.truncate(start + written);
}

/// Reads whole blocks of four characters at the end of `out`; padding ends the text. Whether that went well.
#[must_use]
pub fn push_decoded(out: &mut Vec<u8>, text: &[u8]) -> bool {
    STRICT_ENGINE.decode_vec(text, out).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_padded_or_not_and_go_unpadded() {
        assert_eq!(decode_header(b"YQ=="), Some(b"a".to_vec()));
        assert_eq!(decode_header(b"YQ"), Some(b"a".to_vec()));
        assert_eq!(decode_header(b"Y"), None);
        assert_eq!(decode_header(b"Y Q"), None);
        assert_eq!(encode_header(b"a"), "YQ");
    }

    #[test]
    fn json_takes_both_alphabets() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode_json(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decode_json("-_"), Some(vec![0xfb]));
        assert_eq!(decode_json(""), Some(Vec::new()));
        for text in ["+_8", "a", "a===", "ab=c", "ab\n", "é"] {
            assert_eq!(decode_json(text), None, "{text}");
        }
    }

    #[test]
    fn blocks_are_read_strictly() {
        let mut out = b"x".to_vec();
        push_encoded(&mut out, b"abcd");
        assert_eq!(out, b"xYWJjZA==");
        let mut back = Vec::new();
        assert!(push_decoded(&mut back, &out[1..]));
        assert_eq!(back, b"abcd");
        for text in [&b"YQ"[..], b"YQ==YQ==", b"YR==", b"YQ=\n"] {
            assert!(!push_decoded(&mut Vec::new(), text));
        }
    }
}
