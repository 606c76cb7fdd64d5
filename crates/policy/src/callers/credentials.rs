//! What a consumer shows beside API keys, for the policies that look at it.
//! When these are compiled, they make of it what they look up; here it is as it was written.

use std::fmt;
use std::sync::{Arc, OnceLock};

use maitred_config::{self as config, ConsumerCertificate, Named, Password, Secret, Span, Spanned};

use super::Consumer;

/// What one consumer shows.
pub struct Credentials {
    consumer: Arc<Consumer>,
    password: Option<Spanned<Password>>,
    /// The hash of a password that came in plain: made once for all policies that want it.
    hashed: OnceLock<Box<str>>,
    certificates: Vec<Spanned<ConsumerCertificate>>,
    hmac_keys: Option<Named<Secret>>,
}

impl Credentials {
    pub(super) fn new(consumer: Arc<Consumer>, written: &config::Consumer) -> Self {
        Self {
            consumer,
            password: written.password.clone(),
            hashed: OnceLock::new(),
            certificates: written.certificates.clone(),
            hmac_keys: written.hmac_keys.clone(),
        }
    }

    /// Whose they are.
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// The hash of the password, and where it is written; none where there is no password. One that came in plain is hashed by `hash`.
    pub fn password_hash(&self, hash: impl FnOnce(&str) -> Box<str>) -> Option<(&str, Span)> {
        let password = self.password.as_ref()?;
        let hash = match &password.value {
            Password::Hash(hash) => hash,
            Password::Plain(secret) => self.hashed.get_or_init(|| hash(secret.expose())),
        };
        Some((hash, password.span))
    }

    /// What its certificates say.
    pub fn certificates(&self) -> &[Spanned<ConsumerCertificate>] {
        &self.certificates
    }

    /// The keys that it signs with, by their ids. None is empty.
    pub fn hmac_keys(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let keys = self.hmac_keys.iter().flatten().filter(|key| !key.value.is_empty());
        keys.map(|key| (&*key.name, &key.value))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.consumer.name).finish()
    }
}
