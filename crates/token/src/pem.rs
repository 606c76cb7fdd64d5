//! Public keys as PEM (RFC 7468): `PUBLIC KEY`, as `openssl pkey -pubout` writes it, and `RSA PUBLIC KEY`.
//! Certificates and private keys are refused, with what makes a public key of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::algorithm::Algorithm;
use crate::key::{Key, KeyError};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const CURVES: [(ObjectIdentifier, Algorithm); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Algorithm::Es256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Algorithm::Es384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Algorithm::Es512),
];

/// The keys in a text, of which each is for all algorithms of its kind. `Err` says what is wrong with the first that is none.
pub(crate) fn read(text: &str) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, behind) = begun.split_once("-----").ok_or_else(not_closed)?;
        let (body, after) = behind.split_once(&format!("-----END {label}-----")).ok_or_else(not_closed)?;
        let body: String = body.split_ascii_whitespace().collect();
        let bytes = || STANDARD.decode(&body).map_err(|_| KeyError::new("its PEM is not written in base64"));
        keys.push(match label {
            "PUBLIC KEY" => public_key(&bytes()?)?,
            "RSA PUBLIC KEY" => rsa(&bytes()?)?,
            "CERTIFICATE" => {
                return Err(KeyError::new("it is a certificate: `openssl x509 -pubkey -noout` takes the key out of one"));
            }
            _ if label.ends_with("PRIVATE KEY") => {
                return Err(KeyError::new("it is a private key, which belongs to the issuer: `openssl pkey -pubout` makes the public one"));
            }
            _ => return Err(KeyError::new("it is no public key: `-----BEGIN PUBLIC KEY-----` is looked for")),
        });
        rest = after;
    }
    if keys.is_empty() {
        return Err(KeyError::new("it has no public key as PEM: `-----BEGIN PUBLIC KEY-----` is looked for"));
    }
    Ok(keys)
}

fn not_closed() -> KeyError {
    KeyError::new("its PEM is not closed")
}

/// A key with what kind it is of (RFC 5280 section 4.1.2.7, RFC 5480, RFC 8410).
fn public_key(bytes: &[u8]) -> Result<Key, KeyError> {
    let unknown = || KeyError::new("it is a public key of a kind that is not known");
    let read =
        SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| KeyError::new("it is no whole public key"))?;
    let key = read.subject_public_key.as_bytes().ok_or_else(unknown)?;
    match read.algorithm.oid {
        RSA => rsa(key),
        ED25519 => Key::of_curve(Algorithm::EdDsa, key),
        EC => {
            let named = read.algorithm.parameters_oid().ok();
            let curve = CURVES.iter().find(|(curve, _)| Some(*curve) == named);
            Key::of_curve(curve.ok_or_else(unknown)?.1, key)
        }
        _ => Err(unknown()),
    }
}

/// The two numbers of an RSA key (RFC 8017 appendix A.1.1).
fn rsa(bytes: &[u8]) -> Result<Key, KeyError> {
    let numbers = |bytes| -> der::Result<(Vec<u8>, Vec<u8>)> {
        let mut reader = SliceReader::new(bytes)?;
        let numbers = reader.sequence(|inside| {
            Ok::<_, der::Error>((
                UintRef::decode(inside)?.as_bytes().to_vec(),
                UintRef::decode(inside)?.as_bytes().to_vec(),
            ))
        })?;
        reader.finish()?;
        Ok(numbers)
    };
    let (modulus, exponent) = numbers(bytes).map_err(|_| KeyError::new("it is no whole RSA key"))?;
    Key::of_rsa(&modulus, &exponent, &Algorithm::RSA)
}
