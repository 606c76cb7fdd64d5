//! The key as a request carries it: a string of Structured Fields (RFC 9651 section 3.3.3), or, as most clients write it, bare.
//! Both are the same key.

use maitred_http::{FieldName, Fields};
use sfv::{BareItem, Item, Parser};

/// The longest key: a UUID has 36 characters.
const LONGEST: usize = 255;

/// Why a key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The key of a request; none where it has none.
pub(super) fn key_of(fields: &Fields, name: &FieldName) -> Result<Option<String>, Malformed> {
    let mut lines = fields.all(name);
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => parse(line).map(Some).ok_or(Malformed),
        (Some(_), Some(_)) => Err(Malformed),
    }
}

fn parse(line: &[u8]) -> Option<String> {
    let key = if line.starts_with(b"\"") {
        let item: Item = Parser::new(line).parse().ok()?;
        let BareItem::String(key) = item.bare_item else { return None };
        String::from(key)
    } else {
        let is_bare = line.iter().all(|byte| byte.is_ascii_graphic() && !b"\",;".contains(byte));
        is_bare.then(|| String::from_utf8_lossy(line).into_owned())?
    };
    (1..=LONGEST).contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_keys_are_the_same() {
        for (line, key) in [
            ("\"abc\"", Some("abc")),
            ("abc", Some("abc")),
            ("\"a b\\\"c\"", Some("a b\"c")),
            ("\"abc\";v=1", Some("abc")),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", Some("8e03978e-40d5-43dd-bc93-6894a57f9324")),
            ("MDEyMw==", Some("MDEyMw==")),
            ("", None),
            ("\"\"", None),
            ("\"abc", None),
            ("\"abc\", \"def\"", None),
            ("abc, def", None),
            ("a b", None),
            ("a\"b", None),
            ("abc;v=1", None),
            ("\"ä\"", None),
            ("ä", None),
        ] {
            assert_eq!(parse(line.as_bytes()).as_deref(), key, "{line}");
        }
        assert_eq!(parse("x".repeat(255).as_bytes()).map(|key| key.len()), Some(255));
        assert_eq!(parse("x".repeat(256).as_bytes()), None);
        assert_eq!(parse(format!("\"{}\"", "x".repeat(256)).as_bytes()), None);
    }

    #[test]
    fn two_keys_are_none() {
        let name = FieldName::parse("Idempotency-Key").unwrap();
        let mut fields = Fields::default();
        assert_eq!(key_of(&fields, &name), Ok(None));
        fields.append(&name, b"a");
        assert_eq!(key_of(&fields, &name), Ok(Some("a".to_owned())));
        fields.append(&name, b"a");
        assert_eq!(key_of(&fields, &name), Err(Malformed));
    }
}
