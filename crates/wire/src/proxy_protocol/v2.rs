//! Version 2: a signature, a fixed head, addresses, and vectors with more (section 2.2).
//! What the vectors say is read in `vectors.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Header, MAX_HEADER, Malformed, NO_HEADER, Progress, Version, as_ipv6, vectors};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length of the rest.
const FIXED: usize = 16;
/// Bytes of the path of a Unix socket.
const UNIX: usize = 108;

/// The byte behind the signature: version 2, and the command.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// The byte behind that: family and transport. Any other that is valid says nothing that a stream can be for.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const UNIX_STREAM: u8 = 0x31;

/// Reads the header at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    let there = bytes.len().min(SIGNATURE.len());
    if bytes[..there] != SIGNATURE[..there] {
        return Err(NO_HEADER);
    }
    let command = bytes.get(SIGNATURE.len()).copied();
    if command.is_some_and(|command| !matches!(command, LOCAL | PROXY)) {
        return Err(Malformed("a version or command in the PROXY header that does not exist"));
    }
    let Some((fixed, _)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Progress::More(FIXED - bytes.len()));
    };
    let [.., command, kind, high, low] = *fixed;
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_HEADER {
        return Err(Malformed("the PROXY header has more than 4096 bytes"));
    }
    // The family of a connection of the proxy's own means nothing.
    let kind = if command == LOCAL { 0 } else { kind };
    if kind >> 4 > 3 || kind & 0xf > 2 {
        return Err(Malformed("a family or transport in the PROXY header that does not exist"));
    }
    if length < FIXED + size(kind) {
        return Err(Malformed("the PROXY header is shorter than its addresses"));
    }
    let Some(whole) = bytes.get(..length) else { return Ok(Progress::More(length - bytes.len())) };
    let mut header = Header::silent(Version::V2);
    header.addresses = addresses(kind, &whole[FIXED..]);
    // Where the addresses of what is not known end is not known either.
    if header.addresses.is_some() {
        vectors::read(whole, FIXED + size(kind), &mut header)?;
    }
    Ok(Progress::Done { header, length })
}

/// How many bytes the addresses have.
fn size(kind: u8) -> usize {
    match kind {
        TCP4 => 12,
        TCP6 => 36,
        UNIX_STREAM => 2 * UNIX,
        _ => 0,
    }
}

/// The addresses at the start of `bytes`, if they are there and of a stream.
fn addresses(kind: u8, bytes: &[u8]) -> Option<Addresses> {
    let port = |at: usize| Some(u16::from_be_bytes(bytes.get(at..)?.first_chunk().copied()?));
    match kind {
        TCP4 => {
            let address = |at: usize| Some(Ipv4Addr::from(*bytes.get(at..)?.first_chunk::<4>()?));
            let end = |at, port_at| Some(SocketAddr::new(IpAddr::V4(address(at)?), port(port_at)?));
            Some(Addresses::tcp(end(0, 8)?, end(4, 10)?))
        }
        TCP6 => {
            let address = |at: usize| Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?));
            let end = |at, port_at| Some(SocketAddr::new(IpAddr::V6(address(at)?), port(port_at)?));
            Some(Addresses::tcp(end(0, 32)?, end(16, 34)?))
        }
        UNIX_STREAM => {
            let path = |at: usize| {
                let padded = bytes.get(at..at + UNIX)?;
                let used = padded.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                Some(padded[..used].into())
            };
            Some(Addresses::Unix { source: path(0)?, destination: path(UNIX)? })
        }
        _ => None,
    }
}

/// Writes the header.
pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    let Some((source, destination)) = ends else { return out.extend([LOCAL, 0, 0, 0]) };
    if let (IpAddr::V4(from), IpAddr::V4(to)) = (source.ip(), destination.ip()) {
        out.extend([PROXY, TCP4, 0, 12]);
        out.extend(from.octets());
        out.extend(to.octets());
    } else {
        out.extend([PROXY, TCP6, 0, 36]);
        out.extend(as_ipv6(source).octets());
        out.extend(as_ipv6(destination).octets());
    }
    out.extend(source.port().to_be_bytes());
    out.extend(destination.port().to_be_bytes());
}
