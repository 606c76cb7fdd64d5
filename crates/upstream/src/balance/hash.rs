//! The hash of keys and of places on the ring: the same in every process and every version, so that several gateways send a
//! key to the same endpoint. FNV-1a (draft-eastlake-fnv) with the finalizer of `SplitMix64`, which spreads short keys over all bits.
//! It is no protection: who may choose the key may choose the endpoint.

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of a key.
pub fn hash_key(key: &[u8]) -> u64 {
    let fnv = key.iter().fold(BASIS, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    mix(fnv)
}

/// Number `n` of the hashes that follow from one.
pub(crate) fn derive(hash: u64, n: u64) -> u64 {
    mix(hash.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood 2014; constants of Stafford's variant 13).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told here is a contract: another hash would send every client elsewhere after an upgrade.
    #[test]
    fn it_stays_the_same() {
        assert_eq!(BASIS, 14_695_981_039_346_656_037);
        // SplitMix64 from the seed 0 begins so.
        assert_eq!(derive(0, 1), 0xe220_a839_7b1d_cdaf);
        assert_eq!(derive(0, 2), 0x6e78_9e6a_a1b9_65f4);
        // FNV-1a of "a" and "foobar", from the draft's test vectors.
        assert_eq!(hash_key(b"a"), mix(0xaf63_dc4c_8601_ec8c));
        assert_eq!(hash_key(b"foobar"), mix(0x8594_4171_f739_67e8));
    }
}
