//! Issuers as tests need them: keys of every kind, their public halves as PEM and JWK Set, and tokens signed with them.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The keys of an issuer.
pub(crate) struct Issuer {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p521: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    pub(super) secret: String,
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Header and payload, ready to be signed.
pub(super) fn unsigned(header: &Value, payload: &str) -> String {
    format!("{}.{}", encode(header.to_string()), encode(payload))
}

/// HMAC with SHA-256 of a text.
pub(super) fn mac(secret: &[u8], signed: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()).as_ref().to_vec()
}

impl Issuer {
    pub(crate) fn new(secret: &str) -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p521: EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING).unwrap(),
            ed: Ed25519KeyPair::generate().unwrap(),
            secret: secret.to_owned(),
        }
    }

    /// The RSA key as `openssl pkey -pubout` writes it.
    pub(super) fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.rsa.public_key().as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// The other public keys as a JWK Set.
    pub(super) fn jwks(&self) -> String {
        let point = |name: &str, kid: &str, key: &[u8]| {
            let (x, y) = key[1..].split_at(key.len() / 2);
            json!({"kty": "EC", "crv": name, "kid": kid, "use": "sig", "x": encode(x), "y": encode(y)})
        };
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(self.ed.public_key())});
        let (p256, p521) = (self.p256.public_key().as_ref(), self.p521.public_key().as_ref());
        json!({"keys": [point("P-256", "p256", p256), point("P-521", "p521", p521), ed]}).to_string()
    }

    /// The signature that `alg` names.
    pub(super) fn sign(&self, alg: &str, signed: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |how: &'static signature::RsaSignatureEncoding| {
            let mut made = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(how, &random, signed.as_bytes(), &mut made).unwrap();
            made
        };
        match alg {
            "RS256" => rsa(&signature::RSA_PKCS1_SHA256),
            "RS512" => rsa(&signature::RSA_PKCS1_SHA512),
            "PS256" => rsa(&signature::RSA_PSS_SHA256),
            "ES256" => self.p256.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            "ES512" => self.p521.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
            _ => mac(self.secret.as_bytes(), signed),
        }
    }

    /// A token with this header, whose `alg` is that of the signature.
    pub(crate) fn token(&self, header: &Value, payload: &str) -> String {
        let signed = unsigned(header, payload);
        let signature = self.sign(header["alg"].as_str().unwrap(), &signed);
        format!("{signed}.{}", encode(signature))
    }
}
