//! Conditional requests (RFC 9110 section 13): those that clients send, answered from what is kept, and those that ask a service
//! whether that still holds (RFC 9111 section 4.3).

use maitred_http::{Fields, Known, ResponseHead, list_items};

use crate::date::http_date;

/// Whether a client that has this already needs no other (RFC 9111 section 4.3.2): its `If-None-Match` names the tag, or, where it has
/// none, nothing has changed since `If-Modified-Since`. Only good answers are compared (RFC 9110 section 13.2.1).
pub fn is_unchanged(request: &Fields, stored: &ResponseHead) -> bool {
    if stored.status / 100 != 2 {
        return false;
    }
    if request.has(Known::IfNoneMatch) {
        let tag = stored.fields.known(Known::ETag);
        return request
            .all_known(Known::IfNoneMatch)
            .flat_map(list_items)
            .any(|named| named == b"*" || tag.is_some_and(|tag| is_same_weakly(named, tag)));
    }
    let Some(since) = request.known(Known::IfModifiedSince).and_then(http_date) else { return false };
    let changed = stored.fields.known(Known::LastModified).or_else(|| stored.fields.known(Known::Date));
    changed.and_then(http_date).is_some_and(|changed| changed <= since)
}

/// Fields in whose place services take another method, or another URL, than the request line says.
const IN_PLACE_OF_THE_LINE: [&str; 5] =
    ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"];

/// Whether only the service can say what a request asks for: it has conditions that caches do not judge (`If-Match` and
/// `If-Unmodified-Since`, RFC 9111 section 4.3.2), or may be for something else than its URL.
pub fn is_for_the_service(request: &Fields) -> bool {
    request.iter_known().any(|(known, name, _)| {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        known.is_none()
            && (is("If-Match")
                || is("If-Unmodified-Since")
                || matches!(name.first(), Some(b'X' | b'x')) && IN_PLACE_OF_THE_LINE.into_iter().any(is))
    })
}

/// Makes a request ask whether what is kept still holds (RFC 9111 section 4.3.1): false, and nothing is changed, where it has nothing to
/// go by. What the client has itself is compared afterwards with what is kept then.
pub fn ask_for_changes(request: &mut Fields, stored: &ResponseHead) -> bool {
    let (tag, modified) = (stored.fields.known(Known::ETag), stored.fields.known(Known::LastModified));
    if tag.is_none() && modified.is_none() {
        return false;
    }
    for condition in [Known::IfNoneMatch, Known::IfModifiedSince, Known::IfRange] {
        request.remove_known(condition);
    }
    // The answer is to be all of it, or that nothing has changed.
    request.remove_known(Known::Range);
    if let Some(tag) = tag {
        request.append_known(Known::IfNoneMatch, tag);
    }
    if let Some(modified) = modified {
        request.append_known(Known::IfModifiedSince, modified);
    }
    true
}

/// RFC 9110 section 8.8.3.2, weak comparison.
pub(crate) fn is_same_weakly(one: &[u8], other: &[u8]) -> bool {
    opaque(one) == opaque(other)
}

/// The same, strong: neither is weak.
pub(crate) fn is_same_strongly(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Lines, fields, response};

    const T1: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
    const T2: &str = "Thu, 02 Jan 2020 00:00:00 GMT";

    /// RFC 9110 sections 13.1.2, 13.1.3 and 13.2.2.
    #[test]
    fn clients_that_have_it_are_told_so() {
        let table: &[(Lines<'_>, Lines<'_>, bool)] = &[
            (&[("If-None-Match", "\"a\"")], &[("ETag", "\"a\"")], true),
            (&[("If-None-Match", "W/\"a\"")], &[("ETag", "\"a\"")], true),
            (&[("If-None-Match", "\"a\"")], &[("ETag", "W/\"a\"")], true),
            (&[("If-None-Match", "\"x\", \"a,b\", \"c\"")], &[("ETag", "\"a,b\"")], true),
            (&[("If-None-Match", "\"x\""), ("If-None-Match", "\"a\"")], &[("ETag", "\"a\"")], true),
            (&[("If-None-Match", "*")], &[], true),
            (&[("If-None-Match", "\"b\"")], &[("ETag", "\"a\"")], false),
            (&[("If-None-Match", "\"b\"")], &[], false),
            // The tag goes before the date.
            (
                &[("If-None-Match", "\"a\""), ("If-Modified-Since", T1)],
                &[("ETag", "\"a\""), ("Last-Modified", T2)],
                true,
            ),
            (
                &[("If-None-Match", "\"b\""), ("If-Modified-Since", T2)],
                &[("ETag", "\"a\""), ("Last-Modified", T1)],
                false,
            ),
            (&[("If-Modified-Since", T1)], &[("Last-Modified", T1)], true),
            (&[("If-Modified-Since", T2)], &[("Last-Modified", T1)], true),
            (&[("If-Modified-Since", T1)], &[("Last-Modified", T2)], false),
            (&[("If-Modified-Since", T2)], &[("Date", T1)], true),
            (&[("If-Modified-Since", T1)], &[("Date", T2)], false),
            (&[("If-Modified-Since", "Wednesday, 01-Jan-20 00:00:00 GMT")], &[("Last-Modified", T1)], true),
            (&[("If-Modified-Since", "yesterday")], &[("Last-Modified", T1)], false),
            (&[], &[("ETag", "\"a\""), ("Last-Modified", T1)], false),
        ];
        for (asked, stored, unchanged) in table {
            assert_eq!(
                is_unchanged(&fields(asked), &response(200, stored)),
                *unchanged,
                "{asked:?} {stored:?}"
            );
        }
        let asked = fields(&[("If-None-Match", "\"a\"")]);
        assert!(!is_unchanged(&asked, &response(404, &[("ETag", "\"a\"")])));
    }

    /// RFC 9111 section 4.3.1.
    #[test]
    fn services_are_asked_with_what_is_kept() {
        let mut asked = fields(&[("If-None-Match", "\"x\""), ("Range", "bytes=0-1"), ("A", "1")]);
        assert!(!ask_for_changes(&mut asked, &response(200, &[])));
        assert!(asked.has(Known::Range));
        assert!(ask_for_changes(&mut asked, &response(200, &[("ETag", "W/\"a\""), ("Last-Modified", T1)])));
        let lines: Vec<_> = asked.iter().collect();
        let expected =
            [(&b"A"[..], &b"1"[..]), (b"If-None-Match", b"W/\"a\""), (b"If-Modified-Since", T1.as_bytes())];
        assert_eq!(lines, expected);
        assert!(is_for_the_service(&fields(&[("if-match", "*")])) && !is_for_the_service(&asked));
    }
}
