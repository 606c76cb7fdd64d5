//! Sticky sessions: the value of the cookie that leads a client back to the endpoint that served it before. It is a keyed code
//! (HMAC-SHA256, cut to 128 bits) of the upstream's name and the endpoint: nobody without the secret can make one, and it
//! tells no address.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// What users wrote of the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickySettings {
    /// Its name.
    pub cookie: Arc<str>,
    /// How long clients keep it; none for as long as their session goes on.
    pub max_age: Option<Duration>,
    /// What its values are made with; none for one that is made when the upstream is first seen.
    pub secret: Option<CookieSecret>,
}

/// What the values of cookies are made with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieSecret(Box<[u8]>);

impl CookieSecret {
    /// This secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The key of an upstream's cookies.
#[derive(Clone, Debug)]
pub(crate) struct CookieKey {
    key: hmac::Key,
    /// Whether it was made here, and not written by the user.
    pub(crate) is_made: bool,
}

impl CookieKey {
    /// The key of a secret.
    pub(crate) fn of(secret: &CookieSecret) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret.0), is_made: false }
    }

    /// A key that nobody knows.
    pub(crate) fn make() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self { key: key.expect("the system gives random bytes"), is_made: true }
    }

    /// What the cookie says that leads to an endpoint of an upstream.
    pub(crate) fn value(&self, upstream: &str, endpoint: &str) -> StickyValue {
        let mut context = hmac::Context::with_key(&self.key);
        // The length keeps the two apart.
        context.update(&(upstream.len() as u64).to_be_bytes());
        context.update(upstream.as_bytes());
        context.update(endpoint.as_bytes());
        let code = context.sign();
        let mut text = [0; LEN];
        let written = BASE64_URL_SAFE_NO_PAD.encode_slice(&code.as_ref()[..16], &mut text);
        debug_assert_eq!(written, Ok(LEN));
        StickyValue(text)
    }
}

/// 16 bytes in base64.
const LEN: usize = 22;

/// The value of a cookie, as clients send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickyValue([u8; LEN]);

impl StickyValue {
    /// Reads one; none where no cookie of ours can be so.
    pub fn parse(text: &[u8]) -> Option<Self> {
        text.try_into().ok().map(Self)
    }

    /// As it stands in the cookie.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The index of the endpoint that a client's cookie leads to. How long it takes tells nothing of the values.
pub(crate) fn find(values: &[StickyValue], shown: &StickyValue) -> Option<usize> {
    values.iter().position(|value| verify_slices_are_equal(&value.0, &shown.0).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CookieKey {
        CookieKey::of(&CookieSecret::new(b"a secret of some length"))
    }

    #[test]
    fn a_value_leads_to_its_endpoint_and_no_other() {
        let values: Vec<_> = (0..3).map(|n| key().value("shop", &format!("10.0.0.{n}:80"))).collect();
        for (n, value) in values.iter().enumerate() {
            let shown = StickyValue::parse(value.as_bytes()).unwrap();
            assert_eq!(find(&values, &shown), Some(n));
        }
        let other = key().value("shop", "10.0.0.9:80");
        assert_eq!(find(&values, &other), None);
    }

    #[test]
    fn it_depends_on_upstream_endpoint_and_secret_alone() {
        let value = key().value("shop", "10.0.0.1:80");
        assert_eq!(value, key().value("shop", "10.0.0.1:80"));
        assert_ne!(value, key().value("shop1", "0.0.0.1:80"));
        assert_ne!(value, key().value("shops", "10.0.0.1:80"));
        assert_ne!(value, CookieKey::of(&CookieSecret::new(b"another")).value("shop", "10.0.0.1:80"));
        assert_ne!(value, CookieKey::make().value("shop", "10.0.0.1:80"));
        assert!(CookieKey::make().is_made && !key().is_made);
    }

    #[test]
    fn it_is_a_short_text_without_an_address() {
        let value = key().value("shop", "10.0.0.1:80");
        assert!(value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)));
        for text in [&b""[..], b"short", b"10.0.0.1:80", &[b'a'; 23]] {
            assert_eq!(StickyValue::parse(text), None);
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert_eq!(format!("{:?}", CookieSecret::new(b"hush")), "***");
    }
}
