//! Paths as routes see them and as services get them, told from what is written and without a request.
//! What cannot be told so, such as what a regular expression takes, is left out.

use maitred_config::{Route as WrittenRoute, StripPrefix, scalar};

/// A segment that no route names.
pub(super) const ANY: &str = "anything";

/// A few paths that a pattern takes; none of a regular expression.
pub(super) fn samples(pattern: &str) -> Vec<String> {
    let Some(filled) = filled(pattern) else { return Vec::new() };
    match filled.strip_suffix("/*") {
        Some("") => vec!["/".to_owned(), format!("/{ANY}")],
        Some(prefix) => vec![prefix.to_owned(), format!("{prefix}/{ANY}")],
        None => vec![filled],
    }
}

/// Whether a pattern takes just what it says, without anything below it.
pub(super) fn is_exact(pattern: &str) -> bool {
    !pattern.starts_with('~') && !pattern.ends_with("/*") && !pattern.contains("{*")
}

/// The pattern with a word in place of each parameter.
fn filled(pattern: &str) -> Option<String> {
    if pattern.starts_with('~') {
        return None;
    }
    let fill = |segment: &str| if segment.starts_with('{') { ANY.to_owned() } else { segment.to_owned() };
    Some(pattern.split('/').map(fill).collect::<Vec<_>>().join("/"))
}

/// What stands before the `*` of the patterns that have one.
fn prefixes(route: &WrittenRoute) -> impl Iterator<Item = String> {
    route
        .r#match
        .path
        .iter()
        .filter_map(|path| Some(filled(&path.value.text)?.strip_suffix("/*")?.to_owned()))
}

/// The path that the service gets of one that comes by this route.
pub(super) fn sent(route: &WrittenRoute, path: &str) -> Option<String> {
    if let Some(rewrite) = &route.rewrite {
        let literal = |part: &scalar::Part| match part {
            scalar::Part::Text(text) => Some(text.clone()),
            scalar::Part::Value { .. } => None,
        };
        let target: String = rewrite.parts.iter().map(literal).collect::<Option<_>>()?;
        return target.split('?').next().map(ToOwned::to_owned);
    }
    let rest = match &route.strip_prefix {
        None => path,
        Some(StripPrefix::Matched) => {
            let rests =
                prefixes(route).filter_map(|prefix| below(path, &prefix)).min_by_key(|rest| rest.len());
            rests.unwrap_or(path)
        }
        Some(StripPrefix::Path(prefix)) => below(path, &prefix.0).unwrap_or(path),
    };
    let add = route.add_prefix.as_ref().map_or("", |prefix| &prefix.0);
    let slash = if rest.is_empty() || rest.starts_with('/') { "" } else { "/" };
    let sent = format!("{add}{slash}{rest}");
    Some(if sent.is_empty() { "/".to_owned() } else { sent })
}

/// The paths that clients ask for by this route, of which the service gets `sent`.
pub(super) fn asked(route: &WrittenRoute, sent: &str) -> Vec<String> {
    if route.rewrite.is_some() {
        return Vec::new();
    }
    let add = route.add_prefix.as_ref().map_or("", |prefix| &prefix.0);
    let Some(rest) = below(sent, add) else { return Vec::new() };
    let or_root = |path: String| if path.is_empty() { "/".to_owned() } else { path };
    match &route.strip_prefix {
        None => vec![or_root(rest.to_owned())],
        Some(StripPrefix::Matched) => prefixes(route).map(|prefix| or_root(prefix + rest)).collect(),
        Some(StripPrefix::Path(prefix)) => vec![or_root(prefix.0.trim_end_matches('/').to_owned() + rest)],
    }
}

/// What stands behind a prefix that ends at the end of a segment.
fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use maitred_config::read_text;

    use super::*;

    #[test]
    fn patterns_have_samples() {
        assert_eq!(samples("/*"), ["/", "/anything"]);
        assert_eq!(samples("/a/{id}/*"), ["/a/anything", "/a/anything/anything"]);
        assert_eq!(samples("/files/{*rest}"), ["/files/anything"]);
        assert_eq!(samples("~^/a"), [""; 0]);
        assert_eq!(
            [is_exact("/a/{id}"), is_exact("/a/*"), is_exact("/{*a}"), is_exact("~^/a$")],
            [true, false, false, false]
        );
    }

    #[test]
    fn what_is_asked_for_is_what_would_be_sent() {
        for (written, path, to) in [
            ("{ match: /*, upstream: u }", "/a/b", "/a/b"),
            ("{ match: /public/*, strip_prefix: true, upstream: u }", "/public/a", "/a"),
            ("{ match: /public/*, strip_prefix: true, upstream: u }", "/public/", "/"),
            ("{ match: /v1/a/*, strip_prefix: /v1, add_prefix: /x, upstream: u }", "/v1/a/b", "/x/a/b"),
            ("{ match: /a/*, add_prefix: /x, upstream: u }", "/a", "/x/a"),
        ] {
            let route: WrittenRoute = read_text(written).unwrap();
            assert_eq!(sent(&route, path).as_deref(), Some(to), "{written}");
            assert_eq!(asked(&route, to), [path], "{written}");
        }
        let replaced: WrittenRoute = read_text("{ match: /a, rewrite: '/b?c=d', upstream: u }").unwrap();
        assert_eq!((sent(&replaced, "/a").as_deref(), asked(&replaced, "/b").len()), (Some("/b"), 0));
        let unknown: WrittenRoute =
            read_text("{ match: '/a/{id}', rewrite: '/b/{path.id}', upstream: u }").unwrap();
        assert_eq!(sent(&unknown, "/a/1"), None);
    }
}
