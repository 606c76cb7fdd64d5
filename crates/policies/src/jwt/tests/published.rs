//! Tokens that were signed with keys which are not known yet: who waits for them, and when they are fetched.
//! The issuer is a page that the test writes.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::provider::testing::Pages;

const PUBLISHED: &str = "
maitred: 1
issuers:
  us: { issuer: us, jwks: us.json }
  others: { issuer: others, jwks: 'https://others.example/keys' }
routes: { app: { match: /*, respond: fine } }
";

fn harness() -> Harness {
    Harness::in_document::<Jwt>(PUBLISHED, "true", &files())
}

/// A token of others, and the key that it was signed with.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    fn jwk(&self, id: Option<&str>) -> Value {
        let mut jwk =
            json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(self.0.public_key())});
        if let Some(id) = id {
            jwk["kid"] = id.into();
        }
        jwk
    }

    fn token(&self, id: Option<&str>) -> String {
        let mut header = json!({"alg": "EdDSA"});
        if let Some(id) = id {
            header["kid"] = id.into();
        }
        let claims = json!({"iss": "others", "exp": NOW + 60}).to_string();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.as_bytes()));
        format!("{signed}.{}", encode(self.0.sign(signed.as_bytes()).as_ref()))
    }
}

/// Where the issuer publishes these keys.
fn publishing(harness: &Harness, keys: &[Value]) -> Pages<'static> {
    let keys = json!({"keys": keys}).to_string();
    Pages::new(harness.now(), move |_| Some((200, keys.clone())))
}

fn status(harness: &Harness, token: &str) -> u16 {
    harness.request("GET /", &[("Authorization", &bearer(token))]).answer(200, &[]).response.status
}

#[test]
fn a_request_waits_for_a_key_until_keys_were_fetched() {
    let harness = harness();
    let (old, new) = (Signer::new(), Signer::new());
    harness.fetch(&publishing(&harness, &[old.jwk(Some("old"))])).unwrap();
    let begin = |token: String| harness.request("GET /", &[("Authorization", &bearer(&token))]).begin();
    let (mut good, mut made_up) = (begin(new.token(Some("new"))), begin(new.token(Some("none"))));
    assert!(good.ended().is_none() && made_up.ended().is_none() && harness.is_wanted());
    harness.fetch(&publishing(&harness, &[old.jwk(Some("old")), new.jwk(Some("new"))])).unwrap();
    harness.advance(LOOK);
    assert!(good.is_at_service());
    // It would wait for nothing: the issuer was asked since.
    assert_eq!(made_up.ended().unwrap().response.status, 401);
    assert_eq!(good.finish(200).response.status, 200);
}

#[test]
fn nobody_waits_for_a_key_of_an_issuer_who_publishes_none() {
    let harness = harness();
    let begun = harness.now();
    let token = signed(&json!({"alg": "HS256", "kid": "2"}), &json!({"iss": "us"}), SECRET);
    assert_eq!((status(&harness, &token), harness.now()), (401, begun));
    assert!(!harness.is_wanted());
    // One who does is waited for, though not for ever.
    assert_eq!((status(&harness, &Signer::new().token(None)), harness.now()), (503, begun + LONGEST_WAIT));
}

#[test]
fn a_key_that_has_no_name_of_its_own_is_fetched_when_a_signature_is_wrong() {
    for id in [None, Some("same")] {
        let harness = harness();
        let (old, new) = (Signer::new(), Signer::new());
        harness.fetch(&publishing(&harness, &[old.jwk(id)])).unwrap();
        assert_eq!(status(&harness, &old.token(id)), 200);
        assert!(!harness.is_wanted());
        let begun = harness.now();
        assert_eq!((status(&harness, &new.token(id)), harness.now()), (401, begun), "{id:?}");
        assert!(harness.is_wanted(), "{id:?}");
        harness.fetch(&publishing(&harness, &[new.jwk(id)])).unwrap();
        assert_eq!((status(&harness, &new.token(id)), status(&harness, &old.token(id))), (200, 401));
    }
}
