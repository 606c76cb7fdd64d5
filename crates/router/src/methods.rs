//! Sets of methods: what a route takes, and what a 405 says in `Allow`. Methods with a name of their own are bits, so
//! that most routes are told apart by one comparison.

use std::fmt;

use maitred_http::Method;

/// A set of methods. GET brings HEAD with it (RFC 9110 section 9.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MethodSet {
    bits: u16,
    others: Vec<Method>,
}

/// The methods that have a bit, in the order in which `Allow` lists them.
const KNOWN: [Method; 10] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
    Method::Query,
    Method::Connect,
    Method::Trace,
];
/// The bit of every method that has none of its own.
const OTHER: u16 = 1 << 15;
const ALL: u16 = u16::MAX;

/// The bits of a method, for a first comparison without looking further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodBits(u16);

impl MethodSet {
    /// The methods of a route; none named means all.
    pub(crate) fn of_route(named: Option<&[Method]>) -> Self {
        let Some(named) = named else { return Self { bits: ALL, others: Vec::new() } };
        let mut set = Self::default();
        for &method in named {
            set.insert(method);
        }
        set
    }

    fn insert(&mut self, method: Method) {
        self.bits |= bit(method);
        match method {
            Method::Get => self.bits |= bit(Method::Head),
            Method::Other(_) if !self.others.contains(&method) => self.others.push(method),
            _ => {}
        }
    }

    /// Adds every method of `other`, which must not be the set of all.
    pub(crate) fn unite(&mut self, other: &Self) {
        for method in other.iter() {
            self.insert(method);
        }
    }

    /// Whether `method` is one of these.
    pub fn contains(&self, method: Method) -> bool {
        self.bits & bit(method) != 0 && (self.is_all() || !is_other(method) || self.others.contains(&method))
    }

    /// Whether this is every method there is.
    pub fn is_all(&self) -> bool {
        self.bits == ALL
    }

    /// Whether there is no method.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Whether a method is in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        (self.bits & other.bits & !OTHER) != 0
            || self.others.iter().any(|&method| other.contains(method))
            || other.others.iter().any(|&method| self.contains(method))
    }

    /// The methods, the usual ones first; of the set of all those that have a name here.
    pub fn iter(&self) -> impl Iterator<Item = Method> {
        KNOWN.into_iter().filter(|&method| self.bits & bit(method) != 0).chain(self.others.iter().copied())
    }

    pub(crate) fn bits(&self) -> MethodBits {
        MethodBits(self.bits)
    }
}

impl MethodBits {
    /// Whether a route with these bits takes `method`, as far as bits tell: none where they do not.
    #[inline]
    pub(crate) fn takes(self, method: Method) -> Option<bool> {
        match self.0 {
            ALL => Some(true),
            bits if bits & bit(method) == 0 => Some(false),
            _ => (!is_other(method)).then_some(true),
        }
    }
}

impl fmt::Display for MethodSet {
    /// As a value of `Allow` (RFC 9110 section 10.2.1): `GET, HEAD, POST`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, method) in self.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { ", " })?;
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}

#[inline]
fn is_other(method: Method) -> bool {
    matches!(method, Method::Other(_))
}

#[inline]
const fn bit(method: Method) -> u16 {
    match method {
        Method::Get => 1,
        Method::Head => 1 << 1,
        Method::Post => 1 << 2,
        Method::Put => 1 << 3,
        Method::Patch => 1 << 4,
        Method::Delete => 1 << 5,
        Method::Options => 1 << 6,
        Method::Query => 1 << 7,
        Method::Connect => 1 << 8,
        Method::Trace => 1 << 9,
        Method::Other(_) => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &str) -> MethodSet {
        let methods: Vec<_> =
            names.split_whitespace().map(|n| Method::parse(n.as_bytes()).unwrap()).collect();
        MethodSet::of_route(Some(&methods))
    }

    #[test]
    fn get_brings_head_and_nothing_else_does() {
        assert_eq!(set("POST GET").to_string(), "GET, HEAD, POST");
        assert_eq!(set("HEAD").to_string(), "HEAD");
        assert_eq!(set("").to_string(), "");
    }

    #[test]
    fn other_methods_are_told_apart() {
        let purge = Method::parse(b"PURGE").unwrap();
        assert!(set("PURGE").contains(purge));
        assert!(!set("LINK GET").contains(purge));
        assert!(MethodSet::of_route(None).contains(purge));
        assert!(set("PURGE").overlaps(&set("GET PURGE")));
        assert!(!set("PURGE").overlaps(&set("LINK")));
        assert!(set("LINK").overlaps(&MethodSet::of_route(None)));
        assert!(set("GET").overlaps(&set("HEAD")));
        assert!(!set("").overlaps(&MethodSet::of_route(None)));
    }

    #[test]
    fn bits_agree_with_the_set_where_they_answer() {
        for names in ["GET", "PURGE POST", "", "LINK"] {
            for method in ["GET", "HEAD", "POST", "PURGE", "LINK", "TRACE"] {
                let method = Method::parse(method.as_bytes()).unwrap();
                let told = set(names).bits().takes(method);
                assert!(told.is_none_or(|told| told == set(names).contains(method)), "{names} {method}");
            }
        }
    }

    #[test]
    fn unites_without_repeating() {
        let mut allow = set("POST PURGE");
        allow.unite(&set("GET PURGE LINK"));
        assert_eq!(allow.to_string(), "GET, HEAD, POST, PURGE, LINK");
    }
}
