//! Subjects of certificates as texts (RFC 4514), taken apart so that they can be compared: what is escaped in one and not in the other,
//! and spaces around signs, mean nothing. A sign inside a value is never one between parts.

/// A distinguished name. It is the same written from either end, and kept from the end from which it is the lesser.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject(Vec<Part>);

/// What stands between commas: most often one attribute, else some with `+` between them, in any order. Types are in upper case.
type Part = Vec<(String, Vec<u8>)>;

impl Subject {
    /// Takes a text apart; none if it is no subject, or an empty one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mut parts, mut part) = (Vec::new(), Part::new());
        let mut rest = text.trim_ascii_start();
        loop {
            let (name, behind) = rest.split_once('=')?;
            let name = name.trim_ascii();
            let is_type = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_type) {
                return None;
            }
            let (value, end) = value(behind)?;
            part.push((name.to_ascii_uppercase(), value));
            let next = behind.as_bytes().get(end).copied();
            if next != Some(b'+') {
                part.sort();
                parts.push(std::mem::take(&mut part));
            }
            if next.is_none() {
                if parts.iter().rev().lt(&parts) {
                    parts.reverse();
                }
                return Some(Self(parts));
            }
            rest = behind[end + 1..].trim_ascii_start();
        }
    }
}

/// The value at the beginning of a text, and where it ends: at a comma or plus that is not escaped, or at the end.
fn value(text: &str) -> Option<(Vec<u8>, usize)> {
    let mut bytes = text.bytes().enumerate().peekable();
    // Spaces that are not escaped stand around a value, and are none of it.
    let (mut value, mut end_of_value) = (Vec::new(), 0);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b',' | b'+' => {
                value.truncate(end_of_value);
                return Some((value, at));
            }
            b'\\' => {
                let (_, first) = bytes.next()?;
                let second = bytes.peek().and_then(|(_, second)| digit(*second));
                match digit(first).zip(second) {
                    Some((high, low)) => {
                        bytes.next();
                        value.push(high << 4 | low);
                    }
                    None if first.is_ascii_alphanumeric() => return None,
                    None => value.push(first),
                }
                end_of_value = value.len();
            }
            b' ' if value.is_empty() => {}
            b' ' => value.push(b' '),
            // They have to be escaped (RFC 4514 section 2.4), and in quotes other rules would hold.
            b'"' | b';' | b'<' | b'>' | 0 => return None,
            byte => {
                value.push(byte);
                end_of_value = value.len();
            }
        }
    }
    value.truncate(end_of_value);
    Some((value, text.len()))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(one: &str, other: &str) -> bool {
        Subject::parse(one).unwrap() == Subject::parse(other).unwrap()
    }

    #[test]
    fn how_it_is_written_means_nothing() {
        for (one, other) in [
            ("CN=joe,O=Example", "cn = joe , o = Example "),
            ("CN=joe,OU=a,O=Example", "O=Example, OU=a, CN=joe"),
            ("CN=joe\\, jr,O=x", "CN=joe\\2c jr,O=x"),
            ("CN=j\u{f6}e", "CN=j\\c3\\b6e"),
            ("CN=joe+UID=7,O=x", "UID=7 + CN=joe,O=x"),
            ("2.5.4.3=joe", "2.5.4.3=joe"),
            ("CN=\\ joe\\ ", "CN=\\20joe\\20"),
        ] {
            assert!(is(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_it_says_does() {
        for (one, other) in [
            ("CN=joe", "CN=joe2"),
            ("CN=joe", "CN=Joe"),
            ("CN=joe", "CN=joe,O=Example"),
            ("CN=joe", "O=x\\,CN=joe"),
            ("CN=joe,O=x", "O=x\\,CN=joe"),
            ("CN=joe,O=x", "CN=joe\\,O\\=x"),
            ("CN=joe,O=x", "CN=joe+O=x"),
            ("CN=joe", "OU=joe"),
            ("CN=joe", "CN=joe\\20"),
            ("CN=a b", "CN=a  b"),
            ("CN=a,OU=b,O=c", "OU=b,CN=a,O=c"),
        ] {
            assert!(!is(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_subject_is_none() {
        for text in [
            "",
            "joe",
            "=joe",
            "CN=joe,",
            "CN=joe,O",
            "CN=joe\\",
            "CN=joe\\zz",
            "CN=\"joe\"",
            "C N=joe",
            "CN=a;O=b",
        ] {
            assert_eq!(Subject::parse(text), None, "{text}");
        }
    }
}
