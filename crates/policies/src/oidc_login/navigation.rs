//! What a browser says of why it asks: whether a user goes to a page, so that a login can be shown, and whose page leads there.
//! Programs can say the same; nothing is protected by it but users from pages of others.

use maitred_http::{FieldName, Known, Method, RequestHead, Scheme, list_items};

use crate::csrf::{is_own, origin_of};

/// The names of the fields by which browsers tell.
#[derive(Debug)]
pub(super) struct Navigation {
    fetch_mode: FieldName,
    fetch_site: FieldName,
    purpose: FieldName,
    requested_with: FieldName,
}

impl Default for Navigation {
    fn default() -> Self {
        let name = |name| FieldName::parse(name).expect("it is a token");
        Self {
            fetch_mode: name("Sec-Fetch-Mode"),
            fetch_site: name("Sec-Fetch-Site"),
            purpose: name("Sec-Purpose"),
            requested_with: name("X-Requested-With"),
        }
    }
}

impl Navigation {
    /// Whether a user waits for a page. Scripts, programs and browsers that fetch ahead do not, and could show no login.
    pub(super) fn is_navigation(&self, request: &RequestHead) -> bool {
        let is_read = matches!(request.method, Method::Get | Method::Head);
        if !is_read
            || request.fields.has(Known::Upgrade)
            || request.fields.contains(&self.requested_with)
            || request.fields.contains(&self.purpose)
        {
            return false;
        }
        match request.fields.first(&self.fetch_mode) {
            Some(mode) => mode == b"navigate",
            None => accepts_pages(request),
        }
    }

    /// Whether a page of another site leads here. Browsers that do not tell are taken at their word in `Origin` and `Referer`.
    pub(super) fn is_foreign(&self, request: &RequestHead, scheme: Scheme) -> bool {
        let origin = request.fields.known(Known::Origin);
        match (request.fields.first(&self.fetch_site), origin) {
            (Some(site), _) => !matches!(site, b"same-origin" | b"none"),
            (None, Some(origin)) => !is_own(origin, request, scheme),
            (None, None) => {
                let page = request.fields.known(Known::Referer);
                page.is_some_and(|page| !is_own(origin_of(page), request, scheme))
            }
        }
    }
}

fn accepts_pages(request: &RequestHead) -> bool {
    let mut accepted = request.fields.all_known(Known::Accept).flat_map(list_items);
    accepted.any(|item| {
        let media_type = item.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        media_type.eq_ignore_ascii_case(b"text/html")
    })
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::request;

    use super::*;

    #[test]
    fn users_who_go_to_a_page_are_told_from_programs() {
        let is_navigation =
            |line: &str, fields: &[(&str, &str)]| Navigation::default().is_navigation(&request(line, fields));
        let html = ("Accept", "application/xhtml+xml, Text/HTML;q=0.9, */*");
        assert!(is_navigation("GET /", &[html]));
        assert!(is_navigation("HEAD /", &[html]));
        assert!(is_navigation("GET /", &[("Sec-Fetch-Mode", "navigate")]));
        for (line, fields) in [
            ("GET /", &[][..]),
            ("GET /", &[("Accept", "*/*")]),
            ("GET /", &[("Accept", "text/htmlx")]),
            ("POST /", &[html]),
            ("GET /", &[html, ("Sec-Fetch-Mode", "cors")]),
            ("GET /", &[html, ("X-Requested-With", "XMLHttpRequest")]),
            ("GET /", &[("Sec-Fetch-Mode", "navigate"), ("Sec-Purpose", "prefetch")]),
            ("GET /", &[html, ("Upgrade", "websocket")]),
        ] {
            assert!(!is_navigation(line, fields), "{line} {fields:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_told_from_our_own() {
        let is_foreign = |fields: &[(&str, &str)]| {
            let fields = [&[("Host", "shop.test")], fields].concat();
            Navigation::default().is_foreign(&request("POST /", &fields), Scheme::Https)
        };
        for own in [
            &[][..],
            &[("Sec-Fetch-Site", "same-origin")],
            &[("Sec-Fetch-Site", "none")],
            &[("Origin", "https://shop.test")],
            &[("Referer", "https://shop.test/a")],
        ] {
            assert!(!is_foreign(own), "{own:?}");
        }
        for foreign in [
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://shop.test")][..],
            &[("Sec-Fetch-Site", "same-site")],
            &[("Origin", "https://evil.test")],
            &[("Origin", "null")],
            &[("Referer", "https://evil.test/https://shop.test")],
        ] {
            assert!(is_foreign(foreign), "{foreign:?}");
        }
    }
}
