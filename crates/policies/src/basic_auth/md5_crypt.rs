//! `$apr1$` of htpasswd: MD5 a thousand times over, with a salt (`apr_md5.c` of the Apache Portable Runtime).
//! Weak, and in many files. No new hash is made so.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use md5::{Digest as _, Md5};

const MAGIC: &[u8] = b"$apr1$";
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ROUNDS: usize = 1000;

/// A hash of this kind.
pub(crate) struct Md5Crypt {
    salt: Box<str>,
    /// 22 digits.
    hash: Box<str>,
}

impl Md5Crypt {
    /// Reads `$apr1$SALT$HASH`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix("$apr1$")?.split_once('$')?;
        let is_whole = (1..=8).contains(&salt.len()) && hash.len() == 22;
        let is_known = is_whole && hash.bytes().all(|byte| DIGITS.contains(&byte));
        is_known.then(|| Self { salt: salt.into(), hash: hash.into() })
    }

    /// Whether it is that of this password.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let computed = digits(&self.compute(password));
        verify_slices_are_equal(&computed, self.hash.as_bytes()).is_ok()
    }

    fn compute(&self, password: &[u8]) -> [u8; 16] {
        let salt = self.salt.as_bytes();
        let doubled = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
        let mut first = Md5::new().chain_update(password).chain_update(MAGIC).chain_update(salt);
        first.update(doubled.iter().cycle().take(password.len()).copied().collect::<Vec<u8>>());
        let mut bits = password.len();
        while bits > 0 {
            // The password's first byte, or none: a slip of long ago that is part of the format.
            first.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
            bits >>= 1;
        }
        let mut hash: [u8; 16] = first.finalize().into();
        for round in 0..ROUNDS {
            let mut next = Md5::new();
            next.update(if round % 2 == 1 { password } else { &hash });
            next.update(if round % 3 == 0 { &[][..] } else { salt });
            next.update(if round % 7 == 0 { &[][..] } else { password });
            next.update(if round % 2 == 1 { &hash } else { password });
            hash = next.finalize().into();
        }
        hash
    }
}

/// Six bits each, of three bytes from all over the hash, the lowest first.
fn digits(hash: &[u8; 16]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(22);
    let mut push = |bytes: [u8; 3], count: usize| {
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        digits.extend((0..count).map(|at| DIGITS[(bits >> (6 * at)) as usize & 63]));
    };
    for at in 0..5 {
        let last = if at == 4 { 5 } else { at + 12 };
        push([hash[at], hash[at + 6], hash[last]], 4);
    }
    push([0, 0, hash[11]], 2);
    digits
}
