//! Tokens. The first byte says how the rest is used: as a token as it stands; as header and payload, with a byte of length before the header,
//! that are signed with a secret that the keys have; or as a set of keys.
//!
//! Nothing is taken that was not signed; what was signed is taken only if its header is an object with an `alg` that the key is for, each
//! member once, and it reads the same by a reader that is not strict; a spelling that differs in any byte is refused.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use maitred_token::{Algorithm, Jws, Key, KeySet, Rules};
use serde_json::Value;

const SECRET: &[u8] = b"the secret of this fuzz target, long enough";

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::of_key(Key::of_secret(SECRET, &[Algorithm::Hs256]).expect("it is long enough")));

fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    match choice % 3 {
        0 => as_it_stands(rest),
        1 => signed(rest),
        _ => keys(rest),
    }
});

/// Nobody finds a signature by chance.
fn as_it_stands(token: &[u8]) {
    if let Ok(parsed) = Jws::parse(token) {
        assert!(KEYS.verify(&parsed).is_err());
        // It is written in one way only.
        let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
        assert_eq!(URL_SAFE_NO_PAD.encode(parsed.payload()).as_bytes(), parts[1]);
        judge(&parsed);
    }
}

fn signed(input: &[u8]) {
    let Some((&length, rest)) = input.split_first() else { return };
    let (header, payload) = rest.split_at(usize::from(length).min(rest.len()));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    let Ok(parsed) = Jws::parse(token.as_bytes()) else { return };
    if KEYS.verify(&parsed).is_err() {
        return;
    }
    let plain: Value = serde_json::from_slice(header).expect("a strict reader took it");
    assert_eq!(plain["alg"], "HS256");
    assert!(plain.get("crit").is_none() && plain.get("b64").is_none_or(|b64| *b64 == true));
    assert_eq!(parsed.payload(), payload);
    if let Ok(claims) = parsed.claims() {
        let plain: Value = serde_json::from_slice(payload).expect("a strict reader took it");
        assert_eq!(Value::Object(claims), plain);
    }
    judge(&parsed);
    for other in
        [format!("{token}="), format!(" {token}"), format!("{token}."), token[..token.len() - 1].to_owned()]
    {
        assert!(Jws::parse(other.as_bytes()).and_then(|parsed| KEYS.verify(&parsed)).is_err());
    }
}

/// Rules and times never panic, whatever claims say; who has expired is not good later.
fn judge(token: &Jws<'_>) {
    let Ok(claims) = token.claims() else { return };
    let rules = Rules { issuer: "a".into(), ..Rules::default() };
    let Ok(times) = rules.check(token, &claims) else { return };
    assert_eq!(claims["iss"], "a");
    let leeway = Duration::from_secs(30);
    let good = |seconds: u64| times.check(Duration::from_secs(seconds), leeway).is_ok();
    if let Some(expires) = times.expires {
        assert!(!good(expires.as_secs() + 31) && !good(u64::MAX / 2));
    }
}

fn keys(input: &[u8]) {
    if let Ok(keys) = KeySet::of_jwks(input) {
        assert!(keys.only_public().only_for(&Algorithm::SECRET).is_empty());
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = KeySet::of_pem(text);
    }
}
