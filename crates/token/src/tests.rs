//! Tokens and keys made here, good ones and each kind of bad one.

mod wycheproof;

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with this header and payload as they stand, signed by HMAC with SHA-256.
fn raw(header: &str, payload: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

fn hs256(header: &Value, payload: &Value) -> String {
    raw(&header.to_string(), &payload.to_string(), SECRET)
}

fn secret() -> KeySet {
    KeySet::of_key(Key::of_secret(SECRET, &[Algorithm::Hs256]).unwrap())
}

fn verify(keys: &KeySet, token: &str) -> Result<(), Refusal> {
    keys.verify(&Jws::parse(token.as_bytes())?)
}

fn rules() -> Rules {
    Rules { issuer: "us".into(), audience: ["shop".into(), "api".into()].into(), ..Rules::default() }
}

fn check(rules: &Rules, header: &Value, claims: &Value) -> Result<Times, Refusal> {
    let token = hs256(header, claims);
    let jws = Jws::parse(token.as_bytes())?;
    secret().verify(&jws)?;
    rules.check(&jws, &jws.claims()?)
}

#[test]
fn a_good_token_is_taken_and_none_that_differs_in_a_byte() {
    let token = hs256(&json!({"alg": "HS256"}), &json!({"iss": "us"}));
    assert_eq!(verify(&secret(), &token), Ok(()));
    for at in 0..token.len() {
        for with in [b'A', b'.', b'-', b' ', b'='] {
            let mut changed = token.clone().into_bytes();
            if std::mem::replace(&mut changed[at], with) != with {
                let changed = String::from_utf8(changed).unwrap();
                assert!(verify(&secret(), &changed).is_err(), "{at} {changed}");
            }
        }
    }
    for more in ["=", " ", "\n", ".", "A"] {
        assert!(verify(&secret(), &format!("{token}{more}")).is_err());
        assert!(verify(&secret(), &format!("{more}{token}")).is_err());
    }
    let other = KeySet::of_key(Key::of_secret(&SECRET.to_ascii_uppercase(), &[Algorithm::Hs256]).unwrap());
    assert_eq!(verify(&other, &token), Err(Refusal::Signature));
}

#[test]
fn headers_that_want_more_than_a_signature_are_refused() {
    for (header, refused) in [
        (r#"{"alg":"none"}"#, Refusal::Algorithm),
        (r#"{"alg":"nOnE"}"#, Refusal::Algorithm),
        (r#"{"alg":null}"#, Refusal::Malformed("a member of its header that is a text is none")),
        (r#"{"typ":"JWT"}"#, Refusal::Algorithm),
        (r#"{"alg":"hs256"}"#, Refusal::Algorithm),
        (r#"{"alg":["HS256"]}"#, Refusal::Malformed("a member of its header that is a text is none")),
        (r#"{"alg":"HS256","kid":7}"#, Refusal::Malformed("a member of its header that is a text is none")),
        (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, Refusal::Unsupported("its header has `crit`")),
        (r#"{"alg":"HS256","crit":[]}"#, Refusal::Unsupported("its header has `crit`")),
        (r#"{"alg":"HS256","b64":false}"#, Refusal::Unsupported("its header has `b64`")),
        (r#"{"alg":"HS256","cty":"jwt"}"#, Refusal::Unsupported("it is a token inside a token")),
        (r#"{"alg":"HS256","cty":"application/JWT"}"#, Refusal::Unsupported("it is a token inside a token")),
        (r#"{"alg":"HS256","zip":"DEF"}"#, Refusal::Unsupported("it is encrypted or compressed")),
        (
            r#"{"alg":"none","alg":"HS256"}"#,
            Refusal::Malformed("its header is no JSON object, or has a member twice"),
        ),
        (r#"["HS256"]"#, Refusal::Malformed("its header is no JSON object, or has a member twice")),
    ] {
        assert_eq!(verify(&secret(), &raw(header, "{}", SECRET)), Err(refused), "{header}");
    }
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"HS256"}"#), encode("{}"));
    assert_eq!(verify(&secret(), &unsigned), Err(Refusal::Signature));
    let nested = hs256(&json!({"alg": "HS256"}), &json!({}));
    let outer = raw(r#"{"alg":"HS256"}"#, &nested, SECRET);
    assert!(matches!(Jws::parse(outer.as_bytes()).unwrap().claims(), Err(Refusal::Malformed(_))));
    assert_eq!(verify(&secret(), &"A".repeat(LONGEST + 1)), Err(Refusal::TooLong));
}

#[test]
fn keys_that_a_token_brings_or_names_are_not_looked_at() {
    let attacker = b"a secret of an attacker, long enough too";
    let jwk = json!({"kty": "oct", "k": encode(attacker), "alg": "HS256"});
    for header in [
        json!({"alg": "HS256", "jwk": jwk}),
        json!({"alg": "HS256", "jku": "https://evil.example/jwks.json"}),
        json!({"alg": "HS256", "x5u": "https://evil.example/cert.pem"}),
        json!({"alg": "HS256", "x5c": [STANDARD.encode(attacker)]}),
        json!({"alg": "HS256", "kid": "../../../../dev/null"}),
        json!({"alg": "HS256", "kid": "x' UNION SELECT 'key"}),
    ] {
        assert_eq!(verify(&secret(), &raw(&header.to_string(), "{}", attacker)), Err(Refusal::Signature));
        // With the right signature they are harmless.
        assert_eq!(verify(&secret(), &raw(&header.to_string(), "{}", SECRET)), Ok(()));
    }
    let empty = raw(r#"{"alg":"HS256","kid":"/dev/null"}"#, "{}", b"");
    assert_eq!(verify(&secret(), &empty), Err(Refusal::Signature));
}

/// A key as PEM, and what signs with it.
fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

#[test]
fn public_keys_check_their_own_algorithms_alone() {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_sign = |how: &'static signature::RsaSignatureEncoding, signed: &str| {
        let mut made = vec![0; rsa.public_modulus_len()];
        rsa.sign(how, &random, signed.as_bytes(), &mut made).unwrap();
        made
    };
    let ec = |how| EcdsaKeyPair::generate(how).unwrap();
    let (p256, p384, p521) = (
        ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
    );
    let ed = Ed25519KeyPair::generate().unwrap();
    let der = |key: Result<PublicKeyX509Der<'_>, _>| pem(key.unwrap().as_ref());
    let pems = [
        der(rsa.public_key().as_der()),
        der(p256.public_key().as_der()),
        der(p384.public_key().as_der()),
        der(p521.public_key().as_der()),
        der(ed.public_key().as_der()),
    ];
    let sign = |alg: &str, signed: &str| match alg {
        "RS256" => rsa_sign(&signature::RSA_PKCS1_SHA256, signed),
        "RS384" => rsa_sign(&signature::RSA_PKCS1_SHA384, signed),
        "RS512" => rsa_sign(&signature::RSA_PKCS1_SHA512, signed),
        "PS256" => rsa_sign(&signature::RSA_PSS_SHA256, signed),
        "PS384" => rsa_sign(&signature::RSA_PSS_SHA384, signed),
        "PS512" => rsa_sign(&signature::RSA_PSS_SHA512, signed),
        "ES256" => p256.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        "ES384" => p384.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        "ES512" => p521.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        _ => ed.sign(signed.as_bytes()).as_ref().to_vec(),
    };
    let algs = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
    for (at, alg) in algs.into_iter().enumerate() {
        let own = at.saturating_sub(5);
        let signed = format!("{}.{}", encode(json!({"alg": alg}).to_string()), encode("{}"));
        let token = format!("{signed}.{}", encode(sign(alg, &signed)));
        for (index, pem) in pems.iter().enumerate() {
            let verdict = verify(&KeySet::of_pem(pem).unwrap(), &token);
            assert_eq!(
                verdict,
                if index == own { Ok(()) } else { Err(Refusal::KeyAlgorithm) },
                "{alg} {index}"
            );
        }
        let narrowed = KeySet::of_pem(&pems[own]).unwrap().only_for(&[Algorithm::Hs256]);
        assert_eq!((narrowed.is_empty(), verify(&narrowed, &token)), (true, Err(Refusal::Key)));
    }
    // The public key, in any of its spellings, is no secret.
    for pem in &pems {
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes()] {
            let token = raw(r#"{"alg":"HS256"}"#, "{}", secret);
            assert_eq!(verify(&KeySet::of_pem(pem).unwrap(), &token), Err(Refusal::KeyAlgorithm));
        }
    }
    let zeros = format!("{}.{}.{}", encode(r#"{"alg":"ES256"}"#), encode("{}"), encode([0; 64]));
    assert_eq!(verify(&KeySet::of_pem(&pems[1]).unwrap(), &zeros), Err(Refusal::Signature));
    assert_eq!(verify(&KeySet::of_pem(&pems.concat()).unwrap(), &zeros), Err(Refusal::Signature));
}

#[test]
fn keys_that_are_none_are_told() {
    let told = |keys: Result<KeySet, KeyError>| keys.unwrap_err().to_string();
    for (text, why) in [
        ("", "it has no public key as PEM"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA", "its PEM is not closed"),
        ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", "its PEM is not written in base64"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "it is no whole public key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "it is a private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "it is a certificate"),
    ] {
        assert!(told(KeySet::of_pem(text)).starts_with(why), "{text}");
    }
    for (json, why) in [
        ("[]", "it is no JSON object, or has a member twice"),
        ("{\"a\":1}", "it has no `keys`"),
        ("{\"keys\":{}}", "its `keys` is no list"),
    ] {
        assert_eq!(told(KeySet::of_jwks(json.as_bytes())), why);
    }
    let short = Key::of_secret(&SECRET[..31], &[Algorithm::Hs256]).unwrap_err();
    assert_eq!(short.to_string(), "a secret for HS256 has at least 32 bytes, and this has 31");
    assert!(Key::of_secret(SECRET, &[Algorithm::Es256]).is_err());
}

#[test]
fn what_a_set_has_that_is_no_key_for_signatures_is_left_out() {
    let oct = |more: Value| {
        let mut jwk = json!({"kty": "oct", "k": encode(SECRET)});
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    };
    let token = hs256(&json!({"alg": "HS256", "kid": "a"}), &json!({}));
    for (keys, verdict, unused) in [
        (vec![oct(json!({}))], Ok(()), 0),
        (
            vec![oct(json!({"kid": "a", "alg": "HS256", "use": "sig", "key_ops": ["sign", "verify"]}))],
            Ok(()),
            0,
        ),
        (vec![oct(json!({"kid": "b"})), oct(json!({"kid": "a"}))], Ok(()), 0),
        (vec![oct(json!({"kid": "b"}))], Err(Refusal::Key), 0),
        (vec![oct(json!({"use": "enc"}))], Err(Refusal::Key), 1),
        (vec![oct(json!({"key_ops": ["encrypt"]}))], Err(Refusal::Key), 1),
        (vec![oct(json!({"alg": "A256GCM"}))], Err(Refusal::Key), 1),
        (vec![oct(json!({"alg": "ES256"}))], Err(Refusal::Key), 1),
        (vec![oct(json!({"alg": "HS512"}))], Err(Refusal::Key), 1),
        (vec![oct(json!({"kid": 1}))], Err(Refusal::Key), 1),
        (vec![oct(json!({"kty": "quantum"})), json!(1), oct(json!({}))], Ok(()), 2),
        (vec![oct(json!({"kid": "a"})), oct(json!({"kid": "a"}))], Err(Refusal::Key), 2),
    ] {
        let set = json!({ "keys": keys }).to_string();
        let set = KeySet::of_jwks(set.as_bytes()).unwrap();
        assert_eq!((verify(&set, &token), set.unused().len()), (verdict, unused), "{set:?}");
        assert!(!format!("{set:?}").contains(&encode(SECRET)));
        assert!(set.only_public().is_empty());
    }
    let alone = KeySet::of_jwks(oct(json!({})).to_string().as_bytes()).unwrap();
    assert_eq!(verify(&alone, &token), Ok(()));
}

#[test]
fn claims_say_whom_it_comes_from_and_whom_it_is_for() {
    let plain = || json!({"alg": "HS256"});
    for (claims, verdict) in [
        (json!({"iss": "us", "aud": "shop"}), Ok(Times::default())),
        (json!({"iss": "us", "aud": ["x", "api"]}), Ok(Times::default())),
        (json!({"iss": "us", "aud": []}), Err(Refusal::Audience)),
        (json!({"iss": "us", "aud": "shop2"}), Err(Refusal::Audience)),
        (json!({"iss": "us", "aud": {"shop": 1}}), Err(Refusal::Audience)),
        (json!({"iss": "us"}), Err(Refusal::Audience)),
        (json!({"iss": "Us", "aud": "shop"}), Err(Refusal::Issuer)),
        (json!({"iss": ["us"], "aud": "shop"}), Err(Refusal::Issuer)),
        (json!({"aud": "shop"}), Err(Refusal::Issuer)),
    ] {
        assert_eq!(check(&rules(), &plain(), &claims), verdict, "{claims}");
    }
    let needs = Rules { required: ["exp".into(), "sub".into()].into(), ..rules() };
    let lacks = check(&needs, &plain(), &json!({"iss": "us", "aud": "shop", "exp": 5, "sub": null}));
    assert_eq!(lacks, Err(Refusal::Missing("sub".into())));
    for (types, written, is_taken) in [
        (&[][..], None, true),
        (&[], Some("jwt"), true),
        (&[], Some("application/at+JWT"), true),
        (&[], Some("logout+jwt"), false),
        (&[], Some("dpop+jwt"), false),
        (&["at+jwt"], Some("at+jwt"), true),
        (&["at+jwt"], Some("JWT"), false),
        (&["at+jwt"], None, false),
    ] {
        let rules = Rules { types: types.iter().map(|kind| (*kind).into()).collect(), ..rules() };
        let header = written.map_or_else(plain, |typ| json!({"alg": "HS256", "typ": typ}));
        let verdict = check(&rules, &header, &json!({"iss": "us", "aud": "api"}));
        assert_eq!(verdict.is_ok(), is_taken, "{types:?} {written:?}");
    }
}

#[test]
fn tokens_of_identity_and_of_events_are_none_for_access() {
    for (claims, also, is_taken) in [
        (json!({"sub": "u-17", "nonce": "n"}), &[][..], true),
        (json!({"typ": "Bearer"}), &[], true),
        (json!({"typ": "application/at+jwt"}), &[], true),
        (json!({"token_use": "access"}), &[], true),
        (json!({"token_type": "access"}), &[], true),
        (json!({"typ": "ID"}), &[], false),
        (json!({"typ": "Refresh"}), &[], false),
        (json!({"typ": "Logout"}), &[], false),
        (json!({"typ": "DPoP"}), &[], false),
        (json!({"token_use": "id"}), &[], false),
        (json!({"token_type": "refresh"}), &[], false),
        (json!({"typ": "Bearer", "token_use": "id"}), &[], false),
        (json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}), &[], false),
        (json!({"events": ["a"]}), &[], true),
        (json!({"typ": "id"}), &["JWT", "ID"], true),
        (json!({"token_use": "id", "typ": "Refresh"}), &["ID"], false),
    ] {
        let also: Vec<Box<str>> = also.iter().map(|kind| (*kind).into()).collect();
        assert_eq!(is_for_access(claims.as_object().unwrap(), &also), is_taken, "{claims} {also:?}");
    }
}

#[test]
fn times_are_numbers_and_the_clock_may_be_a_little_wrong() {
    let leeway = Duration::from_secs(30);
    let times = |claims: &str| {
        let token = raw(r#"{"alg":"HS256"}"#, &format!(r#"{{"iss":"us","aud":"api",{claims}}}"#), SECRET);
        let jws = Jws::parse(token.as_bytes()).unwrap();
        rules().check(&jws, &jws.claims().unwrap())
    };
    let at = |claims: &str, now: u64| {
        times(claims).and_then(|times| times.check(Duration::from_secs(now), leeway))
    };
    for (claims, now, verdict) in [
        ("\"exp\":1000", 1029, Ok(())),
        ("\"exp\":1000", 1030, Err(Refusal::Expired)),
        ("\"exp\":1000.5", 1030, Ok(())),
        ("\"exp\":0", 1030, Err(Refusal::Expired)),
        ("\"nbf\":1000", 969, Err(Refusal::NotYet)),
        ("\"nbf\":1000", 970, Ok(())),
        ("\"iat\":1000", 969, Err(Refusal::Future)),
        ("\"iat\":1000", 970, Ok(())),
        ("\"exp\":\"9999999999\"", 5, Err(Refusal::Malformed("its `exp` is no time"))),
        ("\"exp\":-1", 5, Err(Refusal::Malformed("its `exp` is no time"))),
        ("\"exp\":1e300", 5, Err(Refusal::Malformed("its `exp` is no time"))),
        ("\"exp\":1700000000000", 5, Err(Refusal::Malformed("its `exp` is no time"))),
        ("\"exp\":true", 5, Err(Refusal::Malformed("its `exp` is no time"))),
        ("\"exp\":null", 5, Err(Refusal::Malformed("its `exp` is no time"))),
        ("\"nbf\":[0]", 5, Err(Refusal::Malformed("its `nbf` is no time"))),
        ("\"iat\":\"0\"", 5, Err(Refusal::Malformed("its `iat` is no time"))),
    ] {
        assert_eq!(at(claims, now), verdict, "{claims} at {now}");
    }
    assert_eq!(Times::default().check(Duration::MAX, Duration::MAX), Ok(()));
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[A-Za-z0-9_.{}\":-]{0,80}") {
        for input in [&bytes[..], text.as_bytes()] {
            prop_assert!(Jws::parse(input).and_then(|token| secret().verify(&token)).is_err());
            let _ = KeySet::of_jwks(input);
            let _ = KeySet::of_pem(&format!("-----BEGIN PUBLIC KEY-----{}-----END PUBLIC KEY-----", STANDARD.encode(input)));
        }
    }
}
