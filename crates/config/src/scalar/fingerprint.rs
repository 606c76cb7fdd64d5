//! Fingerprints of certificates: `sha256:` and 64 hexadecimal digits.
//! Between the bytes there may be colons, which mean nothing.

use std::fmt;

use super::ScalarProblem;

/// The SHA-256 of a certificate, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub Box<str>);

const SCHEME: &str = "sha256:";

/// Reads a fingerprint. `openssl x509 -fingerprint -sha256` writes the digits with colons.
pub fn parse(text: &str) -> Result<Fingerprint, ScalarProblem> {
    let wrong = || {
        ScalarProblem::whole("this is not the fingerprint of a certificate", text)
            .help("64 hexadecimal digits stand behind `sha256:`: `openssl x509 -noout -fingerprint -sha256` tells them")
    };
    let digits = text.strip_prefix(SCHEME).ok_or_else(wrong)?;
    let bytes: Vec<&str> = digits.split(':').collect();
    let is_whole = bytes.len() == 1 || bytes.len() == 32 && bytes.iter().all(|byte| byte.len() == 2);
    let digits = bytes.concat().to_ascii_lowercase();
    let is_hexadecimal = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_whole && is_hexadecimal { Ok(Fingerprint(digits.into())) } else { Err(wrong()) }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colons_and_capitals_mean_nothing() {
        let digits = "0123456789abcdef".repeat(4);
        let pairs: Vec<&str> =
            digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        let written = format!("sha256:{}", pairs.join(":").to_uppercase());
        for text in [format!("sha256:{digits}"), written] {
            assert_eq!(parse(&text).unwrap().to_string(), format!("sha256:{digits}"));
        }
        for wrong in
            ["", "sha256:", &digits, &format!("sha256:{digits}0"), &format!("sha256:{}:", pairs.concat())]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
