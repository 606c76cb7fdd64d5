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

/// Bytes that a secret has at least: who sees one signed request can try shorter ones out at leisure.
const LEAST: usize = 16;
/// Bytes with which a secret of letters and digits is as good as one by chance.
const ENOUGH: usize = 32;

/// All keys.
pub(super) struct Keys {
    by_id: HashMap<Box<str>, Key>,
    /// By which signatures of unknown keys are verified, so that ids cannot be told by the time that it takes.
    stand_in: Ready,
}

struct Key {
    consumer: Arc<Consumer>,
    secret: Ready,
}

/// A secret, made ready for each algorithm that is taken.
struct Ready(Box<[(HmacAlgorithm, hmac::Key)]>);

impl Ready {
    fn new(secret: &[u8], algorithms: &[HmacAlgorithm]) -> Self {
        let key = |algorithm: &HmacAlgorithm| {
            let by = match algorithm {
                HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
                HmacAlgorithm::Sha384 => hmac::HMAC_SHA384,
                HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
            };
            (*algorithm, hmac::Key::new(by, secret))
        };
        Self(algorithms.iter().map(key).collect())
    }

    fn verifies(&self, signed: &Signed) -> bool {
        let key = self.0.iter().find(|(algorithm, _)| *algorithm == signed.algorithm);
        key.is_some_and(|(_, key)| hmac::verify(key, &signed.message, &signed.signature).is_ok())
    }
}

impl Keys {
    /// The keys of all consumers, for these algorithms. What is wrong with one is reported.
    pub(super) fn compile(algorithms: &[HmacAlgorithm], build: &mut Build<'_>) -> Option<Self> {
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
                is_good &= is_long_enough(id, &bytes, build);
                let consumer = Arc::clone(credentials.consumer());
                by_id.insert(id.into(), Key { consumer, secret: Ready::new(&bytes, algorithms) });
            }
        }
        if aws_lc_rs::rand::fill(&mut stand_in).is_err() {
            build.report(Problem::error("the system gives no random bytes").at(build.span()));
            return None;
        }
        is_good.then(|| Self { by_id, stand_in: Ready::new(&stand_in, algorithms) })
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
        let is_good = key.map_or(&self.stand_in, |key| &key.secret).verifies(signed);
        match key {
            Some(key) if is_good => Ok(&key.consumer),
            Some(_) => Err(Refused::invalid(
                "the signature is another one: the key, or something that is signed, differs",
            )),
            None => Err(Refused::invalid("no consumer has a key of this id")),
        }
    }
}

/// Whether a secret cannot be guessed by who sees what it signs. One that just cannot draws a warning.
fn is_long_enough(id: &str, secret: &[u8], build: &mut Build<'_>) -> bool {
    if secret.len() >= ENOUGH {
        return true;
    }
    let is_enough = secret.len() >= LEAST;
    let problem = if is_enough {
        Problem::warning(format!("the key `{id}` has less than {ENOUGH} bytes"))
    } else {
        Problem::error(format!("the key `{id}` has less than {LEAST} bytes"))
    };
    let help = "who sees one signed request can try short ones out; `openssl rand -hex 32` makes a good one";
    build.report(problem.at(build.span()).help(help));
    is_enough
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.by_id.len())
    }
}
