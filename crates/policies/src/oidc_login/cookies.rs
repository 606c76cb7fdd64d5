//! The cookies of a login: one for the session, which may be spread over several, and one for each login that was begun.
//! Here they are found, written and taken away; what stands in them is sealed.

use maitred_http::{Known, RequestHead, Scheme, cookies};

use crate::shown::remove_cookies;

/// Cookies that a session may take up. Browsers keep 4096 bytes of each (RFC 6265 section 6.1).
pub(super) const MOST_PARTS: usize = 4;
/// Bytes of a value, so that name and attributes fit beside it.
const LONGEST: usize = 3800;
/// What stands between the name and the id of a login.
const LOGIN: &str = ".login.";

/// The names of the cookies.
#[derive(Debug)]
pub(super) struct Cookies {
    plain: Box<str>,
    /// Only the host itself, and over TLS, can set such a cookie (RFC 6265bis section 4.1.3.2): not its subdomains, and nobody on the way.
    secure: Box<str>,
}

impl Cookies {
    pub(super) fn new(name: &str) -> Self {
        Self { plain: name.into(), secure: format!("__Host-{name}").into() }
    }

    /// The name of the session's cookie for clients that came so.
    pub(super) fn session(&self, scheme: Scheme) -> &str {
        if scheme == Scheme::Https { &self.secure } else { &self.plain }
    }

    /// The name of the cookie of a login that was begun.
    pub(super) fn login(&self, scheme: Scheme, id: &str) -> String {
        format!("{}{LOGIN}{id}", self.session(scheme))
    }

    /// The sealed session that a request brings. Where parts are missing, or are there twice, there is none.
    pub(super) fn find_session(&self, scheme: Scheme, request: &RequestHead) -> Option<Vec<u8>> {
        let name = self.session(scheme);
        let first = only(request, name.as_bytes())?;
        let (count, first) = first.split_first()?;
        let count = usize::from(count.checked_sub(b'0')?);
        if !(1..=MOST_PARTS).contains(&count) {
            return None;
        }
        let mut text = first.to_vec();
        for number in 1..count {
            text.extend_from_slice(only(request, part(name, number).as_bytes())?);
        }
        Some(text)
    }

    /// Whether a request brings something in the place of a session, good or bad.
    pub(super) fn has_session(&self, scheme: Scheme, request: &RequestHead) -> bool {
        all(request).any(|(name, _)| name == self.session(scheme).as_bytes())
    }

    /// The ids and values of logins that were begun, as far as the request tells.
    pub(super) fn logins<'r>(
        &self,
        scheme: Scheme,
        request: &'r RequestHead,
    ) -> impl Iterator<Item = (&'r str, &'r [u8])> {
        let prefix = self.login(scheme, "");
        all(request).filter_map(move |(name, value)| {
            Some((str::from_utf8(name.strip_prefix(prefix.as_bytes())?).ok()?, value))
        })
    }

    /// The fields that have a browser keep a sealed session for so many seconds, and forget parts of the last one. None where it is too long.
    pub(super) fn keep_session(
        &self,
        scheme: Scheme,
        request: &RequestHead,
        text: &str,
        seconds: u64,
    ) -> Option<Vec<String>> {
        let name = self.session(scheme);
        let count = text.len().div_ceil(LONGEST);
        if count > MOST_PARTS {
            return None;
        }
        let parts = text.as_bytes().chunks(LONGEST).map(|part| str::from_utf8(part).unwrap_or_default());
        let kept = parts.enumerate().map(|(number, value)| match number {
            0 => set(scheme, name, &format!("{count}{value}"), seconds),
            _ => set(scheme, &part(name, number), value, seconds),
        });
        let stale = (count..MOST_PARTS).map(|number| part(name, number));
        let stale = stale.filter(|name| all(request).any(|(found, _)| found == name.as_bytes()));
        Some(kept.chain(stale.map(|name| set(scheme, &name, "", 0))).collect())
    }

    /// The fields that have a browser forget the session that it has shown.
    pub(super) fn forget_session(&self, scheme: Scheme, request: &RequestHead) -> Vec<String> {
        let name = self.session(scheme);
        let names = [name.to_owned()].into_iter().chain((1..MOST_PARTS).map(|number| part(name, number)));
        names
            .filter(|name| all(request).any(|(found, _)| found == name.as_bytes()))
            .map(|name| set(scheme, &name, "", 0))
            .collect()
    }

    /// The field that has a browser keep a login for so many seconds; none: forget it.
    pub(super) fn keep_login(&self, scheme: Scheme, id: &str, text: &str, seconds: u64) -> String {
        set(scheme, &self.login(scheme, id), text, seconds)
    }

    /// The field that has a browser forget a login.
    pub(super) fn forget_login(&self, scheme: Scheme, id: &str) -> String {
        set(scheme, &self.login(scheme, id), "", 0)
    }

    /// Takes them all out of a request, whichever way it came.
    pub(super) fn withhold(&self, request: &mut RequestHead) {
        if !all(request).any(|(name, _)| self.is_own(name)) {
            return;
        }
        remove_cookies(request, |name| self.is_own(name));
    }

    fn is_own(&self, name: &[u8]) -> bool {
        let rest = |own: &str| name.strip_prefix(own.as_bytes()).map(<[u8]>::to_vec);
        let rest = rest(&self.secure).or_else(|| rest(&self.plain));
        rest.is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with(LOGIN.as_bytes())
                || matches!(&rest[..], [b'.', number] if number.is_ascii_digit())
        })
    }
}

/// The name of a further part of a session.
fn part(name: &str, number: usize) -> String {
    format!("{name}.{number}")
}

fn all(request: &RequestHead) -> impl Iterator<Item = (&[u8], &[u8])> {
    request.fields.all_known(Known::Cookie).flat_map(cookies)
}

/// The cookie of this name, if there is one and no more: of two, one may come from somebody else.
fn only<'r>(request: &'r RequestHead, name: &[u8]) -> Option<&'r [u8]> {
    let mut found = all(request).filter(|(candidate, _)| *candidate == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// A cookie that scripts cannot read and that other sites' pages send along only where they lead here. No seconds: it is forgotten.
fn set(scheme: Scheme, name: &str, value: &str, seconds: u64) -> String {
    let secure = if scheme == Scheme::Https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::request;

    use super::*;

    /// A request with the cookies that these fields have a browser keep.
    fn bringing(fields: &[String]) -> RequestHead {
        let pairs = fields.iter().filter(|field| !field.contains("Max-Age=0"));
        let line = pairs.map(|field| field.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
        request("GET /", &[("Cookie", &line)])
    }

    #[test]
    fn a_session_is_spread_over_cookies_and_found_again() {
        let cookies = Cookies::new("s");
        let nothing = request("GET /", &[]);
        for (len, parts) in [(1, 1), (3800, 1), (3801, 2), (4 * 3800, 4)] {
            let text = "x".repeat(len - 1) + "y";
            let kept = cookies.keep_session(Scheme::Https, &nothing, &text, 60).unwrap();
            assert_eq!(kept.len(), parts);
            assert!(kept.iter().all(|field| field.len() <= 4096));
            assert!(kept[0].starts_with(&format!("__Host-s={parts}")), "{}", kept[0]);
            assert!(kept[0].ends_with("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"));
            let found = cookies.find_session(Scheme::Https, &bringing(&kept));
            assert_eq!(found.as_deref(), Some(text.as_bytes()));
            if parts > 1 {
                assert_eq!(cookies.find_session(Scheme::Https, &bringing(&kept[..parts - 1])), None);
            }
        }
        let too_long = "x".repeat(4 * 3800 + 1);
        assert_eq!(cookies.keep_session(Scheme::Https, &nothing, &too_long, 60), None);
    }

    #[test]
    fn what_is_left_of_a_longer_session_goes() {
        let cookies = Cookies::new("s");
        let before = request("GET /", &[("Cookie", "s=3a; s.1=b; s.2=c; other=1")]);
        let kept = cookies.keep_session(Scheme::Http, &before, "short", 60).unwrap();
        let begins: Vec<_> = kept.iter().map(|field| field.split("; Path").next().unwrap()).collect();
        assert_eq!(begins, ["s=1short", "s.1=", "s.2="]);
        assert_eq!(kept[0], "s=1short; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert!(kept[1].contains("Max-Age=0;"));
        assert_eq!(cookies.forget_session(Scheme::Http, &before).len(), 3);
        assert!(cookies.forget_session(Scheme::Https, &before).is_empty());
    }

    #[test]
    fn what_comes_twice_or_half_is_no_session() {
        let cookies = Cookies::new("s");
        for line in ["s=1a; s=1b", "s=", "s=0a", "s=5a", "s=2a", "s=2a; s.1=b; s.1=c", "__Host-s=1a", "S=1a"]
        {
            let request = request("GET /", &[("Cookie", line)]);
            assert_eq!(cookies.find_session(Scheme::Http, &request), None, "{line}");
        }
        let twice = request("GET /", &[("Cookie", "s=1a"), ("Cookie", "s=1b")]);
        assert_eq!(cookies.find_session(Scheme::Http, &twice), None);
        assert!(cookies.has_session(Scheme::Http, &twice));
    }

    #[test]
    fn services_get_other_cookies_only() {
        let cookies = Cookies::new("s");
        let mut request = request(
            "GET /",
            &[
                ("Cookie", "a=1; s=1x; s.1=y; s.login.abc=z; __Host-s=1x; b=2; s.10=kept; st=kept"),
                ("Cookie", "__Host-s.login.q=1"),
            ],
        );
        let logins: Vec<_> = cookies.logins(Scheme::Http, &request).collect();
        assert_eq!(logins, [("abc", &b"z"[..])]);
        cookies.withhold(&mut request);
        let left: Vec<_> = request.fields.all_known(Known::Cookie).collect();
        assert_eq!(left, [b"a=1; b=2; s.10=kept; st=kept"]);
    }
}
