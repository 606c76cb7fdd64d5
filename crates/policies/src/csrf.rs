//! Refuses requests that a page of another site has a browser send: cross-site request forgery.
//!
//! Browsers send cookies and passwords along whoever's page asks them to. They also say whose page that is: in `Sec-Fetch-Site`, and
//! in `Origin` (or, old ones, in `Referer`). A request that changes something passes if it says that it comes from the site itself or from one
//! of `trusted_origins`; else the answer is 403. Handshakes of WebSocket are judged like that too: browsers send them to every site, with cookies.
//! Subdomains are other sites: what is trusted of them has to be named. So have sites that `cors` lets call.
//!
//! What says nothing of a page comes from no browser and passes: programs send only what they mean to send. GET, HEAD and OPTIONS pass: a
//! service that changes something by GET is not protected. Whether there are cookies does not matter, since logins have none yet.
//! No token has to be put into forms.

use maitred_config::{Fields, Problem, Reader, Spanned, config_map};
use maitred_http::{FieldName, Known, RequestHead, Scheme};
use maitred_policy::{Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

use crate::origins::OriginPattern;

config_map! {
    /// Whose pages may have browsers send requests that change something.
    #[check = CsrfConfig::check]
    pub struct CsrfConfig {
        /// Other sites whose pages may: `https://shop.example`, or `https://*.shop.example`.
        #[main]
        trusted_origins: Vec<Spanned<OriginPattern>>,
    }
}

impl CsrfConfig {
    fn check(&self, _: &Fields<'_>, reader: &mut Reader<'_>) {
        for origin in &self.trusted_origins {
            if matches!(origin.value, OriginPattern::Any | OriginPattern::Null) {
                let problem = Problem::error("every page could say that of itself").at(origin.span);
                reader.problem(problem.help("name the sites, or leave `csrf` out where every site may call"));
            }
            if origin.value.is_of_anybody() {
                let problem =
                    Problem::warning("anybody may buy a name below this one, and pages there are trusted");
                let help = "write the name of your own, as in `https://*.shop.example`";
                reader.problem(problem.at(origin.span).help(help));
            }
        }
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Csrf {
    trusted: Box<[OriginPattern]>,
    fetch_site: FieldName,
}

/// What a request says of the page that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// It changes nothing.
    Anywhere,
    /// No browser sent it.
    NoPage,
    OwnPage,
    TrustedPage,
    ForeignPage,
}

impl PolicyKind for Csrf {
    const NAME: &'static str = "csrf";
    type Config = CsrfConfig;
    type Compiled = Self;

    fn phase(_: &CsrfConfig) -> Phase {
        Phase::Admit
    }

    fn compile(config: CsrfConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let trusted = config.trusted_origins.into_iter().map(|origin| origin.value).collect();
        let fetch_site = FieldName::parse("Sec-Fetch-Site").expect("it is a token");
        Some(Self { trusted, fetch_site })
    }
}

impl Csrf {
    fn judge(&self, request: &RequestHead, facts: &Facts) -> From {
        // A handshake of WebSocket is a GET, and opens a way to everything.
        if request.method.is_safe() && !request.fields.has(Known::Upgrade) {
            return From::Anywhere;
        }
        let origin = request.fields.known(Known::Origin);
        let origin = origin.or_else(|| request.fields.known(Known::Referer).map(origin_of));
        let is_trusted = || origin.is_some_and(|origin| self.trusted.iter().any(|site| site.matches(origin)));
        let is_own = match (request.fields.first(&self.fetch_site), origin) {
            (Some(b"same-origin" | b"none"), _) => true,
            (Some(_), _) => false,
            (None, None) => return From::NoPage,
            (None, Some(origin)) => is_own(origin, request, facts.scheme),
        };
        match is_own {
            true => From::OwnPage,
            false if is_trusted() => From::TrustedPage,
            false => From::ForeignPage,
        }
    }
}

/// The origin of a URL: all before its path.
pub(crate) fn origin_of(url: &[u8]) -> &[u8] {
    let begin = url.windows(3).position(|window| window == b"://").map_or(0, |at| at + 3);
    let end = url[begin..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    end.map_or(url, |end| &url[..begin + end])
}

/// Whether a page of this origin is one of the host that is asked. A page that came in the clear is not trusted by a host that is asked
/// over TLS: whoever is on the way could have written it. The other way around, somebody before the gateway speaks TLS.
pub(crate) fn is_own(origin: &[u8], request: &RequestHead, scheme: Scheme) -> bool {
    let (page, port) = match (origin.strip_prefix(b"https://"), origin.strip_prefix(b"http://")) {
        (Some(page), _) => (page, &b":443"[..]),
        (None, Some(page)) if scheme == Scheme::Http => (page, &b":80"[..]),
        _ => return false,
    };
    let own = request.authority.as_str().as_bytes();
    !own.is_empty() && page == own.strip_suffix(port).unwrap_or(own)
}

impl Policy for Csrf {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match self.judge(cx.request, cx.facts) {
            From::ForeignPage => {
                Step::fail(Fault::client(403, "cross_site_request", "Cross-site request refused"))
            }
            _ => Step::CONTINUE,
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.judge(request, facts) {
            From::Anywhere => "lets it through: it changes nothing",
            From::NoPage => "lets it through: no browser sends it",
            From::OwnPage => "lets it through: it comes from a page of this host",
            From::TrustedPage => "lets it through: it comes from a trusted origin",
            From::ForeignPage => "refuses it: it comes from a page of another site",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    /// Whether a request to `https://shop.example` passes that says this.
    fn passes(yaml: &str, line: &str, fields: &[(&str, &str)]) -> bool {
        let fields = [&[("Host", "shop.example")], fields].concat();
        let outcome = Harness::of::<Csrf>(yaml).request(line, &fields).answer(200, &[]);
        assert!(outcome.cause().is_none_or(|cause| cause == "cross_site_request"));
        outcome.response.status == 200
    }

    #[test]
    fn what_a_browser_says_of_the_page_decides() {
        for (fields, expected) in [
            (&[][..], true),
            (&[("Cookie", "session=1")], true),
            (&[("Sec-Fetch-Site", "same-origin")], true),
            (&[("Sec-Fetch-Site", "none")], true),
            (&[("Sec-Fetch-Site", "same-site")], false),
            (&[("Sec-Fetch-Site", "cross-site")], false),
            (&[("Sec-Fetch-Site", "something-new")], false),
            // Browsers tell apart what the host alone does not.
            (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://shop.example")], false),
            (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")], true),
            (&[("Origin", "https://shop.example")], true),
            (&[("Origin", "http://shop.example")], false),
            (&[("Origin", "https://shop.example:8443")], false),
            (&[("Origin", "https://shop.example.evil.test")], false),
            (&[("Origin", "https://evil.test")], false),
            (&[("Origin", "https://a.shop.example")], false),
            (&[("Origin", "null")], false),
            (&[("Origin", "")], false),
            (&[("Referer", "https://shop.example/cart?a=https://evil.test/")], true),
            (&[("Referer", "https://shop.example")], true),
            (&[("Referer", "https://evil.test/https://shop.example/")], false),
            (&[("Referer", "https://shop.example@evil.test/")], false),
            (&[("Origin", "https://evil.test"), ("Referer", "https://shop.example/")], false),
        ] {
            assert_eq!(passes("true", "POST /", fields), expected, "{fields:?}");
            assert_eq!(passes("true", "DELETE /", fields), expected, "{fields:?}");
            assert!(passes("true", "GET /", fields) && passes("true", "HEAD /", fields), "{fields:?}");
        }
    }

    #[test]
    fn handshakes_of_websocket_are_judged_too() {
        let upgrade = |origin| [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Origin", origin)];
        assert!(passes("true", "GET /chat", &upgrade("https://shop.example")));
        assert!(!passes("true", "GET /chat", &upgrade("https://evil.test")));
    }

    #[test]
    fn trusted_sites_may() {
        let yaml = "['https://partner.example', 'https://*.shop.example']";
        for (origin, expected) in [
            ("https://partner.example", true),
            ("https://www.shop.example", true),
            ("http://www.shop.example", false),
            ("https://partner.example.evil.test", false),
        ] {
            assert_eq!(passes(yaml, "POST /", &[("Origin", origin)]), expected, "{origin}");
            let from_browser = [("Sec-Fetch-Site", "cross-site"), ("Origin", origin)];
            assert_eq!(passes(yaml, "POST /", &from_browser), expected, "{origin}");
        }
        let warned = problems_of::<Csrf>("['https://*.shop.example', 'https://*.com']");
        assert!(warned.contains("warning: anybody may buy a name below this one"), "{warned}");
        assert_eq!(problems_of::<Csrf>(yaml), "");
        for yaml in ["'*'", "[null]"] {
            assert!(problems_of::<Csrf>(yaml).contains("every page could say that"), "{yaml}");
        }
    }

    #[test]
    fn ports_and_tls_before_the_gateway_are_understood() {
        let plain = Harness::of::<Csrf>("true").with_facts(|facts| facts.scheme = Scheme::Http);
        for (host, origin, expected) in [
            ("localhost:8080", "http://localhost:8080", 200),
            ("localhost:8080", "http://localhost", 403),
            ("shop.example", "http://shop.example", 200),
            ("shop.example:80", "http://shop.example", 200),
            // Somebody before the gateway speaks TLS.
            ("shop.example", "https://shop.example", 200),
            ("shop.example:443", "https://shop.example", 200),
            ("shop.example:80", "https://shop.example", 403),
            ("SHOP.example", "http://shop.example", 200),
        ] {
            let request = plain.request("POST /", &[("Host", host), ("Origin", origin)]);
            assert_eq!(request.answer(200, &[]).response.status, expected, "{host} {origin}");
        }
    }
}
