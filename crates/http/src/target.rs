//! The target of a request (RFC 9112 section 3.2): its path, normalised once, and its query.
//!
//! What is matched is what is forwarded: unreserved octets are decoded (RFC 3986 section 6.2.2.2) and the other
//! escapes get upper-case digits before anything looks at the path, and paths that services could read in two
//! ways (dot segments, `%2F`, `%5C`, `%00`, control bytes) are refused unless the listener takes raw paths.

/// How strictly paths are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathRules {
    /// Ambiguous paths are refused, the rest is normalised.
    #[default]
    Strict,
    /// Paths pass as they came, as long as they are visible ASCII.
    Raw,
}

/// Path and query of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    text: String,
    path_len: usize,
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Neither `/path`, nor `http://host/path`, nor `*`.
    Form,
    /// A byte that no target has: a blank, a control byte, one above 127, `#`, or a backslash in the path.
    Byte,
    /// A `%` without two hexadecimal digits behind it, in the path.
    Escape,
    /// An encoded slash, backslash or control byte in the path.
    EscapedSeparator,
    /// A segment `.` or `..`, also encoded.
    DotSegment,
}

impl TargetError {
    /// What was wrong, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "the request target has no known form",
            Self::Byte => "the request target has a byte that must be percent-encoded",
            Self::Escape => "the path has a broken percent-encoding",
            Self::EscapedSeparator => "the path has an encoded slash, backslash or control byte",
            Self::DotSegment => "the path has a dot segment",
        }
    }
}

impl Target {
    /// Reads a request target in place of the one before, and answers with the authority where it came in
    /// absolute form, for the caller to compare with `Host`. `*` becomes the path `*`.
    pub fn parse<'a>(&mut self, raw: &'a [u8], rules: PathRules) -> Result<Option<&'a [u8]>, TargetError> {
        self.clear();
        let (authority, rest) = split_absolute(raw)?;
        if !rest.iter().all(|&byte| is_target_byte(byte)) {
            return Err(TargetError::Byte);
        }
        let path_end = rest.iter().position(|&byte| byte == b'?').unwrap_or(rest.len());
        let (path, query) = rest.split_at(path_end);
        match path {
            b"*" if authority.is_none() && query.is_empty() => self.text.push('*'),
            [] => self.text.push('/'),
            _ if rules == PathRules::Raw => self.push_ascii(path),
            _ => self.push_normalised(path)?,
        }
        self.path_len = self.text.len();
        self.push_ascii(query);
        Ok(authority)
    }

    /// Forgets path and query and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.path_len = 0;
    }

    /// Path and query, as they go into a request line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path, percent-encoded and normalised.
    pub fn path(&self) -> &str {
        &self.text[..self.path_len]
    }

    /// The query without its `?`; none where there is no `?`.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_len + 1..)
    }

    /// Whether this is the `*` of `OPTIONS *` (RFC 9112 section 3.2.4).
    pub fn is_asterisk(&self) -> bool {
        self.text == "*"
    }

    /// Replaces the path and keeps the query. An empty path becomes `/`.
    pub fn set_path(&mut self, path: &str) {
        let path = if path.is_empty() { "/" } else { path };
        self.text.replace_range(..self.path_len, path);
        self.path_len = path.len();
    }

    /// Replaces the query and keeps the path.
    pub fn set_query(&mut self, query: Option<&str>) {
        self.text.truncate(self.path_len);
        if let Some(query) = query {
            self.text.push('?');
            self.text.push_str(query);
        }
    }

    fn push_ascii(&mut self, bytes: &[u8]) {
        self.text.push_str(std::str::from_utf8(bytes).expect("target bytes are ASCII"));
    }

    fn push_normalised(&mut self, path: &[u8]) -> Result<(), TargetError> {
        if path.contains(&b'\\') {
            return Err(TargetError::Byte);
        }
        let start = self.text.len();
        let mut rest = path;
        while let Some(at) = memchr::memchr(b'%', rest) {
            self.push_ascii(&rest[..at]);
            let byte = unescape(&rest[at..]).ok_or(TargetError::Escape)?;
            match byte {
                b'/' | b'\\' | 0x7f | ..=0x1f => return Err(TargetError::EscapedSeparator),
                _ if is_unreserved(byte) => self.text.push(char::from(byte)),
                _ => push_escape(&mut self.text, byte),
            }
            rest = &rest[at + 3..];
        }
        self.push_ascii(rest);
        if has_dot_segment(&self.text.as_bytes()[start..]) { Err(TargetError::DotSegment) } else { Ok(()) }
    }
}

/// Splits `scheme://authority/path` (RFC 9112 section 3.2.2) into the authority and the rest.
fn split_absolute(raw: &[u8]) -> Result<(Option<&[u8]>, &[u8]), TargetError> {
    if matches!(raw, [b'/', ..] | b"*") {
        return Ok((None, raw));
    }
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| raw.len() >= scheme.len() && raw[..scheme.len()].eq_ignore_ascii_case(scheme))
        .ok_or(TargetError::Form)?;
    let rest = &raw[scheme.len()..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    Ok((Some(&rest[..end]), &rest[end..]))
}

fn has_dot_segment(path: &[u8]) -> bool {
    memchr::memmem::find(path, b"/.").is_some()
        && path.split(|&byte| byte == b'/').any(|segment| matches!(segment, b"." | b".."))
}

/// Visible ASCII but for `#`: browsers and older clients send `[`, `|` and the like as they are.
const fn is_target_byte(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && byte != b'#'
}

const fn is_unreserved(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~')
}

fn unescape(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match *text {
        [b'%', high, low, ..] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Decodes percent-encoding; broken escapes stay as they are. With `plus`, `+` is a blank, as in forms.
pub fn percent_decode(text: &str, plus: bool) -> std::borrow::Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|&byte| byte == b'%' || (plus && byte == b'+')) {
        return bytes.into();
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        match (first, unescape(rest)) {
            (_, Some(byte)) => {
                out.push(byte);
                rest = &rest[3..];
                continue;
            }
            (b'+', None) if plus => out.push(b' '),
            (&byte, None) => out.push(byte),
        }
        rest = tail;
    }
    out.into()
}

/// Appends `value` to `out`, percent-encoding all but unreserved bytes: safe inside one path segment and inside a
/// query value.
pub fn push_percent_encoded(out: &mut String, value: &[u8]) {
    for &byte in value {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            push_escape(out, byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<(String, Option<String>), TargetError> {
        let mut target = Target::default();
        target.parse(raw.as_bytes(), PathRules::Strict)?;
        Ok((target.path().into(), target.query().map(Into::into)))
    }

    #[test]
    fn normalises_what_means_the_same() {
        for (raw, path, query) in [
            ("/", "/", None),
            ("/a//b/", "/a//b/", None),
            ("/%41%7e%2E5", "/A~.5", None),
            ("/a%3ab%c3%BC", "/a%3Ab%C3%BC", None),
            ("/a?b=/../%2f", "/a", Some("b=/../%2f")),
            ("/a?", "/a", Some("")),
            ("/..a/.b/c..", "/..a/.b/c..", None),
            ("http://h", "/", None),
            ("HTTP://h:80?x", "/", Some("x")),
            ("*", "*", None),
        ] {
            assert_eq!(parse(raw), Ok((path.into(), query.map(Into::into))), "{raw}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for (raw, error) in [
            ("", TargetError::Form),
            ("a/b", TargetError::Form),
            ("ftp://h/", TargetError::Form),
            ("/a b", TargetError::Byte),
            ("/ü", TargetError::Byte),
            ("/a#b", TargetError::Byte),
            ("/a\\b", TargetError::Byte),
            ("/a%", TargetError::Escape),
            ("/a%4", TargetError::Escape),
            ("/a%zz", TargetError::Escape),
            ("/a%2fb", TargetError::EscapedSeparator),
            ("/a%5Cb", TargetError::EscapedSeparator),
            ("/a%00", TargetError::EscapedSeparator),
            ("/a%0d%0a", TargetError::EscapedSeparator),
            ("/a%7f", TargetError::EscapedSeparator),
            ("/a/../b", TargetError::DotSegment),
            ("/a/%2e%2E", TargetError::DotSegment),
            ("/./a", TargetError::DotSegment),
            ("http://h/a/..", TargetError::DotSegment),
        ] {
            assert_eq!(parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn raw_paths_pass_as_they_came() {
        let mut target = Target::default();
        target.parse(b"/a/../%2f%zz?q", PathRules::Raw).unwrap();
        assert_eq!(target.path(), "/a/../%2f%zz");
        assert_eq!(target.parse(b"/a b", PathRules::Raw), Err(TargetError::Byte));
    }

    #[test]
    fn absolute_form_gives_its_authority() {
        let mut target = Target::default();
        assert_eq!(target.parse(b"http://h:1/p?q", PathRules::Strict), Ok(Some(&b"h:1"[..])));
        assert_eq!(target.as_str(), "/p?q");
    }

    #[test]
    fn path_and_query_change_apart() {
        let mut target = Target::default();
        target.parse(b"/a/b?x=1", PathRules::Strict).unwrap();
        target.set_path("/longer/path");
        assert_eq!(target.as_str(), "/longer/path?x=1");
        target.set_query(None);
        assert_eq!((target.as_str(), target.query()), ("/longer/path", None));
        target.set_path("");
        target.set_query(Some("y"));
        assert_eq!(target.as_str(), "/?y");
    }

    #[test]
    fn decodes_and_encodes_values() {
        assert_eq!(&*percent_decode("a%20b+c%zz", true), b"a b c%zz");
        assert_eq!(&*percent_decode("a+b", false), b"a+b");
        let mut out = String::new();
        push_percent_encoded(&mut out, "a/ü ~".as_bytes());
        assert_eq!(out, "a%2F%C3%BC%20~");
    }
}
