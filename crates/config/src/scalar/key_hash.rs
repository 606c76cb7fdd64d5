//! Hashes of API keys: `sha256:` and 64 hexadecimal digits. The keys themselves have no place in a configuration.
//! What is wrong with one is said without its text, which may be a key.

use std::fmt;

use super::ScalarProblem;

/// The SHA-256 of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

const SCHEME: &str = "sha256:";

/// Reads the hash of a key.
pub fn parse(text: &str) -> Result<KeyHash, ScalarProblem> {
    let Some(digits) = text.strip_prefix(SCHEME) else {
        return Err(ScalarProblem::whole("this is not the hash of a key", text)
            .help("write `sha256:…`: `maitred key hash` makes it of a key, `maitred key new` makes both"));
    };
    let mut hash = [0; 32];
    let pairs = digits.as_bytes().chunks_exact(2);
    let is_whole = digits.len() == 2 * hash.len() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_whole {
        return Err(ScalarProblem::whole("this hash is not whole", text)
            .help("64 hexadecimal digits stand behind `sha256:`"));
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        let digits = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    Ok(KeyHash(hash))
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn refuses_what_is_no_hash_without_telling_it() {
        let whole = "0123456789abcdef".repeat(4);
        let (short, sign) = (format!("sha256:{}", &whole[1..]), format!("sha256:+{}", &whole[1..]));
        let help = "(write `sha256:…`: `maitred key hash` makes it of a key, `maitred key new` makes both)";
        let none = format!("this is not the hash of a key {help}");
        let broken = "this hash is not whole (64 hexadecimal digits stand behind `sha256:`)";
        assert_refused(
            parse,
            &[("hush", "hush", &none), ("", "", &none), (&short, &short, broken), (&sign, &sign, broken)],
        );
    }

    proptest! {
        #[test]
        fn every_hash_is_read_as_it_is_written(hash: [u8; 32]) {
            let text = KeyHash(hash).to_string();
            prop_assert_eq!(parse(&text), Ok(KeyHash(hash)));
            let upper = format!("sha256:{}", text["sha256:".len()..].to_uppercase());
            prop_assert_eq!(parse(&upper), Ok(KeyHash(hash)));
        }

        #[test]
        fn never_panics(text in "\\PC*|sha256:[0-9a-fé+]{60,66}") {
            assert_no_panic(parse, &text);
        }
    }
}
