//! RSA keys whose primes come from a flawed generator (CVE-2017-15361, "ROCA"), and which can be factored. Their moduli are powers of 65537
//! modulo many small primes, which hardly any other modulus is.

/// Small primes modulo which the powers of 65537 are few.
const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether a modulus, of bytes with the largest first, has that mark.
pub(crate) fn is_marked(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let rest = modulus.iter().fold(0, |rest, &byte| (rest << 8 | u32::from(byte)) % prime);
        let mut power = 1;
        loop {
            if power == rest {
                return true;
            }
            power = power * (65537 % prime) % prime;
            if power == 1 {
                return false;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_65537_are_marked() {
        // 65537 cubed, and that and two.
        let cubed = 65537_u64.pow(3);
        assert!(is_marked(&cubed.to_be_bytes()));
        assert!(!is_marked(&(cubed + 2).to_be_bytes()));
    }
}
