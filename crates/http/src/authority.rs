//! The host and port that a request is for (RFC 3986 section 3.2, RFC 9110 section 7.2).
//! It is read once, when a head is parsed; whatever compares hosts afterwards compares these.

use std::net::Ipv6Addr;

/// A checked authority: the host in lower case, and the port where one was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// `host` or `host:port`; IPv6 addresses keep their brackets.
    text: String,
    host_len: usize,
    port: Option<u16>,
}

/// Why a text is no authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityError {
    /// Nothing before the port.
    Empty,
    /// A byte that no host name has, user information, or a broken IPv6 address.
    Host,
    /// Not a number from 0 to 65535.
    Port,
}

impl Authority {
    /// Reads `host[:port]`, in place of what was there before. User information is refused: RFC 9110
    /// section 4.2.4 warns of it in requests. A dot at the end of a name is dropped, since it names the same host.
    pub fn parse(&mut self, text: &[u8]) -> Result<(), AuthorityError> {
        self.clear();
        let (host, port) = split_port(text)?;
        if host.is_empty() {
            return Err(AuthorityError::Empty);
        }
        match host.strip_prefix(b"[") {
            Some(rest) => check_ipv6(rest)?,
            None if host.iter().all(|&byte| HOST_BYTES[usize::from(byte)]) => {}
            None => return Err(AuthorityError::Host),
        }
        let host = host.strip_suffix(b".").filter(|rest| !rest.is_empty()).unwrap_or(host);
        self.text.push_str(std::str::from_utf8(host).map_err(|_| AuthorityError::Host)?);
        self.text.make_ascii_lowercase();
        self.host_len = self.text.len();
        if let Some(digits) = port {
            self.port = Some(parse_port(digits)?);
            self.text.push(':');
            self.text.push_str(std::str::from_utf8(digits).map_err(|_| AuthorityError::Port)?);
        }
        Ok(())
    }

    /// Forgets the host and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.host_len = 0;
        self.port = None;
    }

    /// Whether there is none, as in a request of HTTP/1.0 without `Host`.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Host and port as given, the host in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host in lower case, without the port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.text[..self.host_len]
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

fn split_port(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), AuthorityError> {
    let after_host = match text.first() {
        Some(b'[') => text.iter().position(|&byte| byte == b']').ok_or(AuthorityError::Host)? + 1,
        _ => text.iter().position(|&byte| byte == b':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(after_host);
    match rest {
        // An empty port is the default one (RFC 3986 section 3.2.3).
        [] | [b':'] => Ok((host, None)),
        [b':', digits @ ..] => Ok((host, Some(digits))),
        _ => Err(AuthorityError::Host),
    }
}

fn parse_port(digits: &[u8]) -> Result<u16, AuthorityError> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(AuthorityError::Port);
    }
    let number = digits.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    u16::try_from(number).map_err(|_| AuthorityError::Port)
}

fn check_ipv6(rest: &[u8]) -> Result<(), AuthorityError> {
    let address = rest.strip_suffix(b"]").ok_or(AuthorityError::Host)?;
    let address = std::str::from_utf8(address).map_err(|_| AuthorityError::Host)?;
    address.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| AuthorityError::Host)
}

/// Unreserved bytes, and the underscore that real service names have. Percent-encoding and sub-delimiters, which
/// RFC 3986 would allow, occur in no real host name and only confuse what compares hosts.
const HOST_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Authority, AuthorityError> {
        let mut authority = Authority::default();
        authority.parse(text.as_bytes()).map(|()| authority)
    }

    #[test]
    fn splits_host_and_port() {
        for (text, host, port) in [
            ("Api.Example.com", "api.example.com", None),
            ("a:8080", "a", Some(8080)),
            ("a.example.:1", "a.example", Some(1)),
            ("[::1]:443", "[::1]", Some(443)),
            ("[FE80::1]", "[fe80::1]", None),
            ("a:", "a", None),
            ("10.0.0.1", "10.0.0.1", None),
        ] {
            let authority = parse(text).unwrap();
            assert_eq!((authority.host(), authority.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for (text, error) in [
            ("", AuthorityError::Empty),
            (":80", AuthorityError::Empty),
            ("user@host", AuthorityError::Host),
            ("a b", AuthorityError::Host),
            ("a/b", AuthorityError::Host),
            ("a,b", AuthorityError::Host),
            ("[::1", AuthorityError::Host),
            ("[zz]", AuthorityError::Host),
            ("[::1]x", AuthorityError::Host),
            ("::1", AuthorityError::Empty),
            ("a:80:90", AuthorityError::Port),
            ("a:70000", AuthorityError::Port),
            ("a:+80", AuthorityError::Port),
            ("ü.example", AuthorityError::Host),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
