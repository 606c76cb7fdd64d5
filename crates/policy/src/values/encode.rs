//! Making values fit where they are put: percent-decoding and -encoding, and blanks for control bytes.
//!
//! All of it works at the end of the buffer that the text is rendered into, so that nothing is allocated.

/// Whether a byte means itself everywhere in a URL (RFC 3986 section 2.3).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~')
}

/// The bytes of a percent-encoded text; broken escapes stay as they are. With `plus`, `+` is a blank, as in forms.
pub(super) fn decoded(text: &str, plus: bool) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (byte, behind) = match *rest {
            [] => return None,
            [b'%', high, low, ref behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(high) << 4 | digit(low), behind)
            }
            [b'+', ref behind @ ..] if plus => (b' ', behind),
            [byte, ref behind @ ..] => (byte, behind),
        };
        rest = behind;
        Some(byte)
    })
}

const fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}

/// Percent-encodes what stands in `out` from `start` on, all but unreserved bytes: it then adds no segment to a path
/// and no parameter to a query.
pub(super) fn percent_encode_from(out: &mut Vec<u8>, start: usize) {
    encode_where(out, start, |byte| !is_unreserved(byte));
}

/// Percent-encodes what stands in `out` from `start` on and is no visible ASCII, or is a backslash, which browsers
/// take for a slash.
pub(super) fn make_visible_from(out: &mut Vec<u8>, start: usize) {
    encode_where(out, start, |byte| !byte.is_ascii_graphic() || byte == b'\\');
}

fn encode_where(out: &mut Vec<u8>, start: usize, encode: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let longer = 2 * out[start..].iter().filter(|&&byte| encode(byte)).count();
    if longer == 0 {
        return;
    }
    let mut from = out.len();
    let mut to = from + longer;
    out.resize(to, 0);
    // From the end to the front, so that no byte is overwritten before it was read.
    while from > start {
        from -= 1;
        let byte = out[from];
        if encode(byte) {
            to -= 3;
            out[to] = b'%';
            out[to + 1] = DIGITS[usize::from(byte >> 4)];
            out[to + 2] = DIGITS[usize::from(byte & 15)];
        } else {
            to -= 1;
            out[to] = byte;
        }
    }
}

/// Puts blanks for the bytes that no field value may have (RFC 9110 section 5.5): a value never ends a field and begins
/// another.
pub(super) fn blank_controls(text: &mut [u8]) {
    for byte in text {
        if (*byte < b' ' && *byte != b'\t') || *byte == 0x7f {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str, plus: bool) -> Vec<u8> {
        decoded(text, plus).collect()
    }

    #[test]
    fn decodes_what_is_whole() {
        assert_eq!(decode("a%2Fb%c3%BC+", true), "a/bü ".as_bytes());
        assert_eq!(decode("a+%zz%4", false), b"a+%zz%4");
        assert_eq!(decode("%", true), b"%");
    }

    #[test]
    fn encodes_in_place() {
        let mut out = b"/?&".to_vec();
        out.extend_from_slice("a/ü\r~".as_bytes());
        percent_encode_from(&mut out, 3);
        assert_eq!(out, b"/?&a%2F%C3%BC%0D~");
        let mut out = b"a b/\\%41".to_vec();
        make_visible_from(&mut out, 0);
        assert_eq!(out, b"a%20b/%5C%41");
    }

    #[test]
    fn control_bytes_become_blanks() {
        let mut text = b"a\r\nb\tc\0d\x7f\xfc".to_vec();
        blank_controls(&mut text);
        assert_eq!(text, b"a  b\tc d \xfc");
    }
}
