//! Bytes that clients chose, as text that cannot break out of a line, a quote or a terminal.
//! For logs only: the labels of metrics have an escaping of their own (`exposition`).

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes that stand for themselves in every form: printable ASCII but `"` and `\`.
static PLAIN: [bool; 256] = plain();

const fn plain() -> [bool; 256] {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
}

/// Appends what stands between the quotes of a JSON string (RFC 8259 section 7). Bytes that are no UTF-8 become
/// U+FFFD, control characters (also those after ASCII) their number.
#[inline]
pub(crate) fn push_json(bytes: &[u8], out: &mut Vec<u8>) {
    // Without an early exit, so that the compiler looks at 16 bytes at once.
    let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    if bytes.iter().fold(true, |all, byte| all & plain(*byte)) {
        out.extend_from_slice(bytes);
    } else {
        push_json_escaped(bytes, out);
    }
}

#[cold]
fn push_json_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                control if control.is_control() => {
                    let low = control as usize & 0xff;
                    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[low >> 4], HEX[low & 15]]);
                }
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// Appends what stands between the quotes of a field of the common log format: everything but printable ASCII, and the
/// quote and the backslash, as `\xhh`.
#[inline]
pub(crate) fn push_hex_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if PLAIN[usize::from(byte)] { out.push(byte) } else { push_hex(byte, out) }
    }
}

/// Like `push_hex_escaped`, for a field without quotes: a space is escaped too.
pub(crate) fn push_word(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte != b' ' && PLAIN[usize::from(byte)] { out.push(byte) } else { push_hex(byte, out) }
    }
}

/// Appends text for people: control characters as in JSON, everything else as it is.
pub(crate) fn push_readable(text: &str, out: &mut Vec<u8>) {
    for letter in text.chars() {
        let mut bytes = [0; 4];
        let letter_bytes = letter.encode_utf8(&mut bytes).as_bytes();
        if letter.is_control() {
            push_json(letter_bytes, out);
        } else {
            out.extend_from_slice(letter_bytes);
        }
    }
}

/// Appends the value of a `key=value` pair: in quotes, escaped as in JSON, where it would not be read as one word.
pub(crate) fn push_value(text: &str, out: &mut Vec<u8>) {
    let one_word = |byte: u8| PLAIN[usize::from(byte)] && byte != b' ' && byte != b'=';
    if !text.is_empty() && text.bytes().all(one_word) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.push(b'"');
        push_json(text.as_bytes(), out);
        out.push(b'"');
    }
}

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        push_json(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_pair_of_bytes_comes_back_from_a_json_parser() {
        for high in 0..=255_u8 {
            for low in 0..=255_u8 {
                let bytes = [b'a', high, low, b'z'];
                let parsed: String = serde_json::from_str(&format!("\"{}\"", json(&bytes))).unwrap();
                assert_eq!(parsed, String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        let told = json("a\u{1b}[2J\u{7f}\u{9b}31m\0\u{10ffff}é".as_bytes());
        assert_eq!(told, "a\\u001b[2J\\u007f\\u009b31m\\u0000\u{10ffff}é");
        assert_eq!(json(b"\xff\xfe\xe2\x82"), "\\ufffd\\ufffd\\ufffd");
    }

    #[test]
    fn quoted_fields_and_words_are_printable_ascii() {
        let mut out = Vec::new();
        push_hex_escaped("a \"\\\n\u{e9}".as_bytes(), &mut out);
        out.push(b'|');
        push_word(b"a b", &mut out);
        assert_eq!(out, br"a \x22\x5c\x0a\xc3\xa9|a\x20b");
    }
}
