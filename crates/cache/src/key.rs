//! By what answers are found: the URL that the client asked for (RFC 9111 section 2). Answers of one host are never found under another,
//! nor those over TLS under the URL in the clear.

use maitred_http::{Authority, RequestHead, Scheme, query_pairs};

/// What of a query is part of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QueryRule {
    /// All of it, as it came.
    #[default]
    All,
    /// Nothing.
    Ignored,
    /// These parameters, in the order in which they came.
    Only(Box<[Box<str>]>),
}

/// Writes the key of a request: its URL.
pub fn write_key(out: &mut Vec<u8>, scheme: Scheme, request: &RequestHead, rule: &QueryRule) {
    write_origin(out, scheme, &request.authority);
    out.extend_from_slice(request.target.path().as_bytes());
    write_query(out, request.target.query(), rule);
}

fn write_origin(out: &mut Vec<u8>, scheme: Scheme, authority: &Authority) {
    out.extend_from_slice(scheme.as_str().as_bytes());
    out.extend_from_slice(b"://");
    // The default port names the same place (RFC 9110 section 4.2.3).
    let is_default = authority.port() == Some(scheme.default_port());
    let named = if is_default { authority.host() } else { authority.as_str() };
    out.extend_from_slice(named.as_bytes());
}

fn write_query(out: &mut Vec<u8>, query: Option<&str>, rule: &QueryRule) {
    match (rule, query) {
        (QueryRule::Ignored, _) | (_, None) => {}
        (QueryRule::All, Some(query)) => {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
        (QueryRule::Only(names), Some(query)) => {
            let kept = query_pairs(query).filter(|(name, _)| names.iter().any(|known| **known == **name));
            for (number, (name, value)) in kept.enumerate() {
                out.push(if number == 0 { b'?' } else { b'&' });
                out.extend_from_slice(name.as_bytes());
                out.push(b'=');
                out.extend_from_slice(value.as_bytes());
            }
        }
    }
}

/// The key that a reference in an answer names, as in `Location`: none where that is of another origin, since nobody may say that
/// answers of others are out of date (RFC 9111 section 4.4). `key` is that of the request.
pub fn key_of_reference(reference: &[u8], key: &[u8], rule: &QueryRule) -> Option<Vec<u8>> {
    let reference = std::str::from_utf8(reference).ok()?.trim();
    let key = std::str::from_utf8(key).ok()?;
    let reference = reference.split('#').next().unwrap_or_default();
    let origin_end = key.find("://")? + 3;
    let path_at = origin_end + key[origin_end..].find('/')?;
    let (origin, asked) = key.split_at(path_at);
    let asked_path = asked.split('?').next().unwrap_or(asked);
    let absolute = if let Some(rest) = strip_origin(reference, origin) {
        if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
    } else if reference.contains("://") || reference.starts_with("//") {
        return None;
    } else if reference.is_empty() {
        asked.to_owned()
    } else if reference.starts_with('/') {
        reference.to_owned()
    } else if reference.starts_with('?') {
        format!("{asked_path}{reference}")
    } else {
        let folder = asked_path.rfind('/').map_or(0, |at| at + 1);
        format!("{}{reference}", &asked_path[..folder])
    };
    let (path, query) = match absolute.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*absolute, None),
    };
    let mut found = origin.as_bytes().to_vec();
    write_path_without_dots(&mut found, path);
    write_query(&mut found, query, rule);
    Some(found)
}

fn strip_origin<'a>(reference: &'a str, origin: &str) -> Option<&'a str> {
    let head = reference.get(..origin.len())?;
    let rest = &reference[origin.len()..];
    let ends = rest.is_empty() || rest.starts_with(['/', '?']);
    (head.eq_ignore_ascii_case(origin) && ends).then_some(rest)
}

/// RFC 3986 section 5.2.4.
fn write_path_without_dots(out: &mut Vec<u8>, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    let all: Vec<&str> = path.split('/').skip(1).collect();
    for (number, segment) in all.iter().enumerate() {
        let is_last = number + 1 == all.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            segment => segments.push(segment),
        }
    }
    for segment in segments {
        out.push(b'/');
        out.extend_from_slice(segment.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::request;

    fn key(scheme: Scheme, host: &str, target: &str, rule: &QueryRule) -> String {
        let mut head = request(&format!("GET {target}"), &[]);
        head.authority.parse(host.as_bytes()).unwrap();
        let mut out = Vec::new();
        write_key(&mut out, scheme, &head, rule);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_are_urls() {
        let all = QueryRule::All;
        assert_eq!(key(Scheme::Https, "A.example:443", "/x?y=1", &all), "https://a.example/x?y=1");
        assert_eq!(key(Scheme::Http, "a.example:443", "/x", &all), "http://a.example:443/x");
        assert_ne!(key(Scheme::Http, "a", "/x", &all), key(Scheme::Https, "a", "/x", &all));
        assert_ne!(key(Scheme::Http, "a", "/x?", &all), key(Scheme::Http, "a", "/x", &all));
        assert_eq!(key(Scheme::Http, "a", "/x?y", &QueryRule::Ignored), "http://a/x");
        let only = QueryRule::Only(Box::new(["page".into(), "q".into()]));
        assert_eq!(key(Scheme::Http, "a", "/x?utm=1&q=2&page=3&Q=4", &only), "http://a/x?q=2&page=3");
        assert_eq!(key(Scheme::Http, "a", "/x?utm=1", &only), "http://a/x");
    }

    /// RFC 9111 section 4.4, with references by RFC 3986 section 5.
    #[test]
    fn references_lead_to_keys_of_the_same_origin_only() {
        let table = [
            ("/b", Some("http://a.example/b")),
            ("/b?x#y", Some("http://a.example/b?x")),
            ("b", Some("http://a.example/x/b")),
            ("../b", Some("http://a.example/b")),
            ("./", Some("http://a.example/x/")),
            ("/../../b", Some("http://a.example/b")),
            ("", Some("http://a.example/x/y?q")),
            ("?z", Some("http://a.example/x/y?z")),
            ("http://A.example/b", Some("http://a.example/b")),
            ("http://a.example", Some("http://a.example/")),
            ("https://a.example/b", None),
            ("http://a.example.evil/b", None),
            ("http://b.example/b", None),
            ("//b.example/b", None),
        ];
        for (reference, found) in table {
            let key = key_of_reference(reference.as_bytes(), b"http://a.example/x/y?q", &QueryRule::All);
            assert_eq!(key.map(|key| String::from_utf8(key).unwrap()).as_deref(), found, "{reference}");
        }
    }
}
