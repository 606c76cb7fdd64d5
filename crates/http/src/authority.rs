//! The host and port that a request is for (RFC 3986 section 3.2, RFC 9110 section 7.2).
//! It is read once, when a head is parsed; whatever compares hosts afterwards compares these.

use std::net::Ipv6Addr;

/// A checked authority: the host in lower case, and the port where one was given.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    /// `host` or `host:port`; IPv6 addresses keep their brackets. It outlives [`clear`](Authority::clear), for the next
    /// request is likely to name the same.
    text: String,
    host_len: usize,
    port: Option<u16>,
    is_set: bool,
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
        // What was written here is in its normal form, which reads as itself.
        self.is_set = !text.is_empty() && text == self.text.as_bytes();
        if self.is_set {
            return Ok(());
        }
        self.text.clear();
        let (host, port) = split_port(text)?;
        if host.is_empty() {
            return Err(AuthorityError::Empty);
        }
        match host.strip_prefix(b"[") {
            Some(rest) => check_ipv6(rest)?,
            None if host.ends_with(b"..") => return Err(AuthorityError::Host),
            None if host.iter().all(|&byte| HOST_BYTES[usize::from(byte)]) => {}
            None => return Err(AuthorityError::Host),
        }
        let port = port.map(|digits| parse_port(digits).map(|port| (digits, port))).transpose()?;
        let host = host.strip_suffix(b".").filter(|rest| !rest.is_empty()).unwrap_or(host);
        self.text.push_str(std::str::from_utf8(host).map_err(|_| AuthorityError::Host)?);
        self.text.make_ascii_lowercase();
        self.host_len = self.text.len();
        if let Some((digits, _)) = port {
            self.text.push(':');
            self.text.extend(digits.iter().map(|&digit| char::from(digit)));
        }
        self.port = port.map(|(_, port)| port);
        self.is_set = true;
        Ok(())
    }

    /// Forgets the host and keeps the memory.
    pub fn clear(&mut self) {
        self.is_set = false;
    }

    /// Whether there is none, as in a request of HTTP/1.0 without `Host`.
    pub fn is_empty(&self) -> bool {
        !self.is_set
    }

    /// Host and port as given, the host in lower case.
    pub fn as_str(&self) -> &str {
        if self.is_set { &self.text } else { "" }
    }

    /// The host in lower case, without the port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        if self.is_set { &self.text[..self.host_len] } else { "" }
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port.filter(|_| self.is_set)
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Authority {}

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

    /// What was read before, or tried to be, changes nothing of what is read next.
    #[test]
    fn reads_the_same_whatever_came_before() {
        let texts =
            ["", "a", "A", "a.", "a..", "a:", "a:80", "a:080", "a.:80", "a:x", "b", "[::1]", "[::1]:1", "."];
        for before in texts {
            for text in texts {
                let mut authority = Authority::default();
                let first = authority.parse(before.as_bytes());
                assert_eq!(authority.is_empty(), first.is_err(), "{before}");
                if text.len() % 2 == 0 {
                    authority.clear();
                }
                let told = authority.parse(text.as_bytes()).map(|()| authority);
                assert_eq!(told, parse(text), "{text:?} after {before:?}");
                let parts = |read: Authority| (read.host().to_owned(), read.port(), read.is_empty());
                assert_eq!(told.map(parts), parse(text).map(parts), "{text:?} after {before:?}");
            }
        }
        let mut cleared = parse("a:80").unwrap();
        cleared.clear();
        assert_eq!((cleared.host(), cleared.port(), cleared.as_str()), ("", None, ""));
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
            ("a..", AuthorityError::Host),
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
