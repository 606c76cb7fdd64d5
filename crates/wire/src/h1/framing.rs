//! Where a body ends (RFC 9112 section 6.3), read more strictly than the RFC allows: whatever two programs could
//! read in two ways is refused, because that is what request smuggling is made of.

use maitred_http::{BodyLength, Fields, Known, Version};

use crate::error::Refusal;

/// The framing that the fields of a message announce: its body's length, `None` where neither field occurs.
pub(crate) fn announced(fields: &Fields, version: Version) -> Result<BodyLength, Refusal> {
    let chunked = fields.has(Known::TransferEncoding);
    let length = fields.has(Known::ContentLength);
    match (chunked, length) {
        (false, false) => Ok(BodyLength::None),
        (true, true) => Err(Refusal::Bad("Transfer-Encoding and Content-Length exclude each other")),
        (true, false) => transfer_encoding(fields, version).map(|()| BodyLength::Unknown),
        (false, true) => content_length(fields).map(BodyLength::Known),
    }
}

/// Only `chunked`, once, and not in HTTP/1.0, which does not know it (RFC 9112 section 6.1).
fn transfer_encoding(fields: &Fields, version: Version) -> Result<(), Refusal> {
    if version == Version::Http10 {
        return Err(Refusal::Bad("HTTP/1.0 knows no Transfer-Encoding"));
    }
    let mut values = fields.all_known(Known::TransferEncoding);
    match (values.next(), values.next()) {
        (Some(value), None) if value.eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Refusal::Bad("the only Transfer-Encoding taken is chunked, once")),
    }
}

fn content_length(fields: &Fields) -> Result<u64, Refusal> {
    let mut values = fields.all_known(Known::ContentLength);
    match (values.next(), values.next()) {
        (Some(value), None) => {
            parse_length(value).ok_or(Refusal::Bad("Content-Length is not a number of bytes"))
        }
        _ => Err(Refusal::Bad("Content-Length occurs twice")),
    }
}

/// Digits only, at most 2^63 - 1: no sign, no blank, no list.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = value.iter().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    i64::try_from(number).is_ok().then_some(number)
}

/// Whether a name is `Transfer-Encoding` or `Content-Length` once dashes and underscores are dropped, but is
/// neither: servers that map both to one character would take it for the real one.
pub(crate) fn is_lookalike(name: &[u8]) -> bool {
    // The real names are common, and nothing shorter than the shorter word is like it.
    if name.len() < 13 || name.eq_ignore_ascii_case(b"content-length") {
        return false;
    }
    let same = |word: &[u8]| {
        let mut letters = name.iter().filter(|byte| !matches!(byte, b'-' | b'_')).map(u8::to_ascii_lowercase);
        word.iter().all(|&byte| letters.next() == Some(byte)) && letters.next().is_none()
    };
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b't') => same(b"transferencoding") && !name.eq_ignore_ascii_case(b"transfer-encoding"),
        Some(b'c') => same(b"contentlength"),
        Some(b'_' | b'-') => same(b"transferencoding") || same(b"contentlength"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&str, &str)], version: Version) -> Result<BodyLength, Refusal> {
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        announced(&fields, version)
    }

    #[test]
    fn reads_what_is_plain() {
        let http11 = |lines: &[(&str, &str)]| read(lines, Version::Http11);
        assert_eq!(http11(&[]), Ok(BodyLength::None));
        assert_eq!(http11(&[("content-length", "0")]), Ok(BodyLength::Known(0)));
        assert_eq!(http11(&[("Content-Length", "0012")]), Ok(BodyLength::Known(12)));
        assert_eq!(http11(&[("Transfer-Encoding", "Chunked")]), Ok(BodyLength::Unknown));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for lines in [
            &[("Content-Length", "1"), ("Transfer-Encoding", "chunked")][..],
            &[("Content-Length", "1"), ("Content-Length", "1")],
            &[("Content-Length", "1, 1")],
            &[("Content-Length", "+1")],
            &[("Content-Length", "-0")],
            &[("Content-Length", "0x1")],
            &[("Content-Length", "")],
            &[("Content-Length", "99999999999999999999")],
            &[("Content-Length", "9223372036854775808")],
            &[("Transfer-Encoding", "gzip, chunked")],
            &[("Transfer-Encoding", "chunked, chunked")],
            &[("Transfer-Encoding", "identity")],
            &[("Transfer-Encoding", "")],
            &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
        ] {
            assert!(matches!(read(lines, Version::Http11), Err(Refusal::Bad(_))), "{lines:?}");
        }
        assert!(read(&[("Transfer-Encoding", "chunked")], Version::Http10).is_err());
    }

    #[test]
    fn knows_lookalikes() {
        for name in [
            "Transfer_Encoding",
            "transfer---encoding",
            "TransferEncoding",
            "Content_Length",
            "_content-length",
        ] {
            assert!(is_lookalike(name.as_bytes()), "{name}");
        }
        for name in
            ["Transfer-Encoding", "content-length", "Content-Language", "Te", "", "Transfer-Encodings"]
        {
            assert!(!is_lookalike(name.as_bytes()), "{name}");
        }
    }
}
