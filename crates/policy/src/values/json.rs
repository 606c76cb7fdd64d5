//! JSON strings, with correct escapes.
//! For bodies that are made of templates; nothing is parsed here.

/// Turns the bytes of `out` from `start` on into a JSON string; what is no UTF-8 becomes U+FFFD.
pub(super) fn quote_from(out: &mut Vec<u8>, start: usize) {
    let plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\') && *byte < 0x7f;
    if out[start..].iter().all(plain) {
        out.insert(start, b'"');
        out.push(b'"');
        return;
    }
    let raw = out.split_off(start);
    push_string(out, &String::from_utf8_lossy(&raw));
}

/// Appends `text` as a JSON string (RFC 8259 section 7).
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            ..b' ' | 0x7f => {
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_string_may_not_have() {
        let mut out = Vec::new();
        push_string(&mut out, "a\"\\\n\u{1}é\u{7f}");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"\\\\\\n\\u0001é\\u007f\"");
    }

    #[test]
    fn quotes_what_was_rendered() {
        for (raw, quoted) in
            [(&b"plain"[..], "\"plain\""), (b"", "\"\""), (b"a\"b", "\"a\\\"b\""), (b"\xff", "\"\u{fffd}\"")]
        {
            let mut out = b"x:".to_vec();
            out.extend_from_slice(raw);
            quote_from(&mut out, 2);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x:{quoted}"));
        }
    }
}
