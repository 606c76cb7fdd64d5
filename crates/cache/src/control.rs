//! `Cache-Control` as clients and services say it (RFC 9111 section 5.2), `CDN-Cache-Control` in its place where a service says that
//! (RFC 9213), and `Pragma` where a client says nothing else (section 5.4).

use maitred_http::{Fields, Known, list_items};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// The greatest number of seconds that is told apart: whatever is more is as much (RFC 9111 section 1.2.2).
pub(crate) const MOST_SECONDS: u64 = 1 << 31;

/// What a service says of its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseControl {
    /// Anybody may have it.
    pub is_public: bool,
    /// Nobody else may have it.
    pub is_private: bool,
    /// It is not to be kept.
    pub no_store: bool,
    /// It is not to be used without asking.
    pub no_cache: bool,
    /// Once stale it is not to be used without asking.
    pub must_revalidate: bool,
    /// The same for shared caches.
    pub proxy_revalidate: bool,
    /// It is to be kept by those only who know what its status asks of a cache.
    pub must_understand: bool,
    /// For how many seconds it is fresh. What is no number makes it stale at once (section 4.2.1).
    pub max_age: Option<u64>,
    /// The same for shared caches.
    pub s_maxage: Option<u64>,
    /// For how many seconds more it may be used while it is asked for anew (RFC 5861 section 3).
    pub stale_while_revalidate: Option<u64>,
    /// For how many seconds more it may be used in place of an error (RFC 5861 section 4).
    pub stale_if_error: Option<u64>,
    /// Fields that are not to be kept: those named by `no-cache="…"` and `private="…"`.
    pub withheld: Vec<Box<[u8]>>,
    /// Whether a field for caches like this one took the place of `Cache-Control` and `Expires`.
    pub is_targeted: bool,
    /// Whether the configuration has fields with tags kept.
    pub(crate) keeps_tags: bool,
}

/// What a client asks of caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// Nothing of this is to be kept.
    pub no_store: bool,
    /// The service is to be asked.
    pub no_cache: bool,
    /// No answer that is older.
    pub max_age: Option<u64>,
    /// One that is stale by so much at the most is good; by anything, where no number is told.
    pub max_stale: Option<u64>,
    /// One that is fresh for so much longer.
    pub min_fresh: Option<u64>,
    /// The service is not to be asked.
    pub only_if_cached: bool,
}

impl ResponseControl {
    /// Reads what a service says. Of several values of a directive the first counts (section 4.2.1).
    pub(crate) fn read(fields: &Fields, honours_targeted: bool) -> Self {
        let targeted = if honours_targeted { Self::read_targeted(fields) } else { None };
        targeted.unwrap_or_else(|| {
            let mut control = Self::default();
            for item in fields.all_known(Known::CacheControl).flat_map(list_items) {
                let (name, argument) = split(item);
                if argument.is_some_and(is_broken) {
                    // What stands behind an open quote cannot be told, and may be that this is nobody's business.
                    control.no_store = true;
                }
                control.add(name, argument);
            }
            control
        })
    }

    /// `CDN-Cache-Control`, a dictionary of structured fields. One that is none, or empty, is as if it were not there (RFC 9213 section 2.1).
    fn read_targeted(fields: &Fields) -> Option<Self> {
        let lines: Vec<&[u8]> = fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"CDN-Cache-Control"))
            .map(|(_, value)| value)
            .collect();
        if lines.is_empty() {
            return None;
        }
        let members: Dictionary = Parser::new(&lines.join(&b", "[..])).parse().ok()?;
        let mut control = Self { is_targeted: true, ..Self::default() };
        for (name, member) in &members {
            let ListEntry::Item(item) = member else { return None };
            let is_number =
                matches!(name.as_str(), "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error");
            match &item.bare_item {
                BareItem::Integer(number) => {
                    control.add(name.as_str().as_bytes(), Some(number.to_string().as_bytes()));
                }
                _ if is_number => return None,
                BareItem::Boolean(true) => control.add(name.as_str().as_bytes(), None),
                BareItem::String(text) => {
                    control.add(name.as_str().as_bytes(), Some(text.as_str().as_bytes()));
                }
                _ => {}
            }
        }
        (!members.is_empty()).then_some(control)
    }

    fn add(&mut self, name: &[u8], argument: Option<&[u8]>) {
        // What is no number says nothing that could be trusted: stale.
        let lifetime = || argument.and_then(seconds).unwrap_or(0);
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        match argument {
            Some(names) if is("no-cache") || is("private") => self.withhold(names),
            _ if is("public") => self.is_public = true,
            _ if is("private") => self.is_private = true,
            _ if is("no-store") => self.no_store = true,
            _ if is("no-cache") => self.no_cache = true,
            _ if is("must-revalidate") => self.must_revalidate = true,
            _ if is("proxy-revalidate") => self.proxy_revalidate = true,
            _ if is("must-understand") => self.must_understand = true,
            _ if is("max-age") => self.max_age = self.max_age.or_else(|| Some(lifetime())),
            _ if is("s-maxage") => self.s_maxage = self.s_maxage.or_else(|| Some(lifetime())),
            Some(number) if is("stale-while-revalidate") => {
                self.stale_while_revalidate = self.stale_while_revalidate.or_else(|| seconds(number));
            }
            Some(number) if is("stale-if-error") => {
                self.stale_if_error = self.stale_if_error.or_else(|| seconds(number));
            }
            _ => {}
        }
    }

    fn withhold(&mut self, names: &[u8]) {
        self.withheld.extend(list_items(unquoted(names)).map(Into::into));
    }

    /// Whether the service says outright that anybody may have it (section 3.5).
    pub fn is_for_all(&self) -> bool {
        self.is_public || self.s_maxage.is_some()
    }

    /// Whether it may not be used once it is stale, whoever would allow that (section 4.2.4).
    pub fn forbids_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.no_cache
    }
}

impl RequestControl {
    /// Reads what a client asks. `Pragma: no-cache` counts where it says nothing in `Cache-Control` (section 5.4).
    pub fn read(fields: &Fields) -> Self {
        let mut control = Self::default();
        if !fields.has(Known::CacheControl) {
            let has_pragma = fields.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case(b"Pragma")
                    && list_items(value).any(|item| item.eq_ignore_ascii_case(b"no-cache"))
            });
            control.no_cache = has_pragma;
            return control;
        }
        for item in fields.all_known(Known::CacheControl).flat_map(list_items) {
            let (name, argument) = split(item);
            let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
            let number = argument.and_then(seconds);
            match () {
                () if is("no-store") => control.no_store = true,
                () if is("no-cache") => control.no_cache = true,
                () if is("only-if-cached") => control.only_if_cached = true,
                // What cannot be read asks for no more than the freshest.
                () if is("max-age") => control.max_age = control.max_age.or(Some(number.unwrap_or(0))),
                () if is("min-fresh") => control.min_fresh = control.min_fresh.or(number),
                () if is("max-stale") && argument.is_none() => {
                    control.max_stale = control.max_stale.or(Some(u64::MAX));
                }
                () if is("max-stale") => control.max_stale = control.max_stale.or(number),
                () => {}
            }
        }
        control
    }
}

/// A directive and its argument, which may be quoted.
fn split(item: &[u8]) -> (&[u8], Option<&[u8]>) {
    match item.iter().position(|&byte| byte == b'=') {
        Some(at) => (&item[..at], Some(&item[at + 1..])),
        None => (item, None),
    }
}

fn is_broken(argument: &[u8]) -> bool {
    argument.first() == Some(&b'"') && (argument.len() < 2 || argument.last() != Some(&b'"'))
}

/// The text in a quoted string. Nothing that is looked for has an escape in it.
fn unquoted(argument: &[u8]) -> &[u8] {
    argument.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(argument)
}

/// A number of seconds (section 1.2.2), as a token or quoted (section 5.2).
pub(crate) fn seconds(argument: &[u8]) -> Option<u64> {
    let digits = unquoted(argument);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u64, digit: &u8| (number * 10 + u64::from(digit - b'0')).min(MOST_SECONDS);
    Some(digits.iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fields;

    fn response(lines: &[&str]) -> ResponseControl {
        let lines: Vec<_> = lines.iter().map(|line| ("Cache-Control", *line)).collect();
        ResponseControl::read(&fields(&lines), true)
    }

    /// RFC 9111 sections 1.2.2, 4.2.1 and 5.2.
    #[test]
    fn reads_numbers_and_takes_the_first() {
        let table = [
            ("max-age=3600", Some(3600)),
            ("MaX-aGe=3600", Some(3600)),
            ("max-age=\"3600\"", Some(3600)),
            ("max-age='3600'", Some(0)),
            ("max-age=003600", Some(3600)),
            ("max-age=-1", Some(0)),
            ("max-age=1.5", Some(0)),
            ("max-age= 60", Some(0)),
            ("max-age =60", None),
            ("max-age", Some(0)),
            ("max-age=", Some(0)),
            ("max-age=99999999999999999999999", Some(1 << 31)),
            ("max-age=1, max-age=3600", Some(1)),
            ("x=\"max-age=9\", max-age=1", Some(1)),
            ("x=\"a\\\", max-age=9\", max-age=1", Some(1)),
            (",, foo ,max-age=5", Some(5)),
        ];
        for (line, max_age) in table {
            assert_eq!(response(&[line]).max_age, max_age, "{line}");
        }
        assert_eq!(response(&["max-age=1", "max-age=2"]).max_age, Some(1));
    }

    /// RFC 9111 sections 5.2.2.4 and 5.2.2.7: qualified, they are about fields.
    #[test]
    fn named_fields_are_withheld_and_the_rest_is_not() {
        let control = response(&["no-cache=\"a, B\", private=c, max-age=1"]);
        let names: Vec<_> = control.withheld.iter().map(|name| &**name).collect();
        assert_eq!(names, [&b"a"[..], b"B", b"c"]);
        assert!(!control.no_cache && !control.is_private);
        let control = response(&["No-Cache, PRIVATE, no-STORE"]);
        assert!(control.no_cache && control.is_private && control.no_store);
    }

    #[test]
    fn what_hides_behind_an_open_quote_is_not_kept() {
        assert!(response(&["max-age=60, x=\"abc, no-store"]).no_store);
    }

    /// RFC 9213 section 2.
    #[test]
    fn a_field_for_shared_caches_takes_the_place_of_the_common_one() {
        let read = |targeted: &str| {
            let lines = [("Cache-Control", "no-store"), ("cdn-cache-control", targeted)];
            ResponseControl::read(&fields(&lines), true)
        };
        let control = read("max-age=600, public");
        assert!(control.is_targeted && control.is_public && !control.no_store);
        assert_eq!(control.max_age, Some(600));
        for ignored in ["max-age=\"600\"", "max-age=600, &&&", "", "max-age=(1 2)", "MAX-AGE=600"] {
            let control = read(ignored);
            assert!(control.no_store && !control.is_targeted, "{ignored}");
        }
        assert!(read("no-store").no_store && read("private").is_private);
        let lines = [("Cache-Control", "no-store"), ("CDN-Cache-Control", "max-age=600")];
        assert!(ResponseControl::read(&fields(&lines), false).no_store);
    }

    /// RFC 9111 sections 5.2.1 and 5.4.
    #[test]
    fn reads_what_clients_ask() {
        let read = |lines: &[(&str, &str)]| RequestControl::read(&fields(lines));
        let asked = read(&[("Cache-Control", "max-age=60, min-fresh=5, max-stale, only-if-cached")]);
        assert_eq!((asked.max_age, asked.min_fresh), (Some(60), Some(5)));
        assert_eq!((asked.max_stale, asked.only_if_cached), (Some(u64::MAX), true));
        assert_eq!(read(&[("Cache-Control", "max-stale=7")]).max_stale, Some(7));
        assert_eq!(read(&[("Cache-Control", "max-stale=x")]).max_stale, None);
        assert_eq!(read(&[("Cache-Control", "max-age=x")]).max_age, Some(0));
        assert!(read(&[("Pragma", "no-cache")]).no_cache);
        assert!(!read(&[("Pragma", "no-cache"), ("Cache-Control", "x")]).no_cache);
    }
}
