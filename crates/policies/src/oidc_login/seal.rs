//! Sealing of what browsers keep for the gateway: they can neither read nor change it, nor use it as something else.
//! AES-256-GCM with a random nonce; the keys come from secrets by HKDF (RFC 5869), one for each secret and use.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// What stands before everything that is sealed: another form would have another number.
const VERSION: u8 = 1;

/// The keys for one use. The first seals, all open: so secrets are replaced.
pub(super) struct Seal(Box<[RandomizedNonceKey]>);

impl Seal {
    /// The keys that these secrets make for a use, which `about` tells apart from all others.
    pub(super) fn new<'s>(secrets: impl Iterator<Item = &'s [u8]>, about: &[&[u8]]) -> Self {
        let salt = Salt::new(HKDF_SHA256, b"maitred oidc_login");
        let key = |secret: &[u8]| {
            let mut bytes = [0; 32];
            let secret = salt.extract(secret);
            let made = secret.expand(about, HKDF_SHA256).and_then(|made| made.fill(&mut bytes));
            made.expect("32 bytes are what this hash gives");
            RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("32 bytes are such a key")
        };
        Self(secrets.map(key).collect())
    }

    /// Seals what is to be kept under this name, as text for a cookie.
    pub(super) fn seal(&self, name: &str, plain: &[u8]) -> String {
        let mut text = plain.to_vec();
        let key = self.0.first().expect("there is always a secret");
        let nonce = key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut text);
        let nonce = nonce.expect("a cookie is far shorter than what such a key may seal");
        BASE64_URL_SAFE_NO_PAD.encode([&[VERSION][..], nonce.as_ref(), &text].concat())
    }

    /// What was sealed under this name; none if it was not sealed here, or not as it is now.
    pub(super) fn open(&self, name: &str, text: &[u8]) -> Option<Vec<u8>> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[VERSION], sealed) = sealed.split_first_chunk::<1>()? else { return None };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        self.0.iter().find_map(|key| {
            let mut plain = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let len = key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut plain).ok()?.len();
            plain.truncate(len);
            Some(plain)
        })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secrets: &[&str], about: &str) -> Seal {
        Seal::new(secrets.iter().map(|secret| secret.as_bytes()), &[about.as_bytes()])
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let own = seal(&["new", "old"], "sessions");
        let text = own.seal("s", b"hello");
        assert_eq!(own.open("s", text.as_bytes()).as_deref(), Some(&b"hello"[..]));
        assert_ne!(own.seal("s", b"hello"), text);
        assert_eq!(own.open("__Host-s", text.as_bytes()), None);
        for other in [seal(&["new"], "logins"), seal(&["old"], "sessions"), seal(&["newer"], "sessions")] {
            assert_eq!(other.open("s", text.as_bytes()), None);
        }
        let older = seal(&["old"], "sessions").seal("s", b"older");
        assert_eq!(own.open("s", older.as_bytes()).as_deref(), Some(&b"older"[..]));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let own = seal(&["one"], "sessions");
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(own.seal("s", b"who it is")).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(own.open("s", BASE64_URL_SAFE_NO_PAD.encode(&changed).as_bytes()), None, "{at}");
            assert_eq!(own.open("s", BASE64_URL_SAFE_NO_PAD.encode(&sealed[..at]).as_bytes()), None, "{at}");
        }
        assert_eq!(own.open("s", b"no base64!"), None);
    }
}
