//! A part of an answer that is kept whole (RFC 9110 section 14).
//! Parts that a service sends are not kept.

use std::ops::Range;

use maitred_http::{Known, Method, RequestHead, ResponseHead};

use crate::conditional::is_same_strongly;

/// How much of an answer a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: no part was asked for, or several, or parts of another edition.
    Whole,
    /// These bytes.
    Bytes(Range<usize>),
    /// A part that it does not have: 416.
    Unsatisfiable,
}

/// How much of this answer, whose body has `length` bytes, the request is for. Several parts at once are answered with the whole, as every
/// server may (section 14.2).
pub(crate) fn part(request: &RequestHead, stored: &ResponseHead, length: usize) -> Part {
    if request.method != Method::Get || stored.status != 200 || request.fields.has_many(Known::Range) {
        return Part::Whole;
    }
    let Some(range) = request.fields.known(Known::Range) else { return Part::Whole };
    if request.fields.known(Known::IfRange).is_some_and(|edition| !is_edition(edition, stored)) {
        return Part::Whole;
    }
    parse(range, length).unwrap_or(Part::Whole)
}

/// Section 13.1.5: the same tag, both strong, or exactly the same date.
fn is_edition(edition: &[u8], stored: &ResponseHead) -> bool {
    let has = |known| stored.fields.known(known);
    if edition.starts_with(b"\"") || edition.starts_with(b"W/") {
        return has(Known::ETag).is_some_and(|tag| is_same_strongly(edition, tag));
    }
    has(Known::LastModified) == Some(edition)
}

/// One range of bytes; none where it is anything else, which is ignored.
fn parse(range: &[u8], length: usize) -> Option<Part> {
    let text = std::str::from_utf8(range).ok()?;
    let (unit, spec) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than can be counted is more than there is.
        is_number.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let (from, to) = match (first, last) {
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some(if from < to { Part::Bytes(from..to) } else { Part::Unsatisfiable })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{request, response};

    fn of(lines: &[(&str, &str)], stored: &[(&str, &str)]) -> Part {
        part(&request("GET /", lines), &response(200, stored), 11)
    }

    /// RFC 9110 section 14.1.2.
    #[test]
    fn one_range_is_a_part_of_it() {
        let table = [
            ("bytes=0-1", Part::Bytes(0..2)),
            ("bytes=1-", Part::Bytes(1..11)),
            ("bytes=-1", Part::Bytes(10..11)),
            ("bytes=-99", Part::Bytes(0..11)),
            ("bytes=5-99", Part::Bytes(5..11)),
            ("BYTES=10-10", Part::Bytes(10..11)),
            ("bytes=11-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=99999999999999999999999-", Part::Unsatisfiable),
            ("bytes=5-1", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("0-1", Part::Whole),
        ];
        for (range, expected) in table {
            assert_eq!(of(&[("Range", range)], &[]), expected, "{range}");
        }
    }

    /// RFC 9110 section 13.1.5.
    #[test]
    fn a_part_of_another_edition_is_the_whole_of_this() {
        let date = "Wed, 01 Jan 2020 00:00:00 GMT";
        let stored = [("ETag", "\"a\""), ("Last-Modified", date)];
        for (edition, is_part) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            (date, true),
            ("Thu, 02 Jan 2020 00:00:00 GMT", false),
        ] {
            let found = of(&[("Range", "bytes=0-1"), ("If-Range", edition)], &stored);
            assert_eq!(found != Part::Whole, is_part, "{edition}");
        }
        let weak = of(&[("Range", "bytes=0-1"), ("If-Range", "W/\"a\"")], &[("ETag", "W/\"a\"")]);
        assert_eq!(weak, Part::Whole);
    }

    #[test]
    fn heads_and_other_answers_have_no_parts() {
        let lines = [("Range", "bytes=0-1")];
        assert_eq!(part(&request("HEAD /", &lines), &response(200, &[]), 11), Part::Whole);
        assert_eq!(part(&request("GET /", &lines), &response(404, &[]), 11), Part::Whole);
    }

    proptest! {
        #[test]
        fn parts_lie_within(range in "bytes=[0-9-]{0,24}|\\PC{0,30}", length in 0usize..1000) {
            let head = request("GET /", &[("Range", &range)]);
            if let Part::Bytes(bytes) = part(&head, &response(200, &[]), length) {
                prop_assert!(bytes.start < bytes.end && bytes.end <= length);
            }
        }
    }
}
