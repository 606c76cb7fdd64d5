//! A key, with what checks the signatures of each algorithm that it is for. An algorithm that the key is not for has nothing here that could
//! check it: that a public key is taken for a secret (RFC 8725 section 2.1) cannot be written down.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use crate::algorithm::Algorithm;
use crate::roca;

/// A key of an issuer.
pub struct Key {
    id: Option<Box<str>>,
    verifiers: Box<[(Algorithm, Verifier)]>,
}

/// What checks signatures.
enum Verifier {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// Why something is no key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(pub(crate) String);

impl KeyError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// A shared secret for these algorithms, of which it is long enough for each (RFC 7518 section 3.2).
    pub fn of_secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let verifiers = algorithms.iter().map(|&algorithm| {
            let Some(shortest) = algorithm.shortest_secret() else {
                return Err(KeyError::new(format!("{algorithm} has no shared secret, but a public key")));
            };
            if secret.len() < shortest {
                let length = secret.len();
                return Err(KeyError::new(format!(
                    "a secret for {algorithm} has at least {shortest} bytes, and this has {length}"
                )));
            }
            let hash = match algorithm {
                Algorithm::Hs384 => hmac::HMAC_SHA384,
                Algorithm::Hs512 => hmac::HMAC_SHA512,
                _ => hmac::HMAC_SHA256,
            };
            Ok((algorithm, Verifier::Secret(Box::new(hmac::Key::new(hash, secret)))))
        });
        Ok(Self { id: None, verifiers: verifiers.collect::<Result<_, _>>()? })
    }

    /// An RSA key of this modulus and exponent, without zeros in front, for these algorithms.
    pub(crate) fn of_rsa(
        modulus: &[u8],
        exponent: &[u8],
        algorithms: &[Algorithm],
    ) -> Result<Self, KeyError> {
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        // Below it a key can be factored; above it a check takes long (RFC 7518 section 3.3).
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::new(format!("an RSA key has 2048 to 8192 bits, and this has {bits}")));
        }
        let is_sound =
            exponent.len() <= 4 && exponent.last().is_some_and(|last| last & 1 == 1) && *exponent != [1];
        if !is_sound || exponent.first() == Some(&0) || modulus.last().is_none_or(|last| last & 1 == 0) {
            return Err(KeyError::new("the numbers of this RSA key are none of such a key"));
        }
        if roca::is_marked(modulus) {
            return Err(KeyError::new("this RSA key can be factored (CVE-2017-15361)"));
        }
        let verifiers = algorithms.iter().filter_map(|&algorithm| Some((algorithm, rsa(algorithm)?)));
        let verifiers = verifiers.map(|(algorithm, parameters)| {
            let components = RsaPublicKeyComponents { n: modulus, e: exponent };
            let parsed = components.to_parsed_public_key(parameters);
            parsed
                .map(|key| (algorithm, Verifier::Public(key)))
                .map_err(|_| KeyError::new("this is no RSA key"))
        });
        Ok(Self { id: None, verifiers: verifiers.collect::<Result<_, _>>()? })
    }

    /// The key of an algorithm that has one kind of keys: a point of its curve, or an Ed25519 key.
    pub(crate) fn of_curve(algorithm: Algorithm, key: &[u8]) -> Result<Self, KeyError> {
        let how: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
            Algorithm::EdDsa => &signature::ED25519,
            _ => return Err(KeyError::new(format!("{algorithm} has no key on a curve"))),
        };
        let parsed = ParsedPublicKey::new(how, key);
        let key = parsed.map_err(|_| KeyError::new(format!("this is no key for {algorithm}")))?;
        Ok(Self { id: None, verifiers: [(algorithm, Verifier::Public(key))].into() })
    }

    pub(crate) fn with_id(mut self, id: Option<Box<str>>) -> Self {
        self.id = id;
        self
    }

    /// The same for no more than these algorithms.
    pub(crate) fn only_for(mut self, algorithms: &[Algorithm]) -> Self {
        self.verifiers = self.verifiers.into_iter().filter(|(own, _)| algorithms.contains(own)).collect();
        self
    }

    /// Its name, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithms that it is for.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|own| own == algorithm)
    }

    /// Whether this is the signature of `signed` by this key and algorithm. How long that takes does not hang on the secret.
    pub(crate) fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let verifier = self.verifiers.iter().find(|(own, _)| *own == algorithm);
        verifier.is_some_and(|(_, verifier)| match verifier {
            Verifier::Secret(key) => hmac::verify(key, signed, signature).is_ok(),
            Verifier::Public(key) => key.verify_sig(signed, signature).is_ok(),
        })
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Nothing of the key itself.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.algorithms().collect();
        f.debug_struct("Key").field("id", &self.id).field("algorithms", &algorithms).finish_non_exhaustive()
    }
}
