//! Patterns of hosts: a name, every name below a domain, or any host at all.
//!
//! They are read once, when the configuration is compiled, into the form that requests have: lower case, no port,
//! no dot at the end. How a request finds its pattern is the business of `table`.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use maitred_http::Authority;

/// A pattern of hosts, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostSpec {
    form: HostForm,
    /// The name; without `*.` where the form is a wildcard, and empty for any host.
    name: String,
}

/// The three forms of host patterns, the one that ranks first first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HostForm {
    Exact,
    Wildcard,
    Any,
}

/// Why a text is no pattern of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostSpecError {
    /// Nothing, or nothing behind `*.`.
    Empty,
    /// A byte that no host name has, or a broken IPv6 address.
    Name,
    /// A port: which listener a request came by is asked by `listener`.
    Port,
    /// A `*` elsewhere than in a leading `*.`.
    Wildcard,
}

impl HostSpec {
    /// Reads `example.com`, `10.0.0.1`, `[::1]`, `*.example.com` (one or more labels before the dot, so not
    /// `example.com` itself) or `*` (any host, and requests without one).
    pub fn parse(text: &str) -> Result<Self, HostSpecError> {
        if text == "*" {
            return Ok(Self::any());
        }
        let (form, name) = match text.strip_prefix("*.") {
            Some(domain) => (HostForm::Wildcard, domain),
            None => (HostForm::Exact, text),
        };
        if name.contains('*') {
            return Err(HostSpecError::Wildcard);
        }
        if name.is_empty() {
            return Err(HostSpecError::Empty);
        }
        let mut authority = Authority::default();
        authority.parse(name.as_bytes()).map_err(|_| HostSpecError::Name)?;
        if authority.port().is_some() || name.ends_with(':') {
            return Err(HostSpecError::Port);
        }
        if form == HostForm::Wildcard && name.starts_with('[') {
            return Err(HostSpecError::Name);
        }
        Ok(Self { form, name: authority.host().to_owned() })
    }

    /// Every host, and requests that name none.
    pub fn any() -> Self {
        Self { form: HostForm::Any, name: String::new() }
    }

    pub(crate) fn form(&self) -> HostForm {
        self.form
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether `host` (lower case, without a port) is one of these.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self.form {
            HostForm::Exact => host == self.name,
            HostForm::Wildcard => host
                .strip_suffix(&self.name)
                .and_then(|labels| labels.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
            HostForm::Any => true,
        }
    }

    /// Which of two patterns ranks first: exact, then the longer domain, then any. Patterns that rank equally and
    /// can take the same host are equal.
    pub(crate) fn rank(&self, other: &Self) -> Ordering {
        let key = |host: &Self| (host.form, Reverse(host.name.len()));
        key(self).cmp(&key(other)).then_with(|| self.name.cmp(&other.name))
    }
}

impl fmt::Display for HostSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            HostForm::Exact => f.write_str(&self.name),
            HostForm::Wildcard => write!(f, "*.{}", self.name),
            HostForm::Any => f.write_str("*"),
        }
    }
}

impl fmt::Display for HostSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a host is missing",
            Self::Name => "no host has this name",
            Self::Port => "a host has no port here; `listener` asks where a request came in",
            Self::Wildcard => "`*` stands only before the first dot: `*.example.com`",
        })
    }
}

impl std::error::Error for HostSpecError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_patterns_into_the_form_of_requests() {
        for (text, shown) in [
            ("API.Example.com", "api.example.com"),
            ("example.com.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("[FE80::1]", "[fe80::1]"),
            ("10.0.0.1", "10.0.0.1"),
            ("*", "*"),
        ] {
            assert_eq!(HostSpec::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for (text, error) in [
            ("", HostSpecError::Empty),
            ("*.", HostSpecError::Empty),
            ("a b", HostSpecError::Name),
            ("*.[::1]", HostSpecError::Name),
            ("a:80", HostSpecError::Port),
            ("a:", HostSpecError::Port),
            ("a.*.com", HostSpecError::Wildcard),
            ("*example.com", HostSpecError::Wildcard),
            ("**", HostSpecError::Wildcard),
        ] {
            assert_eq!(HostSpec::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_wildcard_takes_names_below_and_not_the_domain_itself() {
        let below = HostSpec::parse("*.example.com").unwrap();
        for (host, taken) in [
            ("a.example.com", true),
            ("a.b.example.com", true),
            ("example.com", false),
            (".example.com", false),
            ("badexample.com", false),
            ("", false),
        ] {
            assert_eq!(below.matches(host), taken, "{host}");
        }
    }
}
