//! `sign`: tokens signed with ES256 (RFC 7515, RFC 7518 section 3.4). First a line with the public key as a JWK, then one token
//! for each line of standard input, which is the part of it that is signed.

use std::io::{self, BufRead, BufWriter, Write};

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};

use crate::args::{Args, Failure};

/// The private key, the same for every run: it protects nothing.
const KEY: [u8; 32] = [7; 32];

/// Reads and signs to the end of the input.
pub fn run(_: &Args) -> Result<(), Failure> {
    let key = SigningKey::from_slice(&KEY)?;
    let point = key.verifying_key().to_sec1_point(false);
    let bytes = point.as_bytes();
    // The point is `04 x y` (SEC 1 section 2.3.3).
    let (x, y) = (base64url(&bytes[1..33]), base64url(&bytes[33..65]));
    let mut out = BufWriter::new(io::stdout().lock());
    let jwk = format!(
        r#"{{"kty":"EC","crv":"P-256","kid":"bench","alg":"ES256","use":"sig","x":"{x}","y":"{y}"}}"#
    );
    writeln!(out, "{jwk}")?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let signature: Signature = key.sign(line.as_bytes());
        writeln!(out, "{line}.{}", base64url(&signature.to_bytes()))?;
    }
    Ok(out.flush()?)
}

/// RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits =
            part.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for letter in 0..=part.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * letter)) as usize & 63]));
        }
    }
    text
}
