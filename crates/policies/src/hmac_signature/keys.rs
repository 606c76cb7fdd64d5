//! The keys that consumers sign with, by their ids, and whether a signature is by one of them.
//! They are never shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maitred_config::Problem;
use maitred_policy::Build;
use maitred_policy::identity::Consumer;

use super::HmacAlgorithm;
use super::signed::{Refused, Signed};

/// What secrets begin with that are no text.
const BASE64: &str = "base64:";

/// All keys.
pub(super) struct Keys {
    by_id: HashMap<Box<str>, Key>,
    /// By which signatures of unknown keys are verified, so that ids cannot be told by the time that it takes.
    stand_in: [u8; 32],
}

struct Key {
    consumer: Arc<Consumer>,
    secret: Box<[u8]>,
}

impl Keys {
    pub(super) fn compile(build: &mut Build<'_>) -> Option<Self> {
        let (mut by_id, mut stand_in, mut is_good) = (HashMap::new(), [0; 32], true);
        let consumers = Arc::clone(build.consumers());
        for credentials in consumers.credentials() {
            for (id, secret) in credentials.hmac_keys() {
                let text = secret.expose();
                let bytes = match text.strip_prefix(BASE64) {
                    Some(digits) => STANDARD.decode(digits.trim()).ok().filter(|bytes| !bytes.is_empty()),
                    None => Some(text.as_bytes().to_vec()),
                };
                let Some(bytes) = bytes else {
                    let problem = format!("what stands behind `base64:` in the key `{id}` is no base64");
                    build.report(Problem::error(problem).at(build.span()));
                    is_good = false;
                    continue;
                };
                let consumer = Arc::clone(credentials.consumer());
                by_id.insert(id.into(), Key { consumer, secret: bytes.into() });
            }
        }
        if aws_lc_rs::rand::fill(&mut stand_in).is_err() {
            build.report(Problem::error("the system gives no random bytes").at(build.span()));
            return None;
        }
        is_good.then_some(Self { by_id, stand_in })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Whose signature this is.
    pub(super) fn verify(&self, signed: &Signed) -> Result<&Arc<Consumer>, Refused> {
        let key = self.by_id.get(&*signed.key_id);
        let secret = key.map_or(&self.stand_in[..], |key| &key.secret);
        let algorithm = match signed.algorithm {
            HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HmacAlgorithm::Sha384 => hmac::HMAC_SHA384,
            HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
        };
        let is_good =
            hmac::verify(&hmac::Key::new(algorithm, secret), &signed.message, &signed.signature).is_ok();
        match key {
            Some(key) if is_good => Ok(&key.consumer),
            Some(_) => Err(Refused::invalid(
                "the signature is another one: the key, or something that is signed, differs",
            )),
            None => Err(Refused::invalid("no consumer has a key of this id")),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.by_id.len())
    }
}
