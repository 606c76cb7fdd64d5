//! PROXY headers. If the first byte is odd, a checksum that stands in the header is put right; the rest is what a connection brings.
//!
//! The verdict does not hang on the pieces that it comes in; who reads no more than is announced takes nothing of what stands behind
//! the header; a plain reader that checks nothing finds the same addresses; written and read again they are the same.
#![no_main]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use maitred_wire::proxy_protocol::{Addresses, Header, MAX_HEADER, Progress, Version, parse, write};

/// Signature, command, family and length of version 2.
const FIXED: usize = 16;

fuzz_target!(|input: &[u8]| {
    let [choice, bytes @ ..] = input else { return };
    let mut bytes = bytes[..bytes.len().min(2 * MAX_HEADER)].to_vec();
    if choice & 1 == 1 {
        mend(&mut bytes);
    }
    let verdict = parse(&bytes);
    for end in 0..bytes.len() {
        match parse(&bytes[..end]) {
            Ok(Progress::More(more)) => assert!(more > 0),
            done @ Ok(Progress::Done { .. }) => assert_eq!(done, verdict, "behind it, nothing matters"),
            Err(_) => assert!(verdict.is_err(), "refused too early"),
        }
    }
    let Ok(Progress::Done { header, length }) = verdict else { return };
    assert!(length <= MAX_HEADER);
    read_in_steps(&bytes, &header, length);
    check(&header);
    assert_eq!(header.addresses, plain(&bytes[..length]), "a reader that checks nothing");
    if let Some((at, told)) = checksum(&bytes[..length]) {
        assert_eq!(sum(&bytes[..length], at), told, "the checksum is wrong");
    }
    if let Some(Addresses::Tcp { source, destination }) = header.addresses {
        for version in [Version::V1, Version::V2] {
            let mut written = Vec::new();
            write(version, Some((source, destination)), &mut written);
            let Ok(Progress::Done { header: read, length }) = parse(&written) else { panic!("{version:?}") };
            assert_eq!((length, read.version), (written.len(), version));
            assert_eq!(read.addresses, Some(Addresses::Tcp { source, destination }));
        }
    }
});

/// Reads as many bytes as are announced each time.
fn read_in_steps(bytes: &[u8], header: &Header, length: usize) {
    let mut read = 0;
    loop {
        match parse(&bytes[..read]).expect("its beginning is not refused") {
            Progress::More(more) => read += more,
            Progress::Done { header: seen, length: whole } => {
                assert_eq!((&seen, whole, read), (header, length, length));
                return;
            }
        }
        assert!(read <= length, "{read} of {length} bytes were announced");
    }
}

/// What every header is.
fn check(header: &Header) {
    let texts = [&header.authority, &header.tls.as_ref().and_then(|tls| tls.client_name.clone())];
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    }
    assert!(header.unique_id.as_ref().is_none_or(|id| (1..=128).contains(&id.len())));
    assert!(header.tls.as_ref().is_none_or(|tls| tls.verified || tls.client_name.is_none()));
    let silent = header.authority.is_none() && header.unique_id.is_none() && header.tls.is_none();
    assert!(silent || (header.version == Version::V2 && header.addresses.is_some()));
}

/// Reads the addresses as simply as can be.
fn plain(header: &[u8]) -> Option<Addresses> {
    let canonical = |ip: IpAddr, port| SocketAddr::new(ip.to_canonical(), port);
    if header[0] == b'P' {
        let line = std::str::from_utf8(header).ok()?;
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[1] == "UNKNOWN" {
            return None;
        }
        let end = |ip: usize, port: usize| {
            canonical(words[ip].parse().expect("an address"), words[port].parse().expect("a port"))
        };
        return Some(Addresses::Tcp { source: end(2, 4), destination: end(3, 5) });
    }
    let port = |at: usize| u16::from(header[at]) << 8 | u16::from(header[at + 1]);
    match (header[12], header[13]) {
        (0x21, 0x11) => {
            let end = |ip: usize, port_at| {
                canonical([header[ip], header[ip + 1], header[ip + 2], header[ip + 3]].into(), port(port_at))
            };
            Some(Addresses::Tcp { source: end(16, 24), destination: end(20, 26) })
        }
        (0x21, 0x21) => {
            let ip = |at: usize| {
                Ipv6Addr::from(u128::from_be_bytes(header[at..at + 16].try_into().expect("16 bytes")))
            };
            let end = |at, port_at| canonical(ip(at).into(), port(port_at));
            Some(Addresses::Tcp { source: end(16, 48), destination: end(32, 50) })
        }
        (0x21, 0x31) => {
            let path = |at: usize| {
                let mut path = header[at..at + 108].to_vec();
                while path.last() == Some(&0) {
                    path.pop();
                }
                path.into()
            };
            Some(Addresses::Unix { source: path(16), destination: path(124) })
        }
        _ => None,
    }
}

/// Where the checksum of a header stands, and what it is.
fn checksum(header: &[u8]) -> Option<(usize, u32)> {
    if header.len() < FIXED || header[0] != b'\r' || header[12] != 0x21 {
        return None;
    }
    let mut at = FIXED
        + match header[13] {
            0x11 => 12,
            0x21 => 36,
            0x31 => 216,
            _ => return None,
        };
    while at + 7 <= header.len() {
        let length = usize::from(header[at + 1]) << 8 | usize::from(header[at + 2]);
        if header[at] == 3 && length == 4 {
            let told = header[at + 3..at + 7].try_into().expect("4 bytes");
            return Some((at + 3, u32::from_be_bytes(told)));
        }
        at += 3 + length;
    }
    None
}

/// The checksum CRC32c of a header, taken bit by bit, with zeros at `at`.
fn sum(header: &[u8], at: usize) -> u32 {
    let mut sum = u32::MAX;
    for (index, &byte) in header.iter().enumerate() {
        sum ^= if (at..at + 4).contains(&index) { 0 } else { u32::from(byte) };
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    !sum
}

/// Puts the checksum of a whole header right, if it has one.
fn mend(bytes: &mut [u8]) {
    if bytes.len() < FIXED {
        return;
    }
    let length = FIXED + (usize::from(bytes[14]) << 8 | usize::from(bytes[15]));
    let Some(header) = bytes.get_mut(..length) else { return };
    if let Some((at, _)) = checksum(header) {
        let sum = sum(header, at);
        header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    }
}
