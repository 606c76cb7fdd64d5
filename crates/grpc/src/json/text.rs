//! Texts and numbers as JSON writes them: how they are escaped, and which of several notations a number has. What is
//! written when is not decided here.

use std::io::Write as _;

/// Writes a text in quotes. Only what must be escaped is (RFC 8259 section 7), so that no line end is in it.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | ..=0x1f)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => push(out, format_args!("\\u{byte:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Writes a double: the shortest text that reads back the same, and the three names for what is no number.
pub(super) fn push_double(out: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        push_shortest(out, format_args!("{number:?}"));
    } else {
        push_special(out, number.is_nan(), number > 0.0);
    }
}

/// The same for a float.
pub(super) fn push_float(out: &mut Vec<u8>, number: f32) {
    if number.is_finite() {
        push_shortest(out, format_args!("{number:?}"));
    } else {
        push_special(out, number.is_nan(), number > 0.0);
    }
}

fn push_special(out: &mut Vec<u8>, is_nan: bool, is_positive: bool) {
    out.extend_from_slice(match (is_nan, is_positive) {
        (true, _) => b"\"NaN\"",
        (false, true) => b"\"Infinity\"",
        (false, false) => b"\"-Infinity\"",
    });
}

fn push_shortest(out: &mut Vec<u8>, number: std::fmt::Arguments<'_>) {
    push(out, number);
    if out.ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}

pub(super) fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes all that is written");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e21, "1e21"),
            (-1.5e-9, "-1.5e-9"),
            (f64::NAN, "\"NaN\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            assert_eq!(written(|out| push_double(out, number)), text);
        }
        assert_eq!(written(|out| push_float(out, 0.1)), "0.1");
        assert_eq!(written(|out| push_float(out, f32::INFINITY)), "\"Infinity\"");
    }

    proptest! {
        #[test]
        fn texts_read_back(text in any::<String>()) {
            let json = written(|out| push_string(out, &text));
            prop_assert!(!json.contains(['\n', '\r']));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn numbers_read_back(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let json = written(|out| push_double(out, number));
            prop_assert_eq!(json.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert!(serde_json::from_str::<f64>(&json).is_ok());
        }
    }
}
