//! A provider that does as the specification says, unless the test says otherwise.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use maitred_config::scalar::HttpUrl;
use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::harness::Called;
use maitred_policy::{Asking, CallError, FetchError, Service, WholeBody};
use serde_json::{Map, Value, json};

use super::NOW;
use crate::oidc_login::query::Parameters;

/// Clones are the same provider.
#[derive(Clone)]
pub(super) struct Provider(Rc<State>);

pub(super) struct State {
    key: Ed25519KeyPair,
    /// What is changed of the answers: members of the token's claims, `response` of the answer, and `status`.
    pub(super) changes: RefCell<Map<String, Value>>,
    /// Codes that were given and not exchanged: with challenge and nonce.
    codes: RefCell<Vec<(String, String, String)>>,
    asked: RefCell<Vec<String>>,
    given: RefCell<Value>,
    is_down: RefCell<bool>,
    count: RefCell<u64>,
}

impl Default for Provider {
    fn default() -> Self {
        Self(Rc::new(State {
            key: Ed25519KeyPair::generate().unwrap(),
            changes: RefCell::default(),
            codes: RefCell::default(),
            asked: RefCell::default(),
            given: RefCell::default(),
            is_down: RefCell::default(),
            count: RefCell::default(),
        }))
    }
}

impl Provider {
    /// Changes claims of ID tokens from now on; null takes one away.
    pub(super) fn change(&self, changes: &Value) {
        *self.0.changes.borrow_mut() = changes.as_object().unwrap().clone();
    }

    pub(super) fn cut(&self) {
        *self.0.is_down.borrow_mut() = true;
    }

    pub(super) fn mend(&self) {
        *self.0.is_down.borrow_mut() = false;
    }

    /// The forms that were sent to the token endpoint.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.asked.borrow().clone()
    }

    /// A member of the last answer.
    pub(super) fn given(&self, name: &str) -> String {
        self.0.given.borrow()[name].as_str().unwrap().to_owned()
    }

    /// A user logs in at this address of ours: where the browser is sent back to.
    pub(super) fn log_in(&self, address: &str) -> String {
        let query = Parameters::read(address.split_once('?').unwrap().1).unwrap();
        let of = |name: &str| query.find(name).unwrap_or_else(|| panic!("no {name} in {address}")).to_owned();
        let code = self.unique("code");
        self.0.codes.borrow_mut().push((code.clone(), of("code_challenge"), of("nonce")));
        let back = of("redirect_uri");
        let path = &back[back.find("://").unwrap() + 3..];
        format!(
            "{}?code={code}&state={}&iss=https%3A%2F%2Flogin.test",
            &path[path.find('/').unwrap()..],
            of("state")
        )
    }

    fn unique(&self, what: &str) -> String {
        *self.0.count.borrow_mut() += 1;
        format!("{what}-{}", self.0.count.borrow())
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({ "alg": "EdDSA", "kid": "1" }).to_string();
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.0.key.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature.as_ref()))
    }

    /// Answers at the token endpoint.
    pub(super) fn answer(&self, called: &Called) -> Result<(ResponseHead, WholeBody), CallError> {
        if *self.0.is_down.borrow() {
            return Err(CallError::Connect("refused".into()));
        }
        let form = String::from_utf8(called.body.clone()).unwrap();
        self.0.asked.borrow_mut().push(form.clone());
        let form = Parameters::read(&form).unwrap();
        let (status, body) = match form.find("grant_type") {
            Some("authorization_code") => self.exchange(&form),
            Some("refresh_token") => self.refresh(&form),
            other => panic!("{other:?}"),
        };
        let head = ResponseHead { status, ..ResponseHead::default() };
        Ok((head, WholeBody { bytes: body.to_string().into(), trailers: None }))
    }

    fn exchange(&self, form: &Parameters) -> (u16, Value) {
        let verifier = digest(&SHA256, form.find("code_verifier").unwrap().as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(verifier);
        let mut codes = self.0.codes.borrow_mut();
        let Some(at) = codes.iter().position(|(code, ..)| Some(code.as_str()) == form.find("code")) else {
            return (400, json!({ "error": "invalid_grant", "error_description": "Code not valid" }));
        };
        let (_, expected, nonce) = codes.remove(at);
        assert_eq!(challenge, expected);
        (200, self.tokens(json!({ "nonce": nonce })))
    }

    fn refresh(&self, form: &Parameters) -> (u16, Value) {
        if form.find("refresh_token") != Some(&self.given("refresh_token")) {
            return (400, json!({ "error": "invalid_grant" }));
        }
        (200, self.tokens(json!({})))
    }

    fn tokens(&self, more: Value) -> Value {
        let access = self.sign(&json!({
            "iss": "https://login.test", "sub": "alice", "aud": "api", "exp": NOW + 300, "name": "not this",
            "realm_access": { "roles": ["admin"] }, "jti": self.unique("token"),
        }));
        let hash = digest(&SHA256, access.as_bytes());
        let mut claims = json!({
            "iss": "https://login.test", "sub": "alice", "aud": "shop", "azp": "shop", "iat": NOW, "exp": NOW + 90_000,
            "name": "Alice", "sid": "s-1", "at_hash": BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
        });
        let claims_of = claims.as_object_mut().unwrap();
        if let Value::Object(more) = more {
            claims_of.extend(more);
        }
        claims_of.extend(self.0.changes.borrow().clone());
        claims_of.retain(|_, value| !value.is_null());
        let given = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": 300,
            "refresh_token": self.unique("refresh"), "id_token": self.sign(&claims),
        });
        *self.0.given.borrow_mut() = given.clone();
        given
    }
}

impl Service for Provider {
    #[expect(clippy::disallowed_methods, reason = "nothing that is asked here goes by it")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn ask<'a>(&'a self, _: RequestHead, _: &'a [u8], _: usize) -> Asking<'a, (ResponseHead, WholeBody)> {
        Box::pin(async { Err(FetchError::new("there is no upstream here")) })
    }

    fn visit<'a>(
        &'a self,
        url: &'a HttpUrl,
        _: Option<&'a [u8]>,
        _: RequestHead,
        _: &'a [u8],
        _: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        let page = match url.as_str() {
            "https://login.test/.well-known/openid-configuration" => json!({
                "issuer": "https://login.test", "jwks_uri": "https://login.test/keys",
                "authorization_endpoint": "https://login.test/auth?kind=user",
                "token_endpoint": "https://login.test/token", "end_session_endpoint": "https://login.test/logout",
                "authorization_response_iss_parameter_supported": true,
            }),
            "https://login.test/keys" => {
                let x = BASE64_URL_SAFE_NO_PAD.encode(self.0.key.public_key().as_ref());
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "1", "use": "sig", "x": x }] })
            }
            other => panic!("{other}"),
        };
        let body = WholeBody { bytes: page.to_string().into(), trailers: None };
        Box::pin(async move { Ok((ResponseHead { status: 200, ..ResponseHead::default() }, body)) })
    }
}
