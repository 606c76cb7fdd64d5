//! What stands behind the addresses in version 2: vectors of type, length and value (section 2.2, "TLV").
//! Those that the gateway has a use for are kept, the checksum is compared, all others are passed over.

use super::crc32c::crc32c;
use super::{Header, Malformed, ProxiedTls};

const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
/// Inside of `SSL`.
const SSL_CN: u8 = 0x22;

/// In the first byte of `SSL`: the client spoke TLS.
const SPOKE_TLS: u8 = 0x01;
/// The client showed a certificate, on this connection or on one before it in the same session.
const SHOWED_CERTIFICATE: u8 = 0x02 | 0x04;

const TWICE: Malformed = Malformed("the PROXY header says the same thing twice");
const NO_TEXT: Malformed = Malformed("a text in the PROXY header that is none");

/// Reads the vectors of a header from byte `start` on. They have to fill it.
pub(super) fn read(whole: &[u8], start: usize, header: &mut Header) -> Result<(), Malformed> {
    let mut checked = false;
    for vector in vectors(whole, start) {
        let Vector { kind, at, value } = vector?;
        match kind {
            CRC32C if std::mem::replace(&mut checked, true) => return Err(TWICE),
            CRC32C => check(whole, at, value)?,
            // What is empty says nothing.
            _ if value.is_empty() => {}
            AUTHORITY => once(&mut header.authority, text(value)?)?,
            UNIQUE_ID if value.len() <= 128 => once(&mut header.unique_id, value.into())?,
            UNIQUE_ID => return Err(Malformed("an id in the PROXY header that has more than 128 bytes")),
            SSL => {
                if let Some(tls) = tls(value)? {
                    once(&mut header.tls, tls)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

struct Vector<'b> {
    kind: u8,
    /// Where its value stands in the bytes.
    at: usize,
    value: &'b [u8],
}

fn vectors(bytes: &[u8], start: usize) -> impl Iterator<Item = Result<Vector<'_>, Malformed>> {
    let mut next = start;
    std::iter::from_fn(move || {
        let rest = bytes.get(next..).filter(|rest| !rest.is_empty())?;
        let vector = rest.split_first_chunk::<3>().and_then(|(&[kind, high, low], rest)| {
            let value = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
            Some(Vector { kind, at: next + 3, value })
        });
        next = vector.as_ref().map_or(bytes.len(), |vector| vector.at + vector.value.len());
        Some(vector.ok_or(Malformed("a field of the PROXY header is longer than what is left of it")))
    })
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(TWICE),
    }
}

/// Text that can be logged.
fn text(bytes: &[u8]) -> Result<Box<str>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| NO_TEXT)?;
    if text.contains(char::is_control) { Err(NO_TEXT) } else { Ok(text.into()) }
}

/// What is said of the client's TLS, if it spoke TLS at all.
fn tls(value: &[u8]) -> Result<Option<ProxiedTls>, Malformed> {
    const HEAD: usize = 5;
    let Some((&[client, ref verify @ ..], _)) = value.split_first_chunk::<HEAD>() else {
        return Err(Malformed("what the PROXY header says of TLS is cut off"));
    };
    let verified = *verify == [0; 4] && client & SHOWED_CERTIFICATE != 0;
    let mut client_name = None;
    for vector in vectors(value, HEAD) {
        let vector = vector?;
        if verified && vector.kind == SSL_CN && !vector.value.is_empty() {
            once(&mut client_name, text(vector.value)?)?;
        }
    }
    Ok((client & SPOKE_TLS != 0).then_some(ProxiedTls { verified, client_name }))
}

/// Compares the checksum of the whole header, taken with zeros in its own place (RFC 4960 appendix B).
fn check(whole: &[u8], at: usize, value: &[u8]) -> Result<(), Malformed> {
    let Ok(told) = <[u8; 4]>::try_from(value) else {
        return Err(Malformed("a checksum of the PROXY header that has not 4 bytes"));
    };
    let parts = [&whole[..at], &[0; 4], &whole[at + 4..]];
    if crc32c(parts.into_iter().flatten().copied()) == u32::from_be_bytes(told) {
        Ok(())
    } else {
        Err(Malformed("the checksum of the PROXY header is wrong"))
    }
}
