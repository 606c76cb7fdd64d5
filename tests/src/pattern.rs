//! Bodies whose every byte depends on its place, and a checksum to compare them by.

/// `len` bytes in which no part can be lost, doubled or moved unnoticed, unless by exactly [`PERIOD`] bytes.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut bytes: Vec<u8> = (0..len.min(PERIOD))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    // A service that works out 50 MB byte by byte, unoptimized on a busy machine, comes to its head too late.
    while bytes.len() < len {
        bytes.extend_from_within(..PERIOD.min(len - bytes.len()));
    }
    bytes
}

/// After so many bytes they come again: a prime, and so no multiple of any buffer's size.
const PERIOD: usize = 1_000_003;

/// FNV-1a, in hexadecimal.
pub fn checksum(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
