//! Hashes of passwords: which kinds there are, what they may cost, and whether a password is the one. Nothing here is for a worker:
//! each look takes long, and is meant to.

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha_crypt::{PasswordHashRef, ShaCrypt};

use super::md5_crypt::Md5Crypt;

/// Memory that one look may take, in KiB: 256 MiB. Some looks happen at the same time.
const MOST_MEMORY: u32 = 256 << 10;
/// KiB that one look may pass over, all passes together: about a second.
const MOST_WORK: u64 = 1 << 20;
/// Lanes of argon2, which take their turns here.
const MOST_LANES: u32 = 16;
/// The costs that bcrypt may have: each takes twice as long as the one before, and 14 about a second.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;
/// Rounds of SHA-crypt: about a second.
const MOST_ROUNDS: u32 = 1_000_000;

/// The hash of a password.
pub(crate) enum PasswordHash {
    Argon2(Box<Phc>),
    Bcrypt(Box<str>),
    /// `$5$` and `$6$` of crypt(3).
    ShaCrypt(Box<str>),
    /// `$apr1$` of htpasswd.
    Md5Crypt(Md5Crypt),
    /// `{SHA}` of htpasswd: SHA-1 without salt.
    Sha1(Box<[u8]>),
}

/// What is wrong with a hash, in words that do not show it.
pub(crate) type Why = &'static str;

impl PasswordHash {
    /// Reads a hash of any kind that is known, and refuses one that is too dear to check.
    pub(crate) fn parse(text: &str) -> Result<Self, Why> {
        if text.starts_with("$argon2") {
            return Self::argon2(text);
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|beginning| text.starts_with(beginning)) {
            return Self::bcrypt(text);
        }
        if text.starts_with("$5$") || text.starts_with("$6$") {
            return Self::sha_crypt(text);
        }
        if text.starts_with("$apr1$") {
            return Md5Crypt::parse(text).map(Self::Md5Crypt).ok_or("this hash by MD5 is not whole");
        }
        if let Some(digits) = text.strip_prefix("{SHA}") {
            let hash = STANDARD.decode(digits).ok().filter(|hash| hash.len() == 20);
            return hash.map(|hash| Self::Sha1(hash.into())).ok_or("this hash by SHA-1 is not whole");
        }
        let is_des = text.len() == 13
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
        Err(if is_des {
            "this looks like a hash by crypt (DES), which takes 8 characters and is guessed in minutes: make one by bcrypt (`htpasswd -B`)"
        } else if text.starts_with('$') || text.starts_with('{') {
            "hashes of this kind are not known: make one by bcrypt (`htpasswd -B`) or argon2 (`maitred key password`)"
        } else {
            "this is not the hash of a password: make one by bcrypt (`htpasswd -B`) or argon2 (`maitred key password`)"
        })
    }

    fn argon2(text: &str) -> Result<Self, Why> {
        let broken = "this hash by argon2 is not whole";
        let hash = Phc::new(text).map_err(|_| broken)?;
        let params = Params::try_from(&hash).map_err(|_| broken)?;
        let is_known = Algorithm::try_from(hash.algorithm.as_str()).is_ok()
            && matches!(hash.version, None | Some(0x10 | 0x13));
        let has_salt = hash.salt.as_ref().is_some_and(|salt| salt.len() >= argon2::MIN_SALT_LEN);
        if !is_known || !has_salt || hash.hash.is_none() {
            return Err(broken);
        }
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MOST_MEMORY || work > MOST_WORK || params.p_cost() > MOST_LANES {
            return Err("this hash by argon2 takes too much to check: `m` may be 262144 (256 MiB), \
                        `m` times `t` 1048576, and `p` 16");
        }
        Ok(Self::Argon2(Box::new(hash)))
    }

    fn bcrypt(text: &str) -> Result<Self, Why> {
        let parts: bcrypt::HashParts = text.parse().map_err(|_| "this hash by bcrypt is not whole")?;
        if !BCRYPT_COSTS.contains(&parts.get_cost()) {
            return Err("the cost of this hash by bcrypt is not one from 4 to 14");
        }
        Ok(Self::Bcrypt(text.into()))
    }

    fn sha_crypt(text: &str) -> Result<Self, Why> {
        let broken = "this hash by SHA-crypt is not whole";
        let fields: Vec<&str> = text.split('$').skip(2).collect();
        let (rounds, salt, hash) = match fields[..] {
            [salt, hash] => (None, salt, hash),
            [rounds, salt, hash] => (Some(rounds.strip_prefix("rounds=").ok_or(broken)?), salt, hash),
            _ => return Err(broken),
        };
        let rounds = rounds.map_or(Ok(5000), str::parse::<u32>).map_err(|_| broken)?;
        if !(1000..=MOST_ROUNDS).contains(&rounds) {
            return Err("the rounds of this hash by SHA-crypt are not from 1000 to 1000000");
        }
        // What remains to be told is told by a look that is bound to fail.
        let whole = if text.starts_with("$5$") { 43 } else { 86 };
        let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
        let is_whole = hash.len() == whole && hash.bytes().all(is_digit) && (1..=16).contains(&salt.len());
        if is_whole && PasswordHashRef::new(text).is_ok() {
            Ok(Self::ShaCrypt(text.into()))
        } else {
            Err(broken)
        }
    }

    /// Whether this is the password. Takes long.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default().verify_password(password, &**hash).is_ok(),
            // What stands behind the 72nd byte does not count: so does every other program that reads such hashes.
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::ShaCrypt(hash) => PasswordHashRef::new(hash)
                .is_ok_and(|hash| ShaCrypt::default().verify_password(password, hash).is_ok()),
            Self::Md5Crypt(hash) => hash.verify(password),
            Self::Sha1(hash) => {
                verify_slices_are_equal(hash, digest(&SHA1_FOR_LEGACY_USE_ONLY, password).as_ref()).is_ok()
            }
        }
    }

    /// Whether who has the hash has soon guessed the password.
    pub(crate) fn is_weak(&self) -> bool {
        matches!(self, Self::Md5Crypt(_) | Self::Sha1(_))
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The hash of a password by argon2id, with a salt of its own, as configurations take it: 19 MiB in two passes. Takes tens of milliseconds.
///
/// An error: the system gives no random bytes.
pub fn hash_password(password: &str) -> Result<Box<str>, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string().into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
