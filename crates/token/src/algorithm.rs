//! The algorithms of signatures (RFC 7518 section 3, RFC 8037). `none` is not one of them.
//! Only their names and kinds: what checks a signature belongs to a key.

use std::fmt;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    Rs256,
    /// RSA (PKCS #1 v1.5) with SHA-384.
    Rs384,
    /// RSA (PKCS #1 v1.5) with SHA-512.
    Rs512,
    /// RSA (PSS) with SHA-256.
    Ps256,
    /// RSA (PSS) with SHA-384.
    Ps384,
    /// RSA (PSS) with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
    /// `EdDSA` over Ed25519.
    EdDsa,
}

const NAMES: [(&str, Algorithm); 13] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("ES512", Algorithm::Es512),
    ("EdDSA", Algorithm::EdDsa),
];

impl Algorithm {
    /// All of them that work with a shared secret.
    pub const SECRET: [Self; 3] = [Self::Hs256, Self::Hs384, Self::Hs512];
    /// All of them that work with an RSA key.
    pub(crate) const RSA: [Self; 6] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512];

    /// The algorithm of this name, which is spelled exactly so.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Whether it works with a shared secret.
    pub fn is_secret(self) -> bool {
        Self::SECRET.contains(&self)
    }

    /// The fewest bytes that a secret of it may have: those of its hash (RFC 7518 section 3.2). None where it has no secret.
    pub fn shortest_secret(self) -> Option<usize> {
        match self {
            Self::Hs256 => Some(32),
            Self::Hs384 => Some(48),
            Self::Hs512 => Some(64),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, known)| known == self).map(|(name, _)| *name);
        f.write_str(name.expect("every algorithm is in the list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_exactly() {
        for (name, algorithm) in NAMES {
            assert_eq!((Algorithm::parse(name), algorithm.to_string().as_str()), (Some(algorithm), name));
        }
        for name in [
            "none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS1", "EDDSA", "Ed25519", "ES256K",
            "RSA1_5",
        ] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }
}
