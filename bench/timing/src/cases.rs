//! What is guessed: the same calls as the gateway makes, with a guess that is nearly right and one that is not.
//! How the two are timed and compared is in `main.rs`.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maitred_config::read_text;
use maitred_policy::identity::Consumers;
use maitred_token::{Algorithm, Jws, Key, KeySet};

/// One secret.
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// Whether it is known to tell, and has to be seen.
    pub is_control: bool,
    /// Right but for its last byte.
    pub near: Vec<u8>,
    /// Wrong from the first byte on.
    pub far: Vec<u8>,
    /// Whether a guess passes.
    pub check: Box<dyn Fn(&[u8]) -> bool>,
}

/// All of them.
pub fn all() -> Vec<Case> {
    vec![control(), api_key(), hs256()]
}

const SECRET: &[u8; 48] = b"mtr_6f1c2d7a9b8e4f30516273849aabbccddeeff0123456";

fn guesses(right: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut near, mut far) = (right.to_vec(), right.to_vec());
    let flip = |byte: &mut u8| *byte = if *byte == b'A' { b'B' } else { b'A' };
    far.iter_mut().for_each(flip);
    near.last_mut().into_iter().for_each(flip);
    (near, far)
}

/// A compare that ends at the first difference.
fn control() -> Case {
    let (near, far) = guesses(SECRET);
    let check = |guess: &[u8]| {
        let mut pairs = guess.iter().zip(SECRET);
        pairs.all(|(one, other)| std::hint::black_box(*one) == *other)
    };
    Case { name: "control: early exit", is_control: true, near, far, check: Box::new(check) }
}

/// As `api_key` does it: the hash of what is shown is looked up.
fn api_key() -> Case {
    let (near, far) = guesses(SECRET);
    let hash: String = digest(&SHA256, SECRET).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let written =
        read_text(&format!("{{ a: {{ api_keys: 'sha256:{hash}' }} }}")).expect("the consumer is good");
    let consumers = Consumers::new(&written);
    let check = move |guess: &[u8]| {
        let hash = digest(&SHA256, guess);
        let hash: &[u8; 32] = hash.as_ref().try_into().expect("a SHA-256 has 32 bytes");
        consumers.of_key(hash).is_some()
    };
    Case { name: "API key", is_control: false, near, far, check: Box::new(check) }
}

/// As `jwt` does it: the signature of a token with HS256.
fn hs256() -> Case {
    let signed = [r#"{"alg":"HS256"}"#, r#"{"sub":"a"}"#].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let right = hmac::sign(&key, signed.as_bytes());
    let token = |signature: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes();
    let (near, far) = guesses(right.as_ref());
    let (near, far) = (token(&near), token(&far));
    let key = Key::of_secret(SECRET, &[Algorithm::Hs256]).expect("the secret is long enough");
    let keys = KeySet::of_key(key);
    let check = move |guess: &[u8]| Jws::parse(guess).is_ok_and(|token| keys.verify(&token).is_ok());
    Case { name: "signature, HS256", is_control: false, near, far, check: Box::new(check) }
}
