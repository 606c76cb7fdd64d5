//! Who may ask the admin listener: those with the token; without one, programs of this machine, but not web pages that
//! a browser of this machine shows.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};
use maitred_config::Secret;
use maitred_http::Authority;
use subtle::ConstantTimeEq;

/// Who may ask.
#[derive(Debug, Default)]
pub(super) struct Guard {
    token: Option<Secret>,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The token is missing or another.
    Token,
    /// A web page asks, under a name that only looks like this machine (DNS rebinding), or from another site.
    Foreign,
}

impl Guard {
    pub(super) fn new(token: Option<Secret>) -> Self {
        Self { token: token.filter(|token| !token.is_empty()) }
    }

    /// Whether a request with these fields may go on. Public pages need no token.
    ///
    /// Browsers cannot be made to send the token, so only without one does the name matter. Without one the listener is on
    /// loopback or a Unix socket: the configuration sees to it.
    pub(super) fn check(&self, fields: &HeaderMap, is_public: bool) -> Result<(), Refused> {
        match &self.token {
            Some(token) if !is_public && !shows(fields, token) => Err(Refused::Token),
            None if is_foreign(fields) => Err(Refused::Foreign),
            Some(_) | None => Ok(()),
        }
    }
}

/// `Authorization: Bearer TOKEN` (RFC 6750 section 2.1). The comparison takes as long wherever the first difference is.
fn shows(fields: &HeaderMap, token: &Secret) -> bool {
    let Some(shown) = only(fields, &AUTHORIZATION) else { return false };
    let Some((scheme, shown)) = shown.split_once(' ') else { return false };
    scheme.eq_ignore_ascii_case("Bearer")
        && bool::from(shown.trim().as_bytes().ct_eq(token.expose().as_bytes()))
}

/// Browsers always send `Host`, and `Origin` with what pages of other sites ask; programs need to send neither.
fn is_foreign(fields: &HeaderMap) -> bool {
    let host = only(fields, &HOST);
    let host_is_foreign = fields.contains_key(HOST) && !host.is_some_and(is_this_machine);
    let own = |origin: &str| host.is_some_and(|host| origin.strip_prefix("http://") == Some(host));
    let origin_is_foreign = fields.contains_key(ORIGIN) && !only(fields, &ORIGIN).is_some_and(own);
    host_is_foreign || origin_is_foreign
}

fn is_this_machine(host: &str) -> bool {
    let mut authority = Authority::default();
    if authority.parse(host.as_bytes()).is_err() {
        return false;
    }
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost"
        || address.parse().is_ok_and(|address: std::net::IpAddr| address.to_canonical().is_loopback())
}

/// The value of a field that stands there once.
fn only<'f>(fields: &'f HeaderMap, name: &HeaderName) -> Option<&'f str> {
    let mut values = fields.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use maitred_config::{Memory, NoEnvironment, Toggle, load};

    use super::*;

    fn guard(token: Option<&str>) -> Guard {
        let text = "maitred: 1\nadmin: { token: \"${TOKEN:-}\" }\nroutes: { a: { respond: OK } }\n";
        let files = Memory::new().with("a.yaml", text);
        let token = token.map(str::to_owned);
        let loaded = match token {
            Some(token) => load("a.yaml", &files, &move |_: &str| Some(token.clone())),
            None => load("a.yaml", &files, &NoEnvironment),
        };
        let Toggle::On(admin) = &loaded.usable().unwrap().admin else { panic!("the admin listener is on") };
        Guard::new(admin.token.clone())
    }

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in pairs {
            fields.append(*name, value.parse().unwrap());
        }
        fields
    }

    #[test]
    fn the_token_opens_what_is_not_public() {
        let guard = guard(Some("s3cret"));
        let check = |value: &str| guard.check(&fields(&[("authorization", value)]), false);
        assert_eq!(check("Bearer s3cret"), Ok(()));
        assert_eq!(check("bearer s3cret"), Ok(()));
        for wrong in
            ["Bearer s3creT", "Bearer s3cre", "Bearer s3cret1", "Bearer", "s3cret", "Basic s3cret", "Bearer "]
        {
            assert_eq!(check(wrong), Err(Refused::Token), "{wrong}");
        }
        let twice = fields(&[("authorization", "Bearer s3cret"), ("authorization", "Bearer s3cret")]);
        assert_eq!(guard.check(&twice, false), Err(Refused::Token));
        assert_eq!(guard.check(&fields(&[]), false), Err(Refused::Token));
        assert_eq!(guard.check(&fields(&[("host", "gateway.example:9180")]), true), Ok(()));
    }

    #[test]
    fn without_a_token_only_this_machine_is_a_host_and_only_own_pages_are_an_origin() {
        let guard = guard(None);
        let check = |pairs: &[(&'static str, &str)]| guard.check(&fields(pairs), false);
        for host in
            ["localhost:9180", "LOCALHOST", "127.0.0.1:9180", "127.1.2.3", "[::1]:9180", "[::ffff:127.0.0.1]"]
        {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example:9180", "localhost.evil.example", "10.0.0.1:9180", "[::]", "", "a b"] {
            assert_eq!(check(&[("host", host)]), Err(Refused::Foreign), "{host}");
        }
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[("host", "localhost:9180"), ("origin", "http://localhost:9180")]), Ok(()));
        for origin in ["http://localhost:3000", "https://evil.example", "null"] {
            assert_eq!(
                check(&[("host", "localhost:9180"), ("origin", origin)]),
                Err(Refused::Foreign),
                "{origin}"
            );
        }
    }
}
