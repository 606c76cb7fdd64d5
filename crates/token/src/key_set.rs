//! All keys of an issuer, and whether a token was signed with one of them.
//! `kid` only chooses among these: it names no file, no address and nothing else.

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::jws::Jws;
use crate::key::{Key, KeyError};
use crate::refusal::Refusal;
use crate::{jwk, object, pem};

/// Keys that a set may have; an issuer has a few.
const MOST_KEYS: usize = 256;
/// Keys that are tried for a token that names none.
const MOST_TRIED: usize = 8;

/// The keys of an issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    /// What is in the set and cannot be used: why.
    unused: Vec<String>,
}

impl KeySet {
    /// Of one key.
    pub fn of_key(key: Key) -> Self {
        Self { keys: vec![key], unused: Vec::new() }
    }

    /// Of public keys as PEM.
    pub fn of_pem(text: &str) -> Result<Self, KeyError> {
        Ok(Self { keys: pem::read(text)?, unused: Vec::new() })
    }

    /// A JWK Set, or a single JWK (RFC 7517). Keys of it that are not for signatures, that are none, or of whose `kid` there are several, are
    /// left out, and told by [`unused`](Self::unused). A set that has secrets beside public keys is refused whole: nobody who publishes
    /// his keys publishes his secrets, so one of the two is not what it seems.
    pub fn of_jwks(bytes: &[u8]) -> Result<Self, KeyError> {
        let document = object::parse(bytes)
            .ok_or_else(|| KeyError::new("it is no JSON object, or has a member twice"))?;
        let entries = match document.get("keys") {
            Some(Value::Array(entries)) => entries.iter().collect(),
            Some(_) => return Err(KeyError::new("its `keys` is no list")),
            None if document.contains_key("kty") => Vec::new(),
            None => return Err(KeyError::new("it has no `keys`")),
        };
        if entries.len() > MOST_KEYS {
            return Err(KeyError::new(format!("it has more than {MOST_KEYS} keys")));
        }
        let alone = document.contains_key("kty").then_some(&document);
        let jwks: Vec<Option<&Map<String, Value>>> =
            entries.into_iter().map(Value::as_object).chain(alone.map(Some)).collect();
        let mut set = Self::default();
        for (index, jwk) in jwks.iter().enumerate() {
            let read = jwk.ok_or_else(|| KeyError::new("it is no object")).and_then(|jwk| {
                let others = jwks.iter().enumerate().filter(|(other, _)| *other != index);
                if others.filter_map(|(_, other)| *other).any(|other| may_be_meant(other, jwk)) {
                    return Err(KeyError::new("another key has the same `kid`"));
                }
                jwk::read(jwk)
            });
            match read {
                Ok(key) => set.keys.push(key),
                Err(why) => set.unused.push(format!("key {}: {why}", index + 1)),
            }
        }
        let secrets = set.keys.iter().filter(|key| key.algorithms().any(Algorithm::is_secret)).count();
        if secrets > 0 && secrets < set.keys.len() {
            return Err(KeyError::new("it has shared secrets beside public keys"));
        }
        Ok(set)
    }

    /// The same with no more than these algorithms.
    #[must_use]
    pub fn only_for(mut self, algorithms: &[Algorithm]) -> Self {
        self.keys = self.keys.into_iter().map(|key| key.only_for(algorithms)).collect();
        self.keys.retain(|key| key.algorithms().next().is_some());
        self
    }

    /// The same without shared secrets: what was fetched from an address that everybody may read has none that is one.
    #[must_use]
    pub fn only_public(mut self) -> Self {
        self.keys.retain(|key| !key.algorithms().any(Algorithm::is_secret));
        self
    }

    /// Whether nothing can be checked with it.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What is in it and cannot be used, with the reason, for whoever wrote it.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Whether a token was signed with one of these keys. [`Refusal::Key`] says that another key may be wanted.
    pub fn verify(&self, token: &Jws<'_>) -> Result<(), Refusal> {
        let named = token.key_id.as_deref();
        // A key without a name may be the one that any token means.
        let fits = |key: &&Key| named.is_none() || key.id().is_none() || key.id() == named;
        let mut is_there = false;
        let mut fitting = self
            .keys
            .iter()
            .filter(fits)
            .inspect(|_| is_there = true)
            .filter(|key| key.is_for(token.algorithm));
        let first = fitting.next();
        let mut tried = first.into_iter().chain(fitting).take(MOST_TRIED);
        if tried.any(|key| key.verify(token.algorithm, token.signed, &token.signature)) {
            return Ok(());
        }
        Err(match (first, is_there) {
            (Some(_), _) => Refusal::Signature,
            (None, true) => Refusal::KeyAlgorithm,
            (None, false) => Refusal::Key,
        })
    }
}

/// All keys of several sets.
impl FromIterator<KeySet> for KeySet {
    fn from_iter<T: IntoIterator<Item = Self>>(sets: T) -> Self {
        let mut all = Self::default();
        for set in sets {
            all.keys.extend(set.keys);
            all.unused.extend(set.unused);
        }
        all
    }
}

/// Whether a token that means one key by its `kid` could as well mean the other. Different keys have different names, unless kind or
/// algorithm tell them apart (RFC 7517 section 4.5).
fn may_be_meant(other: &Map<String, Value>, key: &Map<String, Value>) -> bool {
    let is_alike =
        |name: &str| key.get(name).is_none() || other.get(name).is_none() || key.get(name) == other.get(name);
    key.contains_key("kid")
        && key.get("kid") == other.get("kid")
        && is_alike("kty")
        && is_alike("alg")
        && is_alike("use")
}
