//! What stands where addresses are listed: a network, or the name of a list that stands elsewhere.
//! Whether there is such a list is seen when the policy is compiled.

use ipnet::IpNet;

use super::{ScalarProblem, cidr};

/// A network, or the name of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IpEntry {
    /// `10.0.0.0/8`
    Network(IpNet),
    /// `offices`
    List(Box<str>),
}

/// Reads a network, or the name of a list.
pub fn parse(text: &str) -> Result<IpEntry, ScalarProblem> {
    if is_name(text) {
        return Ok(IpEntry::List(text.into()));
    }
    cidr::parse(text).map(IpEntry::Network)
}

/// Whether a text can be the name of a list: no address is one, nor is what people write for addresses.
pub fn is_name(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(is_word)
        && !matches!(text, "all" | "any" | "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_networks_are_told_apart() {
        for name in ["offices", "a", "dead-beef", "Cafe_1"] {
            assert_eq!(parse(name), Ok(IpEntry::List(name.into())));
        }
        for network in ["10.0.0.0/8", "dead::/16", "::1", "10.0.0.1"] {
            assert_eq!(parse(network), cidr::parse(network).map(IpEntry::Network), "{network}");
            assert!(parse(network).is_ok());
        }
        for neither in
            ["", "10", "1a", "-a", "a.b", "a b", "*", "any", "localhost", "10.0.0.0/33", "offices/8"]
        {
            assert!(parse(neither).is_err(), "{neither}");
        }
        assert!(parse("localhost").unwrap_err().to_string().contains("127.0.0.0/8"));
    }
}
