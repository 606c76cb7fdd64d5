//! How keys are named on a server: `PREFIX` `SCOPE` `:{` `VALUE` `}` and, for limits, which one it is. What stands in braces is the hash
//! tag of Redis Cluster: all keys of one value are on one server.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

use crate::key::{Key, Scope};
use crate::limit::{Algorithm, Limit, Period};

/// Values that are longer are hashed, unless they are to be listed.
const LONGEST: usize = 128;

/// An empty value, which would be no hash tag.
const EMPTY: &str = "%";

/// What begins the place of a value that is hashed; no other value has a percent sign before this letter.
const HASHED: &str = "%sha256-";

/// The name of what is kept under a key.
pub(super) fn of(prefix: &str, key: Key<'_>) -> String {
    let mut name = of_scope(prefix, key.scope);
    if key.value.is_empty() {
        name.push_str(EMPTY);
    } else if key.value.len() > LONGEST && !key.scope.is_durable {
        name.push_str(HASHED);
        push_hex(&mut name, digest(&SHA256, key.value).as_ref());
    } else {
        push_escaped(&mut name, key.value);
    }
    name.push('}');
    name
}

/// What the names of all keys of a scope begin with.
pub(super) fn of_scope(prefix: &str, scope: &Scope) -> String {
    let mut name = String::with_capacity(prefix.len() + scope.name.len() + 40);
    name.push_str(prefix);
    push_escaped(&mut name, scope.name.as_bytes());
    name.push_str(":{");
    name
}

/// The value in the name of a key of a scope; none where it is not one.
pub(super) fn value(of_scope: &str, name: &[u8]) -> Option<Box<[u8]>> {
    let rest = name.strip_prefix(of_scope.as_bytes())?;
    let escaped = &rest[..rest.iter().position(|&byte| byte == b'}')?];
    if escaped == EMPTY.as_bytes() { Some(Box::default()) } else { unescaped(escaped) }
}

/// A pattern of `SCAN` for names that begin so.
pub(super) fn pattern(of_scope: &str) -> String {
    let mut pattern = String::with_capacity(of_scope.len() + 8);
    for character in of_scope.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

/// Which counter of a key it is, after the name of that.
pub(super) fn push_limit(name: &mut String, limit: &Limit) {
    let (algorithm, period, count) = limit.counted();
    let algorithm = match algorithm {
        Algorithm::TokenBucket => "token_bucket",
        Algorithm::SlidingWindow => "sliding_window",
        Algorithm::SlidingWindowEstimate => "sliding_window_estimate",
        Algorithm::FixedWindow => "fixed_window",
        Algorithm::LeakyBucket => "leaky_bucket",
    };
    let _ = write!(name, ":{algorithm}:");
    if count > 0 {
        let _ = write!(name, "{count}/");
    }
    let _ = match period {
        Period::Length(length) => write!(name, "{}us", length.as_micros()),
        Period::Month => write!(name, "month"),
    };
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}' | b'%')
}

fn push_escaped(name: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if is_plain(byte) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
}

fn unescaped(escaped: &[u8]) -> Option<Box<[u8]>> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((&byte, after)) = rest.split_first() {
        rest = if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            &after[2..]
        } else {
            bytes.push(byte);
            after
        };
    }
    Some(bytes.into())
}

/// Bytes as hexadecimal digits.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::cluster::slot;
    use super::*;

    fn named(value: &[u8], is_durable: bool) -> String {
        let name = "limit:global/rate_limit";
        let scope = if is_durable { Scope::durable(name) } else { Scope::new(name) };
        of("maitred:", Key { scope: &scope, value })
    }

    #[test]
    fn names_can_be_read() {
        assert_eq!(named(b"10.0.0.1", false), "maitred:limit:global/rate_limit:{10.0.0.1}");
        assert_eq!(named(b"", false), "maitred:limit:global/rate_limit:{%}");
        assert_eq!(
            named("a b{}%\u{e9}".as_bytes(), false),
            "maitred:limit:global/rate_limit:{a%20b%7B%7D%25%C3%A9}"
        );
        let of_limit = |algorithm, period| {
            let mut name = String::new();
            push_limit(&mut name, &Limit { algorithm, count: 10, period, burst: 20 });
            name
        };
        let second = Period::Length(Duration::from_secs(1));
        assert_eq!(of_limit(Algorithm::TokenBucket, second), ":token_bucket:10/1000000us");
        assert_eq!(of_limit(Algorithm::FixedWindow, Period::Month), ":fixed_window:month");
    }

    #[test]
    fn long_values_are_hashed_unless_they_are_to_be_listed() {
        let long = [b'x'; 129];
        let hashed = named(&long, false);
        assert!(hashed.len() < 128 && hashed.contains("{%sha256-"), "{hashed}");
        assert_ne!(hashed, named(&[b'x'; 130], false));
        assert!(named(&long, true).contains(&"x".repeat(129)));
    }

    #[test]
    fn values_come_back_out_of_names_whatever_they_are() {
        let scope = Scope::durable("quota:[a]*");
        let start = of_scope("p:", &scope);
        for bytes in [&b""[..], b"plain", b"}{%*[?]\\", b"\0\xff", b"%", b"sha256-"] {
            let mut name = of("p:", Key { scope: &scope, value: bytes });
            assert_eq!(value(&start, name.as_bytes()).as_deref(), Some(bytes));
            // Keys of one value are on one server of a cluster.
            let bare = slot(name.as_bytes());
            name.push_str(":{other}");
            assert_eq!(slot(name.as_bytes()), bare);
        }
        assert_eq!(value(&start, b"p:quota:other:{a}"), None);
        assert_eq!(value(&start, b"p:quota:[a]*:{a%2}"), None);
        assert_eq!(value(&start, b"p:quota:[a]*:{a"), None);
        assert_eq!(pattern(&start), r"p:quota:\[a\]\*:{*");
    }
}
