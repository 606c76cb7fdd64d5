//! Small lists inside values: query pairs, cookies, comma-separated items. They borrow, and decode nothing.
//! Every reader of such lists uses these, so that all read them alike.

/// The items of a comma-separated field value (RFC 9110 section 5.6.1), trimmed; empty ones are left out, and a
/// comma inside a quoted string separates nothing.
pub fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    value
        .split(move |&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' => return !quoted,
                _ => {}
            }
            false
        })
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

/// The `name=value` pairs of a query, both still percent-encoded; a name without `=` has an empty value.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The pairs of a `Cookie` field (RFC 6265 section 4.2), without the quotes around a value.
pub fn cookies(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(|&byte| byte == b';').filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (pair[..at].trim_ascii_end(), pair[at + 1..].trim_ascii_start());
        let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        Some((name, bare))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_lists_outside_of_quotes() {
        let items: Vec<_> = list_items(br#" a , "b,\"c" ,, d"#).collect();
        assert_eq!(items, [&b"a"[..], br#""b,\"c""#, b"d"]);
    }

    #[test]
    fn splits_queries_and_cookies() {
        let pairs: Vec<_> = query_pairs("a=1&b&=x&a=2=3&&").collect();
        assert_eq!(pairs, [("a", "1"), ("b", ""), ("", "x"), ("a", "2=3")]);
        let crumbs: Vec<_> = cookies(b"a=1; b=\"two\";c ; d= 4").collect();
        assert_eq!(crumbs, [(&b"a"[..], &b"1"[..]), (b"b", b"two"), (b"d", b"4")]);
    }
}
