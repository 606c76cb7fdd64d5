//! Where a redirect or rewrite leads: a path, perhaps with a query, or a whole URL, with values in it.
//!
//! What a value may look like depends on where it stands: in a path it can add no segment, in a query no parameter, in
//! the authority no port and no user. Only what is written in the configuration is structure; `request.path`, `path.NAME`
//! and `request.query` are put in encoded as they came where they mean the same, and encoded once more elsewhere.

use maitred_config::scalar;

use super::encode::{make_visible_from, percent_encode_from};
use super::{Available, Value, View};

/// A path or URL in which values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTemplate {
    pieces: Box<[Piece]>,
    has_query: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<[u8]>),
    Value {
        value: Value,
        /// Put in encoded as it came.
        as_it_came: bool,
        default: Box<[u8]>,
    },
}

/// Values made the path one that services could read in two ways: with dot segments, also encoded, or control bytes.
/// The answer is 400, as for a request that comes with such a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmbiguousPath;

/// A part of a URL (RFC 3986 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Scheme,
    Authority,
    Path,
    Query,
    Fragment,
}

impl TargetTemplate {
    /// Compiles a target for a step of the request: `/items/{path.id}?q={query.q}` or `https://{request.host}/new`.
    /// `Err` is the message that says which value is not to be had there.
    pub fn compile(template: &scalar::Template, available: Available) -> Result<Self, String> {
        let mut section = first_section(template);
        let mut has_query = false;
        let mut pieces = Vec::new();
        for part in &template.parts {
            pieces.push(match part {
                scalar::Part::Text(text) => {
                    section = section.behind(text);
                    has_query |= text.split('#').next().is_some_and(|before| before.contains('?'));
                    Piece::Text(visible(text))
                }
                scalar::Part::Value { name, default } => {
                    let value = Value::compile(name, available)?;
                    if section == Section::Authority && value == Value::RequestPath {
                        section = Section::Path;
                    }
                    let as_it_came = section.takes_as_it_came(&value);
                    let default = visible(default.as_deref().unwrap_or_default());
                    Piece::Value { value, as_it_came, default }
                }
            });
        }
        Ok(Self { pieces: pieces.into(), has_query })
    }

    /// Whether the target names a query, which then replaces the one of the request.
    pub fn has_query(&self) -> bool {
        self.has_query
    }

    /// Appends the target, visible ASCII throughout. If the path became ambiguous nothing is appended.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), AmbiguousPath> {
        let start = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value { value, as_it_came, default } => {
                    let from = out.len();
                    if !write(value, *as_it_came, view, out) {
                        out.extend_from_slice(default);
                    } else if *as_it_came {
                        make_visible_from(out, from);
                    } else {
                        percent_encode_from(out, from);
                    }
                }
            }
        }
        self.mend(start, out);
        if self.has_values() && is_ambiguous(path_of(&out[start..])) {
            out.truncate(start);
            return Err(AmbiguousPath);
        }
        Ok(())
    }

    fn has_values(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Value { .. }))
    }

    /// Takes away what a value that is missing, or begins with a slash, left behind.
    fn mend(&self, start: usize, out: &mut Vec<u8>) {
        // `/x?{request.query}` of a request without query.
        if self.has_query && out.ends_with(b"?") {
            out.pop();
        }
        // `/{path.rest}` must not become `//host`, which browsers take for another site.
        let written = matches!(self.pieces.first(), Some(Piece::Text(text)) if text.starts_with(b"//"));
        if !written && out[start..].starts_with(b"//") {
            let slashes = out[start..].iter().take_while(|&&byte| byte == b'/').count();
            out.drain(start..start + slashes - 1);
        }
    }
}

impl Section {
    /// The section at the end of `text`, which begins in this one.
    fn behind(self, text: &str) -> Self {
        let next = match self {
            Self::Scheme => text.split_once("://").map(|(_, rest)| (Self::Authority, rest)),
            Self::Authority => text.find(['/', '?', '#']).map(|at| (Self::Path, &text[at..])),
            Self::Path => match text.find(['?', '#']) {
                Some(at) if text[at..].starts_with('?') => Some((Self::Query, &text[at + 1..])),
                Some(at) => Some((Self::Fragment, &text[at + 1..])),
                None => None,
            },
            Self::Query => text.split_once('#').map(|(_, rest)| (Self::Fragment, rest)),
            Self::Fragment => None,
        };
        next.map_or(self, |(section, rest)| section.behind(rest))
    }

    /// Whether a value is structure of this section already, and is put in as it came.
    fn takes_as_it_came(self, value: &Value) -> bool {
        match self {
            Self::Path => matches!(value, Value::Path(_) | Value::RequestPath),
            Self::Query => matches!(value, Value::RequestQuery),
            Self::Authority => matches!(value, Value::RequestHost),
            Self::Scheme | Self::Fragment => false,
        }
    }
}

/// A path, unless it begins like a URL.
fn first_section(template: &scalar::Template) -> Section {
    match template.parts.first() {
        Some(scalar::Part::Text(text)) if text.contains("://") && !text.starts_with('/') => Section::Scheme,
        Some(scalar::Part::Value { name: scalar::ValueName::RequestScheme, .. }) => Section::Scheme,
        _ => Section::Path,
    }
}

/// What is written in the configuration, with what no URL may have percent-encoded.
fn visible(text: &str) -> Box<[u8]> {
    let mut bytes = text.as_bytes().to_vec();
    make_visible_from(&mut bytes, 0);
    bytes.into()
}

fn write(value: &Value, as_it_came: bool, view: &View<'_>, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Path(name) if as_it_came => match view.facts.params.value(name) {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                true
            }
            None => false,
        },
        _ => value.write(view, out),
    }
}

/// The path of a rendered target.
fn path_of(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let behind_scheme = target[..end].windows(3).position(|three| three == b"://").map_or(0, |at| at + 3);
    &target[behind_scheme..end]
}

/// Whether a path has dot segments or control bytes, once decoded. Slashes that are encoded count as slashes here: some
/// services decode them before they look.
fn is_ambiguous(path: &[u8]) -> bool {
    let path = std::str::from_utf8(path).expect("a rendered target is ASCII");
    let (mut dots, mut others) = (0, 0);
    for byte in super::encode::decoded(path, false) {
        match byte {
            b'/' | b'\\' => {
                if others == 0 && (1..=2).contains(&dots) {
                    return true;
                }
                (dots, others) = (0, 0);
            }
            ..b' ' | 0x7f => return true,
            b'.' => dots += 1,
            _ => others += 1,
        }
    }
    others == 0 && (1..=2).contains(&dots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::Sample;

    fn rendered(text: &str, sample: &Sample) -> Result<String, AmbiguousPath> {
        let template =
            TargetTemplate::compile(&scalar::template::parse(text).unwrap(), Available::Request).unwrap();
        let mut out = b"before".to_vec();
        let result = template.render(&sample.view(), &mut out);
        let text = String::from_utf8(out).unwrap();
        result.map(|()| text["before".len()..].to_owned()).inspect_err(|_| assert_eq!(text, "before"))
    }

    #[test]
    fn values_fit_where_they_stand() {
        let sample = Sample::new("GET /a%2Fb/c?x=1&y=a%2Fb%26c")
            .field("Host", "Shop.example:80")
            .field("X-T", "a/b?c#d@e:1")
            .param("id", "a%20b")
            .param("rest", "x/y/z");
        for (text, target) in [
            ("/plain?a=b#c", "/plain?a=b#c"),
            ("/ü {path.id}", "/%C3%BC%20a%20b"),
            ("/items/{path.id}", "/items/a%20b"),
            ("/v2/{path.rest}/end", "/v2/x/y/z/end"),
            ("/v2{request.path}", "/v2/a%2Fb/c"),
            ("/u/{query.y}", "/u/a%2Fb%26c"),
            ("/u/{header.X-T}", "/u/a%2Fb%3Fc%23d%40e%3A1"),
            ("/u?id={path.id}", "/u?id=a%20b"),
            ("/u?y={query.y}&z", "/u?y=a%2Fb%26c&z"),
            ("/u?{request.query}", "/u?x=1&y=a%2Fb%26c"),
            ("/u?next={request.path}", "/u?next=%2Fa%252Fb%2Fc"),
            ("/u#{request.query}", "/u#x%3D1%26y%3Da%252Fb%2526c"),
            ("{request.scheme}://{request.host}{request.path}", "https://shop.example/a%2Fb/c"),
            ("https://{header.X-T}.example/{path.id}", "https://a%2Fb%3Fc%23d%40e%3A1.example/a%20b"),
            ("https://{request.host}:8443/?h={request.host}", "https://shop.example:8443/?h=shop.example"),
            ("{query.y}", "a%2Fb%26c"),
            ("/{query.none:-a b/c}", "/a%20b/c"),
            ("/{query.none}/x", "/x"),
        ] {
            assert_eq!(rendered(text, &sample).as_deref(), Ok(target), "{text}");
        }
    }

    #[test]
    fn nothing_dangles() {
        let sample = Sample::new("GET /a").param("rest", "/evil.example/x");
        assert_eq!(rendered("/u?{request.query}", &sample).as_deref(), Ok("/u"));
        assert_eq!(rendered("/{path.rest}", &sample).as_deref(), Ok("/evil.example/x"));
        assert_eq!(
            rendered("//cdn.example/{path.rest}", &sample).as_deref(),
            Ok("//cdn.example//evil.example/x")
        );
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_refused() {
        for bad in ["..", ".", "..%2F..%2Fadmin", "x%2F..", "x%5C..%5Cy", "%00", "a%0d%0ab", "%252e%252e"] {
            let sample = Sample::new(&format!("GET /?id={bad}"));
            let refused = rendered("/users/{query.id}/orders", &sample);
            // What is encoded twice stays encoded: it is no dot segment for anybody who decodes once.
            assert_eq!(refused.is_err(), bad != "%252e%252e", "{bad}: {refused:?}");
        }
        let raw = Sample::new("GET /").param("rest", "a/%2e%2e/b");
        assert_eq!(rendered("/{path.rest}", &raw), Err(AmbiguousPath));
        for fine in ["...", ".a", "a..", "a%2Fb"] {
            assert!(rendered("/u/{query.id}", &Sample::new(&format!("GET /?id={fine}"))).is_ok(), "{fine}");
        }
        assert_eq!(rendered("/u?q={query.id}", &Sample::new("GET /?id=..")).as_deref(), Ok("/u?q=.."));
    }

    #[test]
    fn a_target_knows_whether_it_names_a_query() {
        let has = |text: &str| {
            TargetTemplate::compile(&scalar::template::parse(text).unwrap(), Available::Request)
                .unwrap()
                .has_query()
        };
        assert!(has("/a?b") && has("/a?{request.query}"));
        assert!(!has("/a") && !has("/a#b?c") && !has("/{query.a:-x?y}"));
    }
}
