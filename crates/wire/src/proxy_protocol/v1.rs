//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` and CRLF (section 2.1).
//! Nothing is read before the whole line is there, and no line that is not exactly right.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Header, Malformed, NO_HEADER, Progress, Version, as_ipv6};

/// What every line begins with.
const START: &[u8] = b"PROXY ";
/// The shortest line, `PROXY UNKNOWN`, with its end.
pub(super) const SHORTEST: usize = 15;
/// The longest line, with its end.
pub(super) const LONGEST: usize = 107;

/// Reads the line at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    let there = bytes.len().min(START.len());
    if bytes[..there] != START[..there] {
        return Err(NO_HEADER);
    }
    let may_have_the_end = &bytes[..bytes.len().min(LONGEST - 1)];
    let Some(end) = memchr::memchr2(b'\r', b'\n', may_have_the_end) else {
        if may_have_the_end.len() == LONGEST - 1 {
            return Err(Malformed("the line of the PROXY header has more than 107 bytes"));
        }
        return Ok(Progress::More(SHORTEST.saturating_sub(bytes.len()).max(2)));
    };
    match (bytes[end], bytes.get(end + 1)) {
        (b'\r', None) => Ok(Progress::More(1)),
        (b'\r', Some(b'\n')) => {
            Ok(Progress::Done { header: line(&bytes[START.len()..end])?, length: end + 2 })
        }
        _ => Err(Malformed("the line of the PROXY header does not end with CRLF")),
    }
}

/// Reads what stands between `PROXY ` and the end of the line. The bytes may be cut by the end of the line anywhere.
fn line(bytes: &[u8]) -> Result<Header, Malformed> {
    let header = Header::silent(Version::V1);
    // Whatever stands behind it is to be ignored.
    if bytes == b"UNKNOWN" || bytes.starts_with(b"UNKNOWN ") {
        return Ok(header);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("the PROXY header is not in ASCII"))?;
    let parts: Vec<&str> = text.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = parts[..] else {
        return Err(Malformed("the line of the PROXY header has not the six words that it should have"));
    };
    let address = |text: &str| match family {
        "TCP4" => text
            .parse::<Ipv4Addr>()
            .map(IpAddr::V4)
            .map_err(|_| Malformed("no IPv4 address in a PROXY header of TCP4")),
        "TCP6" => text
            .parse::<Ipv6Addr>()
            .map(IpAddr::V6)
            .map_err(|_| Malformed("no IPv6 address in a PROXY header of TCP6")),
        _ => Err(Malformed("a protocol in the PROXY header that is none of TCP4, TCP6 and UNKNOWN")),
    };
    let source = SocketAddr::new(address(source)?, port(source_port)?);
    let destination = SocketAddr::new(address(destination)?, port(destination_port)?);
    Ok(Header { addresses: Some(Addresses::tcp(source, destination)), ..header })
}

/// Reads a port: digits, no zero in front.
fn port(text: &str) -> Result<u16, Malformed> {
    let well_formed =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    let port = text.parse().ok().filter(|_| well_formed);
    port.ok_or(Malformed("a port in the PROXY header that is no number from 0 to 65535"))
}

/// Writes the line.
pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    let Some((source, destination)) = ends else { return out.extend_from_slice(b"PROXY UNKNOWN\r\n") };
    let (from, to, family) = if source.is_ipv4() && destination.is_ipv4() {
        (source.ip(), destination.ip(), "TCP4")
    } else {
        (IpAddr::V6(as_ipv6(source)), IpAddr::V6(as_ipv6(destination)), "TCP6")
    };
    write!(out, "PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port())
        .expect("a vector takes all that is written");
}
